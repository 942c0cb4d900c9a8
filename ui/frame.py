"""What all pages have in common: the theme, the head with the way to the others, and who looks at them."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from corpus.reading import MAX_FILE_BYTES
from ui.accounts import LOCAL, User

_HERE = Path(__file__).parent
_SCRIPTS = ("page.js", "desk.js")

PAGES = (
    ("/", "Ask", "reader"),
    ("/desk/", "Desk", "staff"),
    ("/library/", "Library", "staff"),
    ("/evals/", "Evals", "staff"),
)
"""Where each page is, its name, and the least role that it is open to."""


def masthead(path: str, title: str, line: str) -> gr.HTML:
    """The head of the page at a path: its title, a line about it, and links to all pages."""
    links = "".join(
        f'<a href="{where}" data-for="{role}"{" aria-current=page" if where == path else ""}>{name}</a>'
        for where, name, role in PAGES
    )
    return gr.HTML(
        f'<nav aria-label="Pages">{links}</nav><h1>{escape(title)}</h1><p>{escape(line)}</p>',
        elem_id="masthead",
    )


def viewer(request: gr.Request) -> User:
    """Who has sent an event of a page."""
    return LOCAL


def mounting() -> dict[str, Any]:
    """How every page is mounted."""
    return {
        "show_error": True,
        "footer_links": [],
        "theme": _theme(),
        "css_paths": [_HERE / "page.css", _HERE / "desk.css"],
        "head": "".join(
            f"<script>{(_HERE / name).read_text(encoding='utf-8')}</script>" for name in _SCRIPTS
        ),
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
