"""The staff desk: members' queries become cited drafts, approved answers and posts.

``queries`` holds the rules, ``workbench`` is the work on top of them, and ``page``, ``api`` and ``cli`` are
three ways to the same.
"""
