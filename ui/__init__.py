"""What people touch: the command line (``cli``) and the chat page (``page``).

``render`` turns an answer into text and data, ``evidence`` turns it into HTML; both are plain
functions, so what a person sees can be tested without a terminal or a browser. ``desk`` is the staff's part.
"""
