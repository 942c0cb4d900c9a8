"""How fast the product is, and what it costs, measured beside something else in the same run.

``short`` is ``reex bench``: indexing, search and answers over a suite's articles in ten to twenty minutes.
The others take longer or want a served product, and are run as modules: ``ingest`` (a large corpus),
``retrieval`` (up to a million passages), ``chat`` (many people at once), ``load`` (saturation and beyond).
"""
