"""What a run keeps of an answer: enough to trace any figure to its case, and to score it again."""

from dataclasses import asdict
from typing import Any

from evals.suite import Case
from rag.types import Answer

Record = dict[str, Any]


def record(case: Case, answer: Answer, tokens: dict[str, int], llm: str = "") -> Record:
    """An answer as JSON: its text, the three lists of passages, what was checked, and what it cost.

    ``exact`` tells for each citation whether its quote is the slice of the article that it names. ``llm``
    is the model that the tokens were spent on; ``model`` the one that the answer names, empty when it was
    not asked for one.
    """
    texts = {hit.article.id: hit.article.text for hit in answer.retrieved}
    cited = [asdict(citation) for citation in answer.citations]
    return {
        "id": case.id,
        "kind": case.kind,
        "question": case.question.text,
        "understood": answer.question,
        "text": answer.text,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "notes": list(answer.notes),
        "failure": answer.failure,
        "retrieved": [
            {
                "passage_id": hit.passage.id,
                "url": hit.article.url,
                "title": hit.article.title,
                "published": _iso(hit.article.published),
                "start": hit.passage.start,
                "end": hit.passage.end,
                "score": round(hit.score, 6),
                "text": hit.passage.text,
            }
            for hit in answer.retrieved
        ],
        "shown": list(answer.shown),
        "nearest": [near.text for near in answer.nearest],
        "citations": [{**citation, "published": _iso(citation["published"])} for citation in cited],
        "exact": [texts.get(c.article_id, "")[c.start : c.end] == c.quote for c in answer.citations],
        "sentences": [{**asdict(s), "citations": list(s.citations)} for s in answer.sentences],
        "unknown_markers": answer.unknown_markers,
        "signals": asdict(answer.signals),
        "timings": asdict(answer.timings),
        "tokens": tokens,
        "model": answer.model,
        "llm": llm,
    }


def _iso(day: Any) -> str | None:
    return day.isoformat() if day else None
