"""Text that is safe to store, slice and show."""

import re
import unicodedata

CJK = re.compile("[\u3400-\u9fff]")
"""One Chinese character."""
WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
"""A word, or a Chinese character, of which a text has no spaces to tell words by."""

# Zero-width and bidirectional controls hide or reorder what a reader sees; the soft hyphen and
# the byte order mark break matching. The zero-width joiner (U+200D) stays: it builds emoji.
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
# Text that an override shows backwards, and letters that have no shape at all (tags, which belong
# to flags only), are never meant for a reader; between letters the joiner hides a word.
_HIDDEN = re.compile(
    "\u202e[^\u202c\n]*\u202c|(?<![\U0001f3f4\U000e0000-\U000e007f])[\U000e0000-\U000e007f]+"
    "|(?<=[A-Za-z0-9.,-])\u200d(?=[A-Za-z0-9.,-])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[^\S\n]+")


def clean_text(raw: str) -> str:
    """Normalise to NFC, drop invisible characters, and even out the white space.

    Paragraphs stay apart by exactly one empty line; single line breaks are kept.
    """
    text = raw.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be stored
    text = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text)
    text = _CONTROL.sub("", _INVISIBLE.sub("", _HIDDEN.sub("", text)))
    text = unicodedata.normalize("NFC", text)  # an accent may meet its letter only now
    text = _HIDDEN.sub("", text)  # and a joiner the letters around it
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def clean_line(raw: str) -> str:
    """The same for a value of one line, such as a title."""
    return " ".join(clean_text(raw).split())
