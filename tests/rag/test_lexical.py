"""Searching by words finds stems, Chinese and numbers, and a saved index is the same when loaded."""

import math
import string
from datetime import date
from pathlib import Path

import bm25s
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.lexical import LexicalIndex, Row, terms
from rag.types import Filters

TEXTS = {
    "lynas": "Lynas produced 1,404 tonnes of NdPr oxide in the December 2025 quarter.",
    "baogang": "包钢股份宣布上调稀土精矿价格。",
    "quota": "China's quotas for mining rare earths are not published any more.",
    "price": "The price of dysprosium oxide rose; prices in Europe are higher.",
}


@pytest.fixture(scope="module")
def index() -> LexicalIndex:
    return LexicalIndex.build(list(TEXTS), list(TEXTS.values()), [0, 1, 2, 3], list("abcd"))


def found(index: LexicalIndex, query: str, k: int = 10) -> list[str]:
    return [id_ for id_, _ in index.search(query, k)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Mining mines mined", ["mine", "mine", "mine"]),
        ("The quotas of the US and its price", ["quota", "price"]),
        ("NdPr NDPR ndpr", ["ndpr", "ndpr", "ndpr"]),
        ("稀土精矿", ["稀土", "土精", "精矿"]),
        ("镝", ["镝"]),
        ("包钢price上调", ["包钢", "price", "上调"]),
        ("1,404 tonnes, 1404; 17.35", ["1404", "tonn", "1404", "17.35"]),
        ("US$1,500.5m 2025-26", ["1500.5", "m", "2025", "26"]),
        ("high-purity E-VAC", ["high", "puriti", "e", "vac"]),
        ("Kvanefjeld’s Nolans_Bore Straße", ["kvanefjeld", "nolan", "bore", "strass"]),
        ("Araxá Łódź Sillamäe", ["araxa", "lodz", "sillama"]),
        ("", []),
        ("👩‍🔬 … ——", []),
    ],
)
def test_terms_are_stems_numbers_and_pairs_of_chinese_characters(text: str, wanted: list[str]) -> None:
    assert terms(text) == wanted


@given(st.text())
def test_terms_of_any_text_are_never_empty_and_ignore_case(text: str) -> None:
    assert all(term and term == "".join(term.split()) for term in terms(text))
    ascii_only = "".join(c for c in text if c in string.printable)
    assert terms(ascii_only.upper()) == terms(ascii_only.lower())


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("producing", "lynas"),
        ("1404", "lynas"),
        ("How much is 1,404?", "lynas"),
        ("稀土价格", "baogang"),
        ("包钢", "baogang"),
        ("quota", "quota"),
        ("published quotas", "quota"),
        ("Dysprosium's pricing", "price"),
    ],
)
def test_the_passage_that_has_the_words_comes_first(index: LexicalIndex, query: str, first: str) -> None:
    assert found(index, query)[0] == first


def test_results_share_a_term_come_best_first_and_are_at_most_k(index: LexicalIndex) -> None:
    results = index.search("oxide price", 10)
    assert [id_ for id_, _ in results] == ["price", "lynas"]
    assert results[0][1] > results[1][1] > 0
    assert index.search("oxide price", 1) == results[:1]


@pytest.mark.parametrize("query", ["", "the of what", "zirconium", "钇", "???"])
def test_a_query_without_a_known_term_finds_nothing(index: LexicalIndex, query: str) -> None:
    assert index.search(query, 10) == []


@pytest.mark.parametrize("texts", [{}, {"a": "", "b": "of the", "c": "👩‍🔬"}])
def test_an_index_without_any_term_finds_nothing_and_can_be_saved(
    tmp_path: Path, texts: dict[str, str]
) -> None:
    built = LexicalIndex.build(list(texts), list(texts.values()))
    built.save(tmp_path / "bm25")
    for index in (built, LexicalIndex.load(tmp_path / "bm25")):
        assert index.ids == tuple(texts)
        assert index.search("oxide", 10) == []
        assert index.rarity("oxid") == math.log(len(texts) + 1)


def test_filters_leave_rows_out_before_the_best_are_taken() -> None:
    days, publishers = [20250513, 0, 20250514, 20260101], ["One", "One", "Two", "Two"]
    index = LexicalIndex.build(list("abcd"), ["oxide"] * 4, days, publishers)
    day = date(2025, 5, 14)
    for filters, ids in {
        Filters(): "ab",
        Filters(since=day): "cd",
        Filters(until=day): "ac",
        Filters(day, day): "c",
        Filters(publishers=("Two",)): "cd",
        Filters(publishers=("Two", "One")): "ab",
        Filters(since=day, publishers=("One",)): "",
    }.items():
        assert [id_ for id_, _ in index.search("oxide", 2, filters)] == list(ids)


def test_publishers_are_named_in_every_spelling_the_one_with_most_passages_first() -> None:
    index = LexicalIndex.build(list("abcdef"), ["oxide"] * 6, None, ["b", "B", "", "c", "c", ""])
    assert index.publishers() == ["c", "B", "b"]
    assert LexicalIndex.build([]).publishers() == []


def test_rarer_terms_have_higher_rarity_and_unseen_ones_the_highest(index: LexicalIndex) -> None:
    assert index.rarity("oxid") == pytest.approx(math.log(5 / 3))
    assert index.rarity("dysprosium") == pytest.approx(math.log(5 / 2))
    assert index.rarity("稀土") == pytest.approx(math.log(5 / 2))
    assert index.rarity("zirconium") == pytest.approx(math.log(5))


def test_a_saved_index_is_the_same_when_loaded(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "bm25")
    loaded = LexicalIndex.load(tmp_path / "bm25")
    assert (loaded.ids, loaded.versions) == (index.ids, index.versions)
    for filters in (
        Filters(publishers=("b", "d")),
        Filters(publishers=("none",)),
        Filters(until=date(1, 1, 1)),
    ):
        assert loaded.search("oxide 稀土", 10, filters) == index.search("oxide 稀土", 10, filters)
    for query in ("oxide price", "稀土价格", "1404 tonnes", "nothing known"):
        assert loaded.search(query, 10) == index.search(query, 10)
    for term in ("oxid", "稀土", "unseen"):
        assert loaded.rarity(term) == index.rarity(term)


def test_saving_replaces_an_earlier_index(index: LexicalIndex, tmp_path: Path) -> None:
    LexicalIndex.build(["old"], ["old words"]).save(tmp_path / "bm25")
    (tmp_path / "bm25" / "rubbish").write_text("x")
    index.save(tmp_path / "bm25")
    assert LexicalIndex.load(tmp_path / "bm25").ids == index.ids
    assert [path.name for path in tmp_path.iterdir()] == ["bm25"]
    assert not (tmp_path / "bm25" / "rubbish").exists()


def test_a_missing_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="format"):
        LexicalIndex.load(tmp_path / "bm25")


def test_an_index_of_an_earlier_format_is_an_error(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "bm25")
    (tmp_path / "bm25" / "format").write_text("1")
    with pytest.raises(ValueError, match="another format"):
        LexicalIndex.load(tmp_path / "bm25")


def test_a_place_is_found_with_and_without_its_accents() -> None:
    places = LexicalIndex.build(["br", "se"], ["A mine at Poços de Caldas", "The deposit of Norra Kärr"])
    for query, place in {"Pocos": "br", "poços": "br", "Norra Karr": "se", "NORRA KÄRR": "se"}.items():
        assert found(places, query) == [place]


def test_an_index_saved_without_publishers_is_an_error(index: LexicalIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "bm25")
    (tmp_path / "bm25" / "publishers.npy").unlink()
    with pytest.raises(OSError, match=r"publishers\.npy"):
        LexicalIndex.load(tmp_path / "bm25")


@pytest.mark.parametrize("left", [0, 0.5])
def test_a_damaged_index_is_an_error_whichever_file_is_damaged(
    index: LexicalIndex, tmp_path: Path, left: float
) -> None:
    index.save(tmp_path / "whole")
    for name in sorted(path.name for path in (tmp_path / "whole").iterdir()):
        folder = tmp_path / f"damaged-{name}"
        index.save(folder)
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[: int(len(raw) * left)])
        with pytest.raises((OSError, ValueError)):
            LexicalIndex.load(folder)


def test_a_name_is_found_under_another_name_that_stands_there_whole() -> None:
    texts = {
        "lynas": "Lynas Rare Earths sold more.",
        "other": "Rare earths sold well, and the Earths rare too.",
    }
    index = LexicalIndex.build(list(texts), list(texts.values()))
    assert index.search("LYC", 5) == []
    names = {"LYC": ("Lynas Rare Earths", "LYC")}
    assert [id_ for id_, _ in index.search("LYC", 5, names=names)] == ["lynas"]


def test_many_other_names_weigh_no_more_than_one() -> None:
    texts = {"a": "MP Materials output", "b": "MP Materials Mountain Pass Molycorp", "c": "nothing of it"}
    index = LexicalIndex.build(list(texts), list(texts.values()))
    names = {"MP Materials": ("MP Materials", "Molycorp", "Mountain Pass")}
    (first, _), (second, _) = index.search("MP Materials output", 5, names=names)
    assert (first, second) == ("a", "b")


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), min_size=1, max_size=30).filter(any),
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5),
    st.integers(1, 12),
)
def test_scores_are_those_of_bm25s_and_of_equals_the_first_row_comes_first(
    texts: list[list[str]], query: list[str], k: int
) -> None:
    theirs = bm25s.BM25()
    theirs.index([[f"{word}x" for word in text] for text in texts], show_progress=False)
    known = [f"{word}x" for word in query if f"{word}x" in theirs.vocab_dict]
    scores = theirs.get_scores(known) if known else [0.0] * len(texts)
    best = sorted((row for row in range(len(texts)) if scores[row] > 0), key=lambda row: -scores[row])
    index = LexicalIndex.build(
        [str(n) for n in range(len(texts))], [" ".join(f"{w}x" for w in t) for t in texts]
    )
    assert index.search(" ".join(f"{w}x" for w in query), k) == [(str(n), float(scores[n])) for n in best[:k]]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from(["rare", "earth", "rare earth"])))
)
def test_an_index_brought_up_to_date_is_the_one_built_at_once(
    given_rows: list[tuple[bool, int, str]],
) -> None:
    rows = [
        (kept, Row(str(n), f"v{v}{kept}", n, f"P{v}", text)) for n, (kept, v, text) in enumerate(given_rows)
    ]
    staying = [row for kept, row in rows if kept]
    half = len(staying) // 2
    empty = LexicalIndex.build([])
    former = empty.updated((), [*staying[:half], *(row for kept, row in rows if not kept)])
    index = former.updated({row.version for row in staying}, staying[half:])
    clean = empty.updated((), staying)
    assert (index.ids, index.versions, index.counts()) == (clean.ids, clean.versions, clean.counts())
    for filters in (Filters(), Filters(publishers=("P1", "P2")), Filters(versions=("v0True", "v9"))):
        names = {"earth": ("rare earth",)}
        assert index.search("earth", 5, filters, names) == clean.search("earth", 5, filters, names)
    assert index.known(["0", "none", "1"]) == [id_ for id_ in ("0", "1") if id_ in clean.ids]
    assert index.holding(["rare earth"]) == clean.holding(["rare earth"])
