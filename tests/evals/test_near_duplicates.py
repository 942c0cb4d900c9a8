"""Near-duplicates are told from templates well enough on pairs that no threshold was chosen on."""

from evals.near_duplicates import measure, pairs


def test_precision_and_recall_meet_their_bars() -> None:
    assert len(pairs(1)) >= 200
    precision, recall, wrong = measure(1)
    assert precision >= 0.97, wrong
    assert recall >= 0.9, wrong


def test_no_article_is_in_both_halves() -> None:
    tuning, reporting = ({pair.one.text for pair in pairs(half)} for half in (0, 1))
    assert not tuning & reporting
