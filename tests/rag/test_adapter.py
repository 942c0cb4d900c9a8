"""One adapter tells what passages state, another writes answers, and neither touches what the other reads."""

from dataclasses import replace

import pytest

from corpus.article import Article
from rag.generate import NOT_FOUND, Prompt, build_prompt
from rag.llm import open_llm
from rag.select import Excerpt
from rag.settings import load_settings
from rag.types import Hit, Passage

pytestmark = pytest.mark.model

TOLD = (
    "Lynas produced 1,404 tonnes of NdPr in the December 2025 quarter, and said that its kiln was repaired."
)


def test_what_passages_state_is_told_from_what_they_speak_of() -> None:
    llm = open_llm(load_settings())
    stated = says_yes(llm.says_yes(ask("How much NdPr did Lynas make in the last quarter of 2025?").probe))
    near = says_yes(llm.says_yes(ask("Why did the kiln of Lynas need a repair?").probe))
    assert stated > near + 0.2


def test_the_words_of_the_probe_bring_the_adapter_in_and_the_answer_is_not_touched_by_it() -> None:
    llm = open_llm(load_settings())
    plain = replace(llm, adapted=False)
    prompt = ask("Why did the kiln of Lynas need a repair?")
    word = plain.says_yes(prompt.probe)
    # Read in the same pieces both times: else logits differ in the last digits.
    without = llm.complete(prompt.answer, 40)
    assert llm.says_yes(prompt.probe) != pytest.approx(word, abs=0.1), (
        "the words of the probe were changed: train the adapter anew, see evals/adapter.py"
    )
    assert llm.complete(prompt.answer, 40) == without


def test_a_taught_answer_is_one_cited_sentence_whatever_was_asked_before() -> None:
    llm = open_llm(load_settings())
    prompt = ask("How much NdPr did Lynas make in the last quarter of 2025?")
    before = llm.says_yes(prompt.probe)
    answer = "".join(llm.stream(prompt.answer, 60, as_taught=True))
    (marker,) = prompt.markers
    assert "1,404 tonnes" in answer
    assert answer.endswith(f". [{marker}]")
    llm.complete(prompt.answer, 60)
    assert "".join(llm.stream(prompt.answer, 60, as_taught=True)) == answer
    assert llm.says_yes(prompt.probe) == pytest.approx(before, abs=0.02)


def test_the_beginning_of_a_reply_brings_the_other_adapter_in() -> None:
    llm = open_llm(load_settings())
    # The plain model ends its refusal with a full stop; it was taught to write it as the prompt has it.
    prompt = ask("What is the capital of France?")
    assert "".join(llm.stream(prompt.answer, 20, as_taught=True)) == NOT_FOUND
    assert llm.complete(prompt.answer, 20) != NOT_FOUND


def says_yes(told: float | None) -> float:
    assert told is not None
    return told


def ask(question: str) -> Prompt:
    article = Article("https://example.com/a", TOLD, "Lynas reports its quarter")
    passage = Passage(article.id, article.id, 0, len(TOLD), TOLD)
    return build_prompt(question, [Excerpt(Hit(passage, article, 1.0, 0.5, 1.0), (TOLD,))])
