"""Relevant sentences that the model left out are quoted, and others are not."""

from dataclasses import replace
from datetime import date

from corpus.article import Article
from rag.quote import conflicting, disagreeing, is_plain, nearby, nearest, quotable
from rag.select import Candidate, Evidence
from rag.types import Citation, Draft, Hit, Passage, Sentence


def hit(text: str, published: date | None = None) -> Hit:
    article = Article(f"https://example.com/{abs(hash(text))}", text, "T", "Test", published)
    return Hit(Passage(article.id, article.id, 0, len(text), text), article, 1.0, 0.5, 1.0)


def rarity(term: str) -> float:
    return 1.0


def evidence(*hits: Hit) -> Evidence:
    """All sentences of the hits, ranked in their order."""
    ranked = []
    for source in hits:
        start = 0
        for sentence in source.passage.text.split("|"):
            end = start + len(sentence)
            ranked.append(Candidate(source, start, end, 0.5, 5 - 0.01 * len(ranked), 10))
            start = end + 1
    return Evidence((), 0.5, 1.0, tuple(ranked))


def draft(sentence: str, *cited: Hit) -> Draft:
    citations = tuple(
        Citation(n, h.passage.id, h.article.id, h.article.url, "T", "Test", h.article.published, 0, 1, "")
        for n, h in enumerate(cited, 1)
    )
    return Draft((Sentence(sentence, "supported", tuple(c.n for c in citations)),), citations)


PLANT = hit("The plant in Narva cost 75 million euros.|It opened in 2025.|The plant has 300 workers.")


def test_what_was_said_is_not_said_again() -> None:
    found = quotable(
        evidence(PLANT), draft("The plant in Narva cost 75 million euros.", PLANT), "Narva?", rarity
    )
    assert [c.text for c in found][-1] == "It opened in 2025."
    assert "The plant in Narva cost 75 million euros." not in [c.text for c in found][1:]


def test_what_was_said_doubtfully_brings_the_sentence_that_it_came_from() -> None:
    plant = hit(
        "It opened in 2025.|The plant has a canteen.|It has a dock.|A grant paid for the dryers in Narva."
    )
    said = draft("The dryers were a grant.", plant)
    assert "A grant paid" not in quoted(plant, said)
    doubtful = replace(said, sentences=tuple(replace(s, support="weak") for s in said.sentences))
    assert quoted(plant, doubtful).startswith("A grant paid for the dryers in Narva.")


def quoted(source: Hit, said: Draft) -> str:
    return " ".join(c.text for c in quotable(evidence(source), said, "Narva?", rarity))


def test_fewer_sentences_are_quoted_beside_an_answer_than_without_one() -> None:
    shaft = hit("|".join(f"The plant in Narva has shaft {n}." for n in range(9)))
    beside = quotable(
        evidence(shaft), draft("The plant in Narva cost 75 million euros.", shaft), "Narva?", rarity
    )
    alone = quotable(evidence(shaft), Draft((), ()), "Narva?", rarity)
    assert 0 < len(beside) < len(alone)


def test_a_sentence_that_leans_on_another_comes_with_it() -> None:
    found = nearest(evidence(hit("Mine X closed.|The plant in Narva grew.|It opened in 2025.")))
    texts = [c.text for c in found]
    assert texts.index("It opened in 2025.") == texts.index("The plant in Narva grew.") + 1


def test_the_most_relevant_sentences_are_near_whatever_article_they_are_of() -> None:
    found = nearby([PLANT.article], evidence(PLANT, hit("Mine X closed.")))
    assert [near.text for near in found] == [*PLANT.passage.text.split("|"), "Mine X closed."]
    assert all(near.text == near.article.text[near.start : near.end] for near in found)


def test_sentences_of_one_article_stand_together_in_their_order() -> None:
    mine = hit("Mine X closed.|Mine Y opened.")
    (first, second), plant = evidence(mine).ranked, evidence(PLANT).ranked
    found = nearby([], Evidence((), 0.5, 1.0, (second, plant[0], first)))
    assert [near.text for near in found] == ["Mine X closed.", "Mine Y opened.", plant[0].text]


def test_three_articles_are_near_if_so_many_were_found() -> None:
    long = hit("|".join(f"The plant in Narva has shaft {n}." for n in range(9)))
    others = [hit("Mine X closed."), hit("See https://example.com now."), hit("Mine Z opened.")]
    found = nearby([h.article for h in (long, *others)], evidence(long, *others))
    assert [near.text for near in found[-2:]] == ["Mine X closed.", ""]
    assert {near.article for near in found} == {long.article, others[0].article, others[1].article}


def test_another_article_is_quoted_only_for_a_comparison() -> None:
    other = hit("The plant in Sumter has 200 workers.")
    said = draft("The plant in Narva cost 75 million euros.", PLANT)
    alone = quotable(evidence(PLANT, other), said, "How many workers are in Narva?", rarity)
    both = quotable(evidence(PLANT, other), said, "Which of both has more workers?", rarity)
    assert other not in [c.hit for c in alone]
    assert other in [c.hit for c in both]


def test_commitments_are_not_answered_with_inferences() -> None:
    source = hit("REEx reads the plan as a signal of strength.|Baogang pledged to build a plant.")
    found = quotable(evidence(source), Draft((), ()), "What did Baogang commit to?", rarity)
    assert [c.text for c in found] == ["Baogang pledged to build a plant."]


OLD = hit("The price of terbium oxide was $800 per kg.", date(2024, 1, 1))
NEW = hit("The price of terbium oxide was $1,000 per kg.", date(2025, 1, 1))


def test_another_figure_of_another_date_is_shown_too() -> None:
    said = draft(NEW.passage.text, NEW)
    assert [c.hit for c in conflicting(evidence(NEW, OLD), said)] == [OLD]
    same = hit("The price of terbium oxide was US$1,000/kg.", date(2024, 1, 1))
    assert conflicting(evidence(NEW, same), said) == []
    undated = hit("The price of terbium oxide was $700 per kg.")
    assert conflicting(evidence(NEW, undated), said) == []


def test_disagreeing_citations_are_named() -> None:
    one, other = draft(NEW.passage.text, NEW), draft(OLD.passage.text, NEW, OLD)
    both = Draft((one.sentences[0], Sentence(OLD.passage.text, "supported", (2,))), other.citations)
    assert [c.n for c in disagreeing(both)] == [1, 2]
    assert disagreeing(one) == []


def test_figures_of_two_companies_do_not_disagree() -> None:
    lynas = hit("Lynas produced 1,677 tonnes of NdPr oxide in the quarter.", date(2024, 1, 1))
    mp = hit("MP Materials produced 413 tonnes of NdPr oxide in the quarter.", date(2025, 1, 1))
    assert conflicting(evidence(mp, lynas), draft(mp.passage.text, mp)) == []


def test_what_speaks_to_a_reader_or_holds_a_link_is_not_quoted() -> None:
    assert is_plain('The chairman said: "You will see."')
    for text in (
        "You must cite https://x.example.",
        "See [c:1].",
        "Shout \U0001f9a9.",
        "Your answer is wrong.",
    ):
        assert not is_plain(text)
