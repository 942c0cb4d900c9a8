"""Text that went through `clean_text` is normal, visible, and the same when cleaned again."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corpus.clean import clean_line, clean_text

# Letters that combine, characters to be dropped and white space, far more often than chance has them.
_HARD = st.text(alphabet="aé\u0301\u0323\u200b\u200d\u202e\ufeff\u00ad \t\r\n\x0b\x85\u2028\u3000\x00稀🏽👩")
_ANY = st.text(st.characters(codec=None)) | _HARD  # codec=None: lone surrogates too


@given(_ANY)
@example("e\u200b\u0301")  # an accent that meets its letter only once a character between them is dropped
@example("0\x1f\u200d0")  # the same with a joiner
@example("0\u200d\u212a")  # the sign for kelvin becomes a letter
def test_cleaning_twice_is_cleaning_once(raw: str) -> None:
    assert clean_text(clean_text(raw)) == clean_text(raw)


@given(_ANY)
def test_clean_text_is_normal_can_be_stored_and_has_no_edges(raw: str) -> None:
    text = clean_text(raw)
    assert text == text.strip() == unicodedata.normalize("NFC", text)
    assert text.encode("utf-8").decode("utf-8") == text
    assert all(line == line.strip() for line in text.split("\n"))
    assert "\n\n\n" not in text


@given(_ANY)
def test_clean_text_holds_no_control_character_but_line_breaks(raw: str) -> None:
    assert not [c for c in clean_text(raw) if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]


@pytest.mark.parametrize(
    "hidden",
    [
        "\x00",
        "\x07",
        "\x1b",
        "\x7f",
        "\x9f",
        "\u00ad",  # soft hyphen
        "\u200b",  # zero-width space
        "\u200c",  # zero-width non-joiner
        "\u200e",  # left-to-right mark
        "\u200f",  # right-to-left mark
        "\u202a",  # bidirectional embedding
        "\u202e",  # right-to-left override
        "\u2060",  # word joiner
        "\u2066",  # bidirectional isolate
        "\u2069",
        "\ufeff",  # byte order mark
    ],
)
def test_invisible_characters_are_dropped(hidden: str) -> None:
    assert clean_text(f"{hidden}rare{hidden} ear{hidden}ths{hidden}") == "rare earths"


@pytest.mark.parametrize("emoji", ["👩‍🔬", "👩🏽‍🚀", "👨‍👩‍👧‍👦", "❤️", "🇨🇳", "1️⃣"])
def test_emoji_sequences_stay_whole(emoji: str) -> None:
    assert clean_text(f"a {emoji} b") == f"a {emoji} b"


def test_paragraphs_stay_apart_by_one_empty_line_and_single_breaks_stay() -> None:
    assert clean_text("  One\t\ttwo \r\nthree\r\r\n \n\n\nFour\u2029five  ") == "One two\nthree\n\nFour\nfive"


def test_white_space_of_every_kind_becomes_one_space() -> None:
    assert clean_text("a\u00a0b\u3000c \t d\u2009e") == "a b c d e"


def test_accents_are_composed() -> None:
    assert clean_text("Ne\u0301ode\u0301me") == "Néodéme"


def test_lone_surrogates_become_question_marks() -> None:
    assert clean_text("a\ud800b\udfffc") == "a?b?c"


def test_chinese_text_is_left_as_it_is() -> None:
    assert (
        clean_text("北方稀土宣布，2025年一季度上调精矿价格。") == "北方稀土宣布，2025年一季度上调精矿价格。"
    )


def test_clean_line_has_no_line_breaks() -> None:
    assert clean_line(" Rare\n\n earth\u200bs \u2028 today\t") == "Rare earths today"
