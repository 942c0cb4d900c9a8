"""A sentence is supported by the passages that say it, and by no others."""

from datetime import date

from corpus.article import Article
from rag.support import attribute, check_support
from rag.types import Hit, Passage


def rarity(term: str) -> float:
    return 1.0


def hit(text: str, title: str = "Lynas reports", published: date | None = None) -> Hit:
    article = Article(f"https://example.com/{hash(text)}", text, title, "Test", published)
    return Hit(Passage(str(hash(text)), article.id, 0, len(text), text), article, 1.0, 0.5, 1.0)


OUTPUT = hit("Lynas produced 1,404 tonnes of NdPr in the December quarter, 30% less than before.")
PRICE = hit("The average selling price was $49.2 per kilogram.", "Lynas prices")


def test_a_restatement_is_supported() -> None:
    check = check_support("NdPr output of Lynas was 1,404 tonnes in the December quarter.", [OUTPUT], rarity)
    assert check.support == "supported"


def test_a_wrong_figure_is_never_supported() -> None:
    check = check_support("Lynas produced 1,440 tonnes of NdPr in the December quarter.", [OUTPUT], rarity)
    assert (check.support, check.doubt) == ("unsupported", "not in the cited passage: 1440")


def test_other_words_make_it_weak_and_then_unsupported() -> None:
    weak = check_support("Lynas mined much less NdPr during Christmas, roughly.", [OUTPUT], rarity)
    none = check_support("Shares of the owner climbed yesterday.", [OUTPUT], rarity)
    assert (weak.support, none.support) == ("weak", "unsupported")


def test_a_date_that_only_the_title_holds_is_weak() -> None:
    dated = hit("The index stood at 288.7 points.", "Price index of 10 February 2026")
    check = check_support("The price index stood at 288.7 points on 10 February 2026.", [dated], rarity)
    assert check.support == "weak"
    assert "title" in check.doubt


def test_a_sentence_without_a_marker_finds_its_passage() -> None:
    check = attribute("The average selling price was $49.2 per kilogram.", [], [OUTPUT, PRICE], rarity)
    assert (check.support, check.hits) == ("supported", (PRICE,))


def test_a_copied_marker_gives_way_to_the_passage_that_says_it() -> None:
    check = attribute("The average selling price was $49.2 per kilogram.", [OUTPUT], [OUTPUT, PRICE], rarity)
    assert check.hits == (PRICE,)


def test_figures_of_two_passages_need_both() -> None:
    sentence = "Lynas produced 1,404 tonnes of NdPr, and the average selling price was $49.2 per kilogram."
    check = attribute(sentence, [OUTPUT], [OUTPUT, PRICE], rarity)
    assert check.support == "supported"
    assert set(check.hits) == {OUTPUT, PRICE}


def test_chinese_over_english_is_checked_by_names_and_figures() -> None:
    right = check_support("莱纳斯生产了1404吨。", [OUTPUT], rarity)
    wrong = check_support("莱纳斯生产了1440吨。", [OUTPUT], rarity)
    assert (right.support, wrong.support) == ("weak", "unsupported")


def test_nothing_cited_and_nothing_shown_is_unsupported() -> None:
    assert attribute("Anything.", [], [], rarity).support == "unsupported"
