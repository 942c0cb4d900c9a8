"""Articles: how they are read, cleaned and remembered.

In the order in which an article meets them:

1. ``article``   the value everything else speaks of
2. ``clean``     text that is safe to store, slice and show
3. ``extract``   one document of any kind becomes an article: ``extract_html`` (with ``page_metadata``,
   ``hidden``, ``furniture``), ``extract_pdf``, ``extract_docx``, ``extract_text``
4. ``reading``   files and folders become articles
5. ``fetch``     pages and files from the web
6. ``sources``   sites, feeds, sitemaps, pages, files and folders give articles
7. ``catalogue`` the SQLite record of what the corpus holds

Nothing here knows of chunks, embeddings or language models.
"""
