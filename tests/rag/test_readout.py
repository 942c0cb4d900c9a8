"""What the packaged model's logits tell beyond its word."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.article import Article
from rag.errors import LLMError
from rag.generate import Prompt, build_prompt
from rag.llm import open_llm
from rag.readout import Readout, logits_in, packaged
from rag.select import Excerpt
from rag.settings import load_settings
from rag.types import Hit, Passage

YES, NO = 9454, 2753
TOLD = "Lynas produced 1,404 tonnes of NdPr in the December 2025 quarter."


def test_the_packaged_weights_belong_to_the_prompts_in_force() -> None:
    assert packaged(), "a prompt was changed: fit the weights anew, see evals/readout.py"


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.floats(-50, 50))
def test_only_differences_of_logits_count(logits: list[float], more: float) -> None:
    read = Readout((1, 2, 3), ((0.5, -0.25, -0.25), (0.0, 0.5, -0.5)), 0.1)
    as_it_is = read.probability([logits, logits])
    assert 0 <= as_it_is <= 1
    assert read.probability([[x + more for x in logits], logits]) == pytest.approx(as_it_is)
    assert read.probability([logits, [x + more for x in logits]]) == pytest.approx(as_it_is)
    assert read.probability([[logits[0] + 1, *logits[1:]], logits]) >= as_it_is
    assert read.probability([logits, [logits[0], logits[1] + 1, logits[2]]]) >= as_it_is


@pytest.mark.parametrize("metadata", [{}, {"logprobs": None}, {"logprobs": {"content": [{"top_probs": []}]}}])
def test_a_server_that_tells_no_probabilities_is_an_error(metadata: dict[str, object]) -> None:
    with pytest.raises(LLMError, match="does not tell"):
        logits_in(metadata, [1])


@pytest.mark.model
def test_logits_are_those_of_the_models_own_word_and_tell_what_passages_state() -> None:
    llm = open_llm(load_settings())
    asked = [ask("How much NdPr did Lynas produce?"), ask("Who leads Lynas?")]
    for prompt in asked:
        told = [llm.logits(prompt.probe, [YES, NO])]
        word = replace(llm, readout=None).says_yes(prompt.probe, prompt.answer)
        assert word == pytest.approx(
            Readout((YES, NO), ((1.0, -1.0),), 0.0).probability(told), abs=0.05
        )  # " Yes" counts too
    stated, not_stated = (llm.says_yes(prompt.probe, prompt.answer) for prompt in asked)
    assert stated is not None
    assert not_stated is not None
    assert stated > not_stated + 0.1


def ask(question: str) -> Prompt:
    article = Article("https://example.com/a", TOLD, "Lynas reports its quarter")
    passage = Passage(article.id, article.id, 0, len(TOLD), TOLD)
    return build_prompt(question, [Excerpt(Hit(passage, article, 1.0, 0.5, 1.0), (TOLD,))])
