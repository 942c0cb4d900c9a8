"""What is reported, what somebody said and what the author infers are told apart."""

import pytest

from rag.attribution import kind_of, owns_up


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("NdPr output came to 1,404 tonnes in the quarter.", "reported"),
        ("The plant opened in May, Rare Earth Exchanges reported.", "reported"),
        ("According to REEx, the plant opened in May.", "reported"),
        ("Meng Fanying said that the company would build its brand abroad.", "said"),
        ("The mine will reopen, according to its owner.", "said"),
        ("Baogang pledged to speed up technology.", "said"),
        ("董事长表示，公司将扩大生产。", "said"),
        ("REEx reads the phrase as a signal to resist pressure.", "inferred"),
        ("In the author's view, the West stays vulnerable.", "inferred"),
        ("The article suggests that prices have bottomed.", "inferred"),
        ("This may signal a change of policy.", "inferred"),
    ],
)
def test_kinds(sentence: str, kind: str) -> None:
    assert kind_of(sentence) == kind


def test_the_publisher_of_an_article_is_no_speaker_in_it() -> None:
    sentence = "According to Mining Weekly, the plant opened in May."
    assert kind_of(sentence, "Mining Weekly") == "reported"
    assert kind_of(sentence) == "said"


def test_an_answer_that_names_the_author_owns_up() -> None:
    assert owns_up("REEx reads this as a signal.")
    assert not owns_up("This is a signal to resist pressure.")
