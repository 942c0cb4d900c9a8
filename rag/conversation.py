"""What the model has read earlier in a conversation, and need not read again.

A local server keeps what it has read as long as a prompt begins in the same way. So a follow-up's prompt
begins with the evidence of the question that opened its topic, and only what is new comes behind it.
"""

from collections.abc import Sequence

from rag.abstain import too_weak
from rag.retrieve import Retriever
from rag.select import Evidence, Excerpt, select, without
from rag.sentences import has_cjk
from rag.settings import Settings
from rag.tokens import count_tokens
from rag.types import Filters, Question
from rag.understand import leans_on_conversation, understand

_NEW_AT_MOST = 0.5
"""Share of a follow-up's evidence that may be new; with more it is about something else, and read alone."""


def read_before(
    question: Question, filters: Filters, evidence: Evidence, retriever: Retriever, settings: Settings
) -> tuple[Excerpt, ...]:
    """The evidence of the question that opened the topic, as it was shown to the model.

    Nothing when the question stands alone or asks for other articles, or when little of its own evidence was
    among that.

    Args:
        question: what is asked now, with the conversation before it.
        filters: the articles that were searched for it.
        evidence: what was chosen for it.
        retriever: finds the earlier evidence again, which is cheaper than to keep it for everybody.
        settings: those of the answer.
    """
    opening = _opening(question)
    if opening is None:
        return ()
    asked = understand(opening)
    if asked.filters != filters or asked.wants_advice:  # the model is not asked for advice
        return ()
    hits = retriever.search(asked.queries, settings.top_k, asked.filters, asked.window.latest)
    earlier = select(asked.queries[0], hits, retriever, settings.evidence_tokens)
    fresh = without(evidence.excerpts, earlier.excerpts)
    if too_weak(earlier) or _tokens(fresh) > _NEW_AT_MOST * _tokens(evidence.excerpts):
        return ()
    return earlier.excerpts


def _opening(question: Question) -> Question | None:
    """The last question that stood alone, where the one that is asked now leans on it."""
    if not leans_on_conversation(question):
        return None
    for place in reversed(range(len(question.history))):
        turn = question.history[place]
        earlier = Question(turn.content, history=question.history[:place], filters=question.filters)
        if turn.role == "user" and not leans_on_conversation(earlier):
            # What is asked in Chinese is translated before it is searched for, by the model.
            return None if has_cjk(turn.content) else earlier
    return None


def _tokens(excerpts: Sequence[Excerpt]) -> int:
    return sum(count_tokens(sentence) for excerpt in excerpts for sentence in excerpt.sentences)
