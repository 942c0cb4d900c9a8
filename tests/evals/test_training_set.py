"""What the adapters learn from is true, and stays apart from what is reported."""

import re
from collections import Counter, defaultdict
from functools import cache

from corpus.extract_text import from_markdown
from evals import jsonl
from evals.query_encoder import SEARCHES
from evals.suite import SUITES as FOLDER
from evals.suite import holds
from evals.training_set import ANSWERS, CHINESE, NEAR_MISSES, PREMISES, SUITES
from rag.generate import NOT_FOUND
from rag.sentences import has_cjk

STARTER = FOLDER.parents[1] / "corpus" / "articles"


def test_what_is_called_answered_stands_in_its_article() -> None:
    missing = [
        (row["question"], fact)
        for row in jsonl.read(NEAR_MISSES) + jsonl.read(PREMISES)
        for fact in row["facts"]
        if not any(holds(text_of(row["suite"], row["article"]), wording) for wording in fact)
    ]
    assert not missing


def test_searches_name_sentences_of_their_article_and_none_of_the_report_suite() -> None:
    rows = jsonl.read(SEARCHES)
    assert {row["suite"] for row in rows} <= set(SUITES)
    folders = [STARTER, *(FOLDER / f"{name}-articles" for name in SUITES[1:])]
    articles = [from_markdown(file.read_bytes(), "") for folder in folders for file in folder.glob("*.md")]
    texts = {article.url: " ".join(article.text.split()) for article in articles}
    for row in rows:
        assert row["sentences"]
        assert all(" ".join(sentence.split()) in texts[row["url"]] for sentence in row["sentences"])


def test_each_article_is_asked_for_what_it_states_and_for_what_it_does_not() -> None:
    rows = jsonl.read(NEAR_MISSES)
    assert len({(row["suite"], row["question"]) for row in rows}) == len(rows)
    counts: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    for row in rows:
        assert row["answerable"] == bool(row["facts"])
        counts[row["suite"], row["article"]][row["answerable"]] += 1
    assert all(count == {True: 3, False: 4} for count in counts.values())


def test_premises_are_false_true_and_open_on_each_article() -> None:
    near_misses, rows = jsonl.read(NEAR_MISSES), jsonl.read(PREMISES)
    assert len({(row["suite"], row["question"]) for row in near_misses + rows}) == len(near_misses + rows)
    answered = {"false-premise": True, "true-reason": True, "true-premise": False, "open-premise": False}
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        assert row["answerable"] == bool(row["facts"]) == answered.get(row["kind"], row["answerable"])
        counts[row["suite"], row["article"]][row["kind"]] += 1
    each = {"false-premise": 2, "true-reason": 1, "true-premise": 1, "open-premise": 1, "dated": 1}
    assert all(count == each for count in counts.values())
    assert counts.keys() == {(row["suite"], row["article"]) for row in near_misses}


def test_model_answers_cite_each_sentence_and_answer_a_question_once() -> None:
    rows = jsonl.read(ANSWERS)
    assert len({(row["suite"], row["question"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["answer"] == NOT_FOUND or re.search(r"[.!?”\"] (\[[a-z]\d\])+$", row["answer"]), row


def test_each_article_asked_in_chinese_has_an_answer_and_a_near_miss() -> None:
    rows = jsonl.read(CHINESE)
    answered: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for row in rows:
        assert has_cjk(row["question"]), row
        assert row["answer"] == NOT_FOUND or re.search(r"[。！？”]\s?\[[a-z]\d\]$", row["answer"]), row
        answered[row["suite"], row["article"]].add(row["answer"] != NOT_FOUND)
    assert len(rows) == 2 * len(answered)
    assert all(both == {True, False} for both in answered.values())


def test_nothing_of_the_report_is_learned() -> None:
    assert "report" not in SUITES
    for file in (NEAR_MISSES, PREMISES, ANSWERS, CHINESE):
        assert {row["suite"] for row in jsonl.read(file)} <= set(SUITES)


@cache
def text_of(suite: str, article: str) -> str:
    folder = STARTER if suite == "dev" else FOLDER / f"{suite}-articles"
    return (folder / article).read_text(encoding="utf-8")
