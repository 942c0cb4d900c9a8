"""Other systems that answer the same questions from the same corpus with the same models.

Each is one file with one function: articles in, a `Peer` out.
"""
