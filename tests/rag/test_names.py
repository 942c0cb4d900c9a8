"""A question that uses one name of a thing finds the others, in English and in Chinese."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import rag.names
from rag.names import english_names, names_in, other_names, spelled_out, without_tickers
from rag.sentences import has_cjk

GROUPS = yaml.safe_load(Path(rag.names.__file__).with_name("names.yaml").read_text(encoding="utf-8"))
ALL = [spelling for groups in GROUPS.values() for group in groups for spelling in group]


def spelled(text: str) -> list[str]:
    return [spelling for spelling, _ in names_in(text)]


# The file


def test_no_string_of_the_file_is_in_two_groups() -> None:
    folded = [spelling.casefold() for spelling in ALL]
    assert sorted({name for name in folded if folded.count(name) > 1}) == []


def test_every_group_of_the_file_has_two_names_or_more_and_starts_in_english() -> None:
    bad = [
        group
        for groups in GROUPS.values()
        for group in groups
        if len(group) < 2 or not all(isinstance(name, str) and name.strip() == name != "" for name in group)
    ]
    assert bad == []
    assert [g[0] for groups in GROUPS.values() for g in groups if has_cjk(g[0])] == []


def test_every_name_of_the_file_is_found_in_a_text_that_is_only_that_name() -> None:
    glossary = {name for group in GROUPS["terms"] for name in group if not has_cjk(name)}
    quoted = {name for name in ALL if name[0] in "“《"}  # their groups have them without the marks too
    assert [name for name in ALL if name not in glossary | quoted and spelled(name) != [name]] == []


# Names of the same thing


@pytest.mark.parametrize(
    ("question", "also"),
    [
        ("What did AREC announce?", "American Resources Corporation"),
        ("Is NYSE:MP profitable?", "MP Materials"),
        ("Output of ASX:LYC in 2025", "Lynas Rare Earths"),
        ("Output of ASX: LYC in 2025", "Lynas Rare Earths"),
        ("Is MP Materials (NYSE: MP) profitable, and IXR?", "Ionic Rare Earths"),
        ("Does NYSE: MP pay a dividend?", "MP Materials"),
        ("Any news on LYC or ARU?", "Arafura Rare Earths"),
        ("SH600111 results", "China Northern Rare Earth Group"),
        ("6680.HK results", "JL MAG Rare-Earth"),
        ("港交所", "HKEX"),
        ("NDA-K in Chipwi", "New Democratic Army-Kachin"),
        ("600111.SH results", "China Northern Rare Earth Group"),
        ("usa rare earth's new plant", "USAR"),
        ("包钢在会上承诺了什么？", "Baogang Group"),
        ("Who leads Baogang?", "包钢"),
        ("价格 of dysprosium", "镝"),
        ("The Inflation Reduction Act", "IRA"),
        ("MOFCOM rules", "Ministry of Commerce"),
    ],
)
def test_other_names_are_known(question: str, also: str) -> None:
    assert also in other_names(question)


def test_a_bare_ticker_names_its_company_and_is_no_figure() -> None:
    assert "Northern Rare Earth" in other_names("how much revenue did 600111 book in 2025?")
    assert without_tickers("how much revenue did 600111 book in 2025?").split() == (
        ["how", "much", "revenue", "did", "book", "in", "2025?"]
    )


@pytest.mark.parametrize(
    "ticker", ["600111", "600111.sh", "SH600111", "sse: 600111", "HKEX:6680", "AR3", "WA1"]
)
def test_a_ticker_with_digits_is_no_figure_however_it_is_written(ticker: str) -> None:
    assert without_tickers(f"Did {ticker} book 5 million?").split() == ["Did", "book", "5", "million?"]


def test_names_that_the_text_has_already_are_not_repeated() -> None:
    text = "Baogang Group (包钢) and baogang"
    assert {"Baogang Group", "Baogang", "包钢"}.isdisjoint(other_names(text))
    assert "Baotou Steel" in other_names(text)


@pytest.mark.parametrize(
    ("question", "english"),
    [
        (
            "北方稀土和包钢股份的价格",
            ["China Northern Rare Earth Group", "Inner Mongolia BaoTou Steel Union"],
        ),
        ("商务部的许可", ["Ministry of Commerce of China"]),
        ("氧化镝", ["dysprosium oxide"]),
        ("稀土永磁", ["rare earth magnet"]),
        ("包钢、包钢", ["Baogang Group"]),
        ("Who leads Baogang?", []),
    ],
)
def test_chinese_names_have_english_ones(question: str, english: list[str]) -> None:
    assert english_names(question)[: len(english) or None] == english


def test_english_words_for_plain_things_are_no_names() -> None:
    assert spelled("the mine has a magnet and some ore") == []
    assert "mine" in other_names("矿山")


# Where a name stands


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tell us about it", []),
        ("tell the US about it", ["US"]),
        ("Tell Us", []),
        ("Ira said", []),
        ("the IRA said", ["IRA"]),
        ("sec and Sec and SEC", ["SEC"]),
        ("mp materials and LYNAS", ["MP Materials", "Lynas"]),
        ("PRE and pre-production, ARA and Ara Partners", ["PRE", "ARA"]),
        ("vietnam rare earth reserves, US critical materials", ["Vietnam", "US"]),
    ],
)
def test_short_capitals_match_only_as_capitals_and_all_else_in_any_case(text: str, found: list[str]) -> None:
    assert spelled(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Baotou Steel Union and Baotou Steel", ["Baotou Steel Union", "Baotou Steel"]),
        ("中国北方稀土集团", ["中国北方稀土"]),
        ("USA Rare Earth in the USA", ["USA Rare Earth", "USA"]),
        ("包钢稀土包钢", ["包钢稀土", "包钢"]),
        ("推广汽车，9日立即引起亚洲其中车企", ["车企"]),
    ],
)
def test_the_longest_name_wins_at_each_place(text: str, found: list[str]) -> None:
    assert spelled(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lynases or xLynas or Lynas2", []),
        ("MP Materialsx, MP Materials2", []),
        ("(Lynas), Lynas's; “Lynas”/Lynas_", ["Lynas"] * 4),
        ("Lynas公布镝产量", ["Lynas", "镝"]),
        ("在Lynas的", ["Lynas"]),
        ("MP Materials的产量", ["MP Materials"]),
        ("2025年包钢上调价格", ["包钢"]),
        ("Straße of Lynas", ["Lynas"]),
        ("İstanbul and Lynas", ["Lynas"]),
        ("", []),
    ],
)
def test_names_are_whole_words_also_where_chinese_stands_next_to_them(text: str, found: list[str]) -> None:
    assert [name for name in spelled(text) if name in {"Lynas", "镝", "MP Materials", "包钢"}] == found


@given(st.lists(st.sampled_from([*ALL, " ", "的", "ß", "İ", ". ", "x"]), max_size=12).map("".join))
def test_names_found_are_in_the_text_in_order_and_do_not_overlap(text: str) -> None:
    at = 0
    for spelling in spelled(text):
        place = next(
            i for i in range(at, len(text)) if text[i : i + len(spelling)].casefold() == spelling.casefold()
        )
        at = place + len(spelling)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("LYC capex?", "Lynas Rare Earths capex?"),
        ("600111 EPS in Q3", "China Northern Rare Earth Group earnings per share in third quarter"),
        ("Lynas capex?", "Lynas capex?"),
        ("包钢 output", "包钢 output"),
        ("", ""),
    ],
)
def test_abbreviations_are_spelled_out(text: str, full: str) -> None:
    assert spelled_out(text) == full
