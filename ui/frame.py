"""What all pages have in common: the theme, the head with the way to the others, and who looks at them."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from corpus.reading import MAX_FILE_BYTES
from ui.accounts import LOCAL, User

_HERE = Path(__file__).parent

_CHINESE = {"Ask": "提问", "Library": "文库", "Evals": "评测"}
_MOON = '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M16 12A7 7 0 0 1 8 4a7 7 0 1 0 8 8z"/></svg>'
_TOOLS = (
    '<button type="button" data-switch="language" lang="zh" data-in="en">中文</button>'
    '<button type="button" data-switch="language" lang="en" data-in="zh">English</button>'
    '<button type="button" data-switch="theme" aria-label="Light or dark 明暗" title="Light or dark">'
    f"{_MOON}</button>"
)

PAGES = (("/", "Ask", "reader"), ("/library/", "Library", "staff"), ("/evals/", "Evals", "staff"))
"""Where each page is, its name, and the least role that it is open to."""


def masthead(path: str, title: str, line: str) -> gr.HTML:
    """The head of the page at a path: its title, a line about it, and links to all pages."""
    here = " aria-current=page"
    links = "".join(
        f'<a href="{where}" data-for="{role}"{here if where == path else ""}>{_both(name)}</a>'
        for where, name, role in PAGES
    )
    return gr.HTML(
        f'<div class="bar"><h1>{escape(title)}</h1><nav aria-label="Pages">{links}</nav>'
        f'<div class="tools">{_TOOLS}</div></div><p>{escape(line)}</p>',
        elem_id="masthead",
        apply_default_css=False,
    )


def _both(name: str) -> str:
    """A name in both languages, of which ``page.css`` shows one."""
    return f'<span data-in="en">{name}</span><span data-in="zh" lang="zh">{_CHINESE.get(name, name)}</span>'


def viewer(request: gr.Request) -> User:
    """Who has sent an event of a page."""
    return LOCAL


def mounting() -> dict[str, Any]:
    """How every page is mounted."""
    return {
        "show_error": True,
        "footer_links": [],
        "theme": _theme(),
        "css_paths": [_HERE / "page.css", _HERE / "chat.css"],
        "head": f"<script>{(_HERE / 'page.js').read_text(encoding='utf-8')}</script>",
        "ssr_mode": False,
        "enable_monitoring": False,
        "max_file_size": MAX_FILE_BYTES,
    }


def _theme() -> gr.themes.Base:
    sans = ["Inter", "system-ui", "-apple-system", "Segoe UI", "Noto Sans CJK SC", "sans-serif"]
    return gr.themes.Soft(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=sans,
        font_mono=["ui-monospace", "monospace"],
    )
