"""What all pages have in common: the theme, the head with the way to the others, and who looks at them."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.requests import Request

from corpus.reading import MAX_FILE_BYTES
from ui.accounts import LOCAL, Role, User
from ui.gate import Gate

_HERE = Path(__file__).parent

_CHINESE = {
    "Ask": "提问",
    "Desk": "工作台",
    "Library": "文库",
    "Evals": "评测",
    "Sign out": "退出登录",
    "Sign out everywhere": "在所有设备上退出",
    "Members’ queries, from the inbox to the forum.": "会员的提问，从收件箱到论坛。",
    "The articles that answers come from.": "回答所依据的文章。",
    "How well questions are answered, measured over suites.": "用题集衡量回答的好坏。",
}
_MOON = '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M16 12A7 7 0 0 1 8 4a7 7 0 1 0 8 8z"/></svg>'
_PERSON = (
    '<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="7" r="3.2"/>'
    '<path d="M3.5 17a6.5 6.5 0 0 1 13 0"/></svg>'
)
_TOOLS = (
    '<button type="button" data-switch="language" lang="zh" data-in="en">中文</button>'
    '<button type="button" data-switch="language" lang="en" data-in="zh">English</button>'
    '<button type="button" data-switch="theme" aria-label="Light or dark 明暗" title="Light or dark">'
    f"{_MOON}</button>"
)

PAGES: tuple[tuple[str, str, Role], ...] = (
    ("/", "Ask", "reader"),
    ("/desk/", "Desk", "staff"),
    ("/library/", "Library", "staff"),
    ("/evals/", "Evals", "staff"),
)
"""Where each page is, its name, and the least role that it is open to."""


def masthead(path: str, title: str, line: str) -> gr.HTML:
    """The head of the page at a path: its title, a line about it, and links to all pages."""
    here = " aria-current=page"
    links = "".join(
        f'<a href="{where}" data-for="{role}"{here if where == path else ""}>{_both(name)}</a>'
        for where, name, role in PAGES
    )
    return gr.HTML(
        f'<div class="bar"><h1>{_both(title)}</h1><nav aria-label="Pages">{links}</nav>'
        f'<div class="tools">{_TOOLS}</div>{_ACCOUNT}</div><p>{_both(line)}</p>',
        elem_id="masthead",
        apply_default_css=False,
    )


def _both(text: str) -> str:
    """A text in both languages, of which ``page.css`` shows one; as it is where it has no other."""
    if text not in _CHINESE:
        return escape(text)
    return f'<span data-in="en">{escape(text)}</span><span data-in="zh" lang="zh">{_CHINESE[text]}</span>'


# Shown by page.js where people sign in, with their name.
_ACCOUNT = (
    '<details id="account" hidden><summary aria-label="Account 账户">'
    f'{_PERSON}<span class="who"></span></summary><form method="post" action="/logout">'
    f"<button>{_both('Sign out')}</button>"
    f'<button name="everywhere" value="1">{_both("Sign out everywhere")}</button></form></details>'
)


def viewer(request: gr.Request) -> User:
    """Who has sent an event of a page."""
    user: User = request.state.user  # every page is behind a `Gate`
    return user


def mounting(role: Role = "reader") -> dict[str, Any]:
    """How a page is mounted, all of which needs a role."""
    return {
        "app_kwargs": {"middleware": [Middleware(Gate, role=role)]},
        "auth_dependency": _shown_viewer,
        "mcp_server": False,  # whatever the environment says: only `ui.tools` is meant for programs
        "run_history": False,  # it would leave what one person asked in the browser for the next one
        "show_error": True,
        "footer_links": [],
        "theme": _theme(),
        "css_paths": [_HERE / "page.css", _HERE / "desk/desk.css"],
        "head": f"<style>{_read('chat.css')}</style>"
        f"<script>{_read('page.js')}{_read('desk/desk.js')}</script>",
        "ssr_mode": False,
        "enable_monitoring": False,
        "max_file_size": MAX_FILE_BYTES,
    }


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _shown_viewer(request: Request) -> str:
    """What a page is told of who looks at it: the role, and behind it the name of who signed in."""
    user: User = request.state.user
    return user.role if user == LOCAL else f"{user.role} {user.name}"


def _theme() -> gr.themes.Base:
    sans = ["Inter", "system-ui", "-apple-system", "Segoe UI", "Noto Sans CJK SC", "sans-serif"]
    theme = gr.themes.Soft(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=sans,
        font_mono=["ui-monospace", "monospace"],
    )
    colours = {
        "block_title_background_fill": "none",
        "block_title_text_color": "var(--reex-soft)",
        "body_text_color_subdued": "var(--reex-soft)",  # Gradio's own can hardly be read
        "input_placeholder_color": "var(--reex-soft)",
        "body_background_fill": "var(--reex-ground)",
        "background_fill_primary": "var(--reex-paper)",
        "border_color_primary": "var(--reex-edge)",
        # One box for each field, with an edge that can be seen, instead of boxes in boxes.
        "block_background_fill": "transparent",
        "input_background_fill": "var(--reex-paper)",
        "input_border_color": "var(--reex-edge)",
        "input_border_color_focus": "var(--reex-accent)",
        "input_shadow": "none",
        "input_shadow_focus": "none",
        "checkbox_label_background_fill": "transparent",
        "checkbox_label_border_color": "var(--reex-edge)",
        "checkbox_label_shadow": "none",
        "button_secondary_background_fill": "var(--reex-paper)",
        "button_secondary_background_fill_hover": "var(--reex-accent-soft)",
        "button_secondary_border_color": "var(--reex-edge)",
        "button_secondary_text_color": "var(--reex-ink)",
        "button_secondary_shadow": "none",
        "button_primary_background_fill": "var(--reex-button)",
        "button_primary_background_fill_hover": "var(--reex-accent)",
        "button_primary_text_color": "var(--reex-on-button)",
        "button_primary_shadow": "none",
    }
    measures = {
        "block_padding": "0",
        "block_border_width": "0",
        "block_shadow": "none",
        "block_title_padding": "0",
        "block_title_text_weight": "600",
        "checkbox_label_border_width": "1px",
        "input_border_width": "1px",
        "input_radius": "9px",
        "button_border_width": "1px",
        "button_large_radius": "9px",
        "button_small_padding": "6px 14px",
        "button_small_radius": "9px",
        "button_small_text_size": "0.88rem",
        "button_small_text_weight": "600",
        "layout_gap": "14px",
    }
    both = {f"{name}{mode}": value for name, value in colours.items() for mode in ("", "_dark")}
    return theme.set(**both, **measures)
