"""What the adapter is trained on is true, and stays apart from what is reported."""

from collections import Counter, defaultdict
from functools import cache

from evals import jsonl
from evals.adapter import NEAR_MISSES, SUITES
from evals.suite import SUITES as FOLDER
from evals.suite import holds

STARTER = FOLDER.parents[1] / "corpus" / "articles"


def test_what_near_misses_call_answered_stands_in_their_articles() -> None:
    rows = jsonl.read(NEAR_MISSES)
    missing = [
        (row["question"], fact)
        for row in rows
        for fact in row["facts"]
        if not any(holds(text_of(row["suite"], row["article"]), wording) for wording in fact)
    ]
    assert not missing


def test_each_article_is_asked_for_what_it_states_and_for_what_it_does_not() -> None:
    rows = jsonl.read(NEAR_MISSES)
    assert len({(row["suite"], row["question"]) for row in rows}) == len(rows)
    counts: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    for row in rows:
        assert row["answerable"] == bool(row["facts"])
        counts[row["suite"], row["article"]][row["answerable"]] += 1
    assert all(count == {True: 3, False: 4} for count in counts.values())


def test_nothing_of_the_report_is_learned() -> None:
    assert "report" not in SUITES
    assert {row["suite"] for row in jsonl.read(NEAR_MISSES)} <= set(SUITES)


@cache
def text_of(suite: str, article: str) -> str:
    folder = STARTER if suite == "dev" else FOLDER / f"{suite}-articles"
    return (folder / article).read_text(encoding="utf-8")
