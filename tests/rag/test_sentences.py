"""Sentence spans lose nothing, are in order, and end where a reader would end them."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import has_cjk, sentence_spans, split_sentences

_PARTS = [
    "Dr. ",
    "U.S. ",
    "1.5",
    "e.g. ",
    ". ",
    "! ",
    "?”",
    "。",
    "！”",
    "\n",
    "\n\n",
    " ",
    "稀土",
    "👩‍🔬",
    "a",
    "“",
]
_TEXT = st.text() | st.lists(st.sampled_from(_PARTS)).map("".join)


def ink(text: str) -> str:
    # A text without its white space.
    return "".join(text.split())


@given(_TEXT)
def test_spans_are_in_order_without_overlap_and_hold_every_visible_character(text: str) -> None:
    spans = list(sentence_spans(text))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert ink("".join(text[start:end] for start, end in spans)) == ink(text)


@given(_TEXT, st.integers(0, 40), st.integers(0, 40))
def test_spans_of_a_part_are_the_spans_of_that_part_alone_moved(text: str, start: int, length: int) -> None:
    start = min(start, len(text))
    end = min(start + length, len(text))
    alone = [(start + left, start + right) for left, right in sentence_spans(text[start:end])]
    assert list(sentence_spans(text, start, end)) == alone


@given(_TEXT)
def test_no_sentence_runs_over_an_empty_line(text: str) -> None:
    assert not [sentence for sentence in split_sentences(text) if "\n\n" in sentence]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("China cut quotas. Prices rose!  Why?", ["China cut quotas.", "Prices rose!", "Why?"]),
        ("He said “yes.” Then he left.", ["He said “yes.”", "Then he left."]),
        ("It fell (by 2%.) Then it rose…", ["It fell (by 2%.)", "Then it rose…"]),
        ("Output was 1.5 tonnes at $3.20. It rose.", ["Output was 1.5 tonnes at $3.20.", "It rose."]),
        ("See example.org for more. Bye.", ["See example.org for more.", "Bye."]),
        ("A heading\n\nA sentence", ["A heading", "A sentence"]),
        ("One line\nstill the same. Next.", ["One line\nstill the same.", "Next."]),
        ("北方稀土上调价格。包钢承诺增产！真的吗？", ["北方稀土上调价格。", "包钢承诺增产！", "真的吗？"]),
        ("他说：“涨了。”然后走了。", ["他说：“涨了。”", "然后走了。"]),
        ("价格为1.5万元；产量持平。", ["价格为1.5万元；", "产量持平。"]),
        ("包钢 grew 3.5%. 北方稀土也是。OK.", ["包钢 grew 3.5%.", "北方稀土也是。", "OK."]),
        ("Great 👩‍🔬! Yes.", ["Great 👩‍🔬!", "Yes."]),
        ("", []),
        (" \n\n ", []),
        ("...", ["..."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Smith spoke.",
        "The U.S. Department of Defense paid.",
        "Lynas Corp. and MP Materials Inc. agreed.",
        "Some metals, e.g. dysprosium, are rare.",
        "Announcement No. 18 of Apr. 4 applies.",
        "About approx. 20 tonnes vs. 10 tonnes before.",
        "J. Litinsky leads it.",
        "The plant opens at 9 a.m. on Monday.",
        "Gov. Youngkin and Sen. Warner came.",
    ],
)
def test_abbreviations_do_not_end_a_sentence(text: str) -> None:
    assert split_sentences(text) == [text]


def test_an_abbreviation_ends_a_sentence_at_the_end_of_a_paragraph_and_of_the_text() -> None:
    assert split_sentences("It went to the U.S.\n\nThe next day.") == ["It went to the U.S.", "The next day."]
    assert split_sentences("It went to Lynas Corp. ") == ["It went to Lynas Corp."]


def test_words_that_only_end_like_an_abbreviation_end_a_sentence() -> None:
    assert split_sentences("They met in Waco. Then it fell. It hit plan B. Then C.") == [
        "They met in Waco.",
        "Then it fell.",
        "It hit plan B. Then C.",  # one capital letter is read as an initial
    ]


@pytest.mark.parametrize(
    "unit",
    ["a", "稀", ".", ". ", "U.S. ", "a.", '."', ".”)", "!\n", "\n\n", " ", "。", "。」", "👩‍🔬", "x.y'"],
)
def test_time_grows_with_the_length_of_hostile_text_and_no_faster(unit: str) -> None:
    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        started = process_time()
        list(sentence_spans(text))
        return process_time() - started

    small = min(seconds(25_000) for _ in range(3))
    large = min(seconds(100_000) for _ in range(3))
    assert large < 10 * small + 0.01  # quadratic time would be 16 times as much


def test_only_chinese_characters_count_as_chinese() -> None:
    assert has_cjk("the 稀土 market")
    assert not has_cjk("the “rare earth” market – 👩‍🔬, カ。")
