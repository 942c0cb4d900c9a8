"""What a run keeps of an answer: enough to trace any figure to its case, and to score it again."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
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
        "citations": [{**citation, "published": _iso(citation["published"])} for citation in cited],
        "exact": [texts.get(c.article_id, "")[c.start : c.end] == c.quote for c in answer.citations],
        "sentences": [{**asdict(s), "citations": list(s.citations)} for s in answer.sentences],
        "unknown_markers": answer.unknown_markers,
        "timings": asdict(answer.timings),
        "tokens": tokens,
        "model": answer.model,
        "llm": llm,
    }


def _iso(day: Any) -> str | None:
    return day.isoformat() if day else None


def as_line(kept: Record) -> str:
    """A record as a line of a JSONL file."""
    return json.dumps(kept, ensure_ascii=False) + "\n"


def read_lines(path: Path) -> list[Record]:
    """The records of a JSONL file, without a line that an interruption cut off; none without the file."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").split("\n"):  # texts hold other breaks, such as U+2028
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """A JSONL file anew."""
    path.write_text("".join(map(as_line, records)), encoding="utf-8")
