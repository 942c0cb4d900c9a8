"""A question that names dates of publication gets the window that it means, and no other does."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.article import Article
from rag.dates import PartialDate, find_dates
from rag.window import ALWAYS, DateWindow, known_date, read_window

TODAY = date(2026, 11, 24)


def window(since: str = "", until: str = "") -> DateWindow:
    return DateWindow(*(date.fromisoformat(day) if day else None for day in (since, until)))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What has Lynas said since January 2026?", window("2026-01-01")),
        ("What did Baogang say before the May 2025 meeting?", window(until="2025-04-30")),
        ("What did Baogang do after the May 2025 meeting?", window("2025-05-01")),
        ("Which articles came out after 10 Feb 2026?", window("2026-02-11")),
        ("What deals did Energy Fuels sign after 2025?", window("2026-01-01")),
        ("Between March and June 2025, what did China announce?", window("2025-03-01", "2025-06-30")),
        ("between 2023 and 2025", window("2023-01-01", "2025-12-31")),
        ("from 1 January 2025 to 31 March 2025", window("2025-01-01", "2025-03-31")),
        ("What was announced in the last quarter of 2025?", window("2025-10-01", "2025-12-31")),
        ("What did REEx report in March 2026 on MP?", window("2026-03-01", "2026-03-31")),
        ("What was reported on MP in the first half of 2025?", window("2025-01-01", "2025-06-30")),
        ("Any news from last quarter?", window("2026-07-01", "2026-09-30")),
        ("What happened last month?", window("2026-10-01", "2026-10-31")),
        ("What was reported over the past three months?", window("2026-08-24")),
        ("What has Lynas announced this year?", window("2026-01-01")),
        ("up to the end of 2025, who owned it?", window(until="2025-12-31")),
        ("Before the end of 2023, what did reports give as EBITDA?", window(until="2023-12-31")),
        ("What was said before the start of 2024?", window(until="2023-12-31")),
        ("Which deals were signed since mid-2025?", window("2025-07-02")),
        ("What was known before late 2025?", window(until="2025-08-31")),
        ("What came after the beginning of 2025?", window("2025-01-01")),
        ("What did the bank say in November 2025 on magnets?", window("2025-11-01", "2025-11-30")),
        ("Going by what came out in H1 2024, who leads?", window("2024-01-01", "2024-06-30")),
        ("2026年1月以来莱纳斯有什么进展？", window("2026-01-01")),
        ("2025年5月之前包钢说了什么？", window(until="2025-04-30")),
        ("上个月的报道", window("2026-10-01", "2026-10-31")),
        ("Any news of 13 May 2025 on Baogang?", window("2025-05-13", "2025-05-13")),
        ("What output in 2024 did the news of March 2025 give?", window("2025-03-01", "2025-03-31")),
        ("What is to open in 2027, by what was reported in May 2025?", window("2025-05-01", "2025-05-31")),
        ("MagFactory计划2027年投产，年产能是多少？（按2023年2月的报道）", window("2023-02-01", "2023-02-28")),
        ("据2026年2月的报道,钕价达到2022年7月以来的最高水平?", window("2026-02-01", "2026-02-28")),
        ("In news of May 2025, which price was the highest since 2013?", window("2025-05-01", "2025-05-31")),
        ("According to May 2025 news, how much did it pay?", window("2025-05-01", "2025-05-31")),
        ("Published on or after 1 October 2025: who ordered?", window("2025-10-01")),
        ("On or before 1 October 2025, who had ordered?", window(until="2025-10-01")),
        ("Since October 2025 and before December, who ordered?", window("2025-10-01", "2025-11-30")),
        ("What was reported after October 2025 but before March?", window("2025-11-01", "2026-02-28")),
        ("Since May 2024 and until the end of 2025, who sold?", window("2024-05-01", "2025-12-31")),
        (
            "When will it open, as told in December 2023 and as told in March 2025?",
            window("2023-12-01", "2025-03-31"),
        ),
        ("2025年5月前包钢说了什么？", window(until="2025-04-30")),
    ],
)
def test_a_window_is_read(question: str, expected: DateWindow) -> None:
    found = read_window(question, TODAY)
    assert (found.since, found.until) == (expected.since, expected.until)


@pytest.mark.parametrize(
    "question",
    [
        "What was announced on 13 May 2025 in Baotou?",  # the papers wrote of it on the 14th
        "2025年5月13日的钕价与中国宣布管制前相比上涨了多少？",
        "How much NdPr did Lynas produce in 2024?",
        "Which refiners said that they made money in 2024?",
        "He says people were confused over the past year: why?",
        "What must be built before 2030?",
        "Which ministers toured it shortly before the March 2024 grant?",
        "What capacity does MP plan by 2028?",
        "How much did exports fall last year?",
        "Who signed the May 2025 agreement?",
        "What share did China have?",
        "去年稀土价格是多少？",
        "How much revenue did Lynas report for the December 2025 quarter?",
        "What EPS did Neo Performance report for Q3 2025?",
        "What did MP report for the fourth quarter of 2025?",
        "Which net loss did MP report in Q3 2023?",
        "What profit did JL MAG announce for 2025?",
        "Which meeting took place in May 2025?",
        "Which price is at its highest level since July 2022?",
        "How did MP's bottom line change between Q3 2023 and Q4 2025?",
        "金力永磁预计2025年前三季度净利润增长多少？",
        "2025年前9个月出口多少？",
        "What part was indicated in the January 2025 update, and what part two months later?",
        "Why did the chair say that the hack in June 2024 was payback?",
        "How does the price of December 2025 compare with that of December 2024, by the half-year report?",
    ],
)
def test_a_time_that_is_not_about_publication_is_no_window(question: str) -> None:
    assert read_window(question, TODAY) == ALWAYS


def test_words_for_now_ask_for_the_newest_first_and_leave_nothing_out() -> None:
    found = read_window("What is the latest on Baogang?", TODAY)
    assert found.latest
    assert not found.narrows
    assert read_window("这个月有什么新闻？", TODAY).since == date(2026, 11, 1)


def test_a_time_that_cannot_be_read_filters_nothing_and_is_said() -> None:
    found = read_window("What changed since the export ban?", TODAY)
    assert not found.narrows
    assert found.unread.startswith("since the export ban")


def test_an_impossible_window_filters_nothing() -> None:
    found = read_window("between June 2025 and March 2025", TODAY)
    assert not found.narrows
    assert found.unread


def test_no_date_is_inside_no_window_that_narrows() -> None:
    assert not window("2025-01-01").holds(None)
    assert ALWAYS.holds(None)


@given(st.dates(min_value=date(2000, 1, 1), max_value=TODAY))
def test_a_window_holds_its_own_bounds(day: date) -> None:
    said = f"{day.day} {day:%B} {day.year}"
    assert read_window(f"What was reported since {said}?", TODAY).holds(day)
    assert not read_window(f"What was reported before {said}?", date(2027, 1, 1)).holds(day)


@given(st.text(max_size=200))
def test_any_question_has_a_window_in_order(question: str) -> None:
    found = read_window(question, TODAY)
    assert found.since is None or found.until is None or found.since <= found.until


def test_an_undated_article_is_as_old_as_the_newest_day_that_it_names() -> None:
    article = Article("https://x.example", "It met on 13 May 2025. Work ends on 1 June 2030.", "Meeting")
    assert known_date(article, TODAY) == date(2025, 5, 13)
    assert known_date(Article("https://x.example", "It met in May 2025."), TODAY) is None


def test_the_stated_date_of_publication_wins() -> None:
    article = Article("https://x.example", "It met on 13 May 2025.", published=date(2025, 5, 14))
    assert known_date(article, TODAY) == date(2025, 5, 14)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 13 May 2025", PartialDate(2025, 5, 13)),
        ("on May 13th, 2025", PartialDate(2025, 5, 13)),
        ("2025-05-13", PartialDate(2025, 5, 13)),
        ("2025年5月13日", PartialDate(2025, 5, 13)),
        ("in Sept. 2024", PartialDate(2024, 9)),
        ("5月13日", PartialDate(None, 5, 13)),
        ("Q3 2025", PartialDate(2025, quarter=3)),
        ("the third quarter of 2025", PartialDate(2025, quarter=3)),
        ("2025年第三季度", PartialDate(2025, quarter=3)),
        ("in the second half of 2025", PartialDate(2025, half=2)),
        ("FY2025", PartialDate(2025)),
    ],
)
def test_a_date_is_found(text: str, expected: PartialDate) -> None:
    assert [found for *_, found in find_dates(text)] == [expected]


@pytest.mark.parametrize("text", ["they may march on", "3个月", "in 2025", "12.5 March-in rights"])
def test_what_is_no_date_is_not_found(text: str) -> None:
    assert [found for *_, found in find_dates(text) if found.day or found.year] == []


@given(st.text(max_size=200))
def test_places_of_dates_are_in_order_and_do_not_overlap(text: str) -> None:
    found = find_dates(text)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
