"""Where articles come from: sites, feeds, sitemaps, pages, files and folders.

Each is one module with one class; all of them have the shape of `Source`. Those that read pages share
`corpus.sources.pages.read_pages`, those on the web the one client in `corpus.fetch`.
"""

from corpus.sources.choose import discover, open_source
from corpus.sources.pages import ask_again
from corpus.sources.source import Seen, Source

__all__ = ["Seen", "Source", "ask_again", "discover", "open_source"]
