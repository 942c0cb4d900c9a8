"""Articles: how they are read, cleaned and remembered.

In the order in which an article meets them:

1. ``article``   the value everything else speaks of
2. ``clean``     text that is safe to store, slice and show
3. ``reading``   Markdown, plain text and JSONL files become articles
4. ``fetch``     pages and files from the web
5. ``sources``   sites, feeds, sitemaps, pages, files and folders give articles
6. ``catalogue`` the SQLite record of what the corpus holds

Nothing here knows of chunks, embeddings or language models.
"""
