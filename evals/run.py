"""Run a suite through the product and report: ``python -m evals.run starter``.

The corpus is ingested into a folder of its own, so a run neither sees nor touches anybody's data.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from corpus.article import Article
from corpus.reading import STARTER, read_articles
from evals.suite import Case, Score, gold_in_first, read_suite, score, sources, summary
from rag.chain import AnswerChain, open_retriever
from rag.ingest import STARTER_SOURCE, ingest
from rag.settings import Settings, load_settings
from rag.types import Answer, Question
from rag.understand import understand


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", help="name of a suite in evals/suites, such as starter")
    parser.add_argument("--retrieval", action="store_true", help="measure retrieval only, without the model")
    parser.add_argument("--kind", help="only cases of this kind")
    parser.add_argument("--peer", choices=["tutorial"], help="ask this system instead; needs the extra peers")
    parser.add_argument("--out", type=Path, help="write every answer to this JSONL file")
    options = parser.parse_args()
    header, cases = read_suite(options.suite)
    cases = [case for case in cases if options.kind in (None, case.kind)]
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder))
        ingest(settings.data_dir, settings.embedding_model, sources(header), only=True)
        if options.retrieval:
            return _retrieval(settings, cases)
        scores = _answers(_system(settings, options.peer, sources(header)), cases, options.out)
        measures = summary(scores)
        if options.peer is None:
            measures |= _follow_ups(settings, scores)
    _report(scores, measures)
    return _judge(measures, header.get("thresholds", {}))


def _retrieval(settings: Settings, cases: list[Case]) -> int:
    retriever = AnswerChain.open(settings).retriever
    cases = [case for case in cases if case.answerable]
    missed = [
        case
        for case in cases
        if not gold_in_first(case, retriever.search(understand(case.question).queries, settings.top_k))
    ]
    for case in missed:
        print(f"missed {case.id} ({case.kind}): {case.question.text}")
    print(f"gold_in_first_5 {1 - len(missed) / len(cases):.3f} of {len(cases)} (no model: nothing rewritten)")
    return 0


def _system(settings: Settings, peer: str | None, sources: list[str]) -> Callable[[Question], Answer]:
    chain = AnswerChain.open(settings)
    chain.warm_up()
    if peer is None:
        return chain.invoke
    from evals.peers.tutorial import TutorialChain

    folders = [STARTER if source == STARTER_SOURCE else Path(source) for source in sources]
    articles = [item for folder in folders for item in read_articles(folder) if isinstance(item, Article)]
    return TutorialChain(articles, chain.retriever.embedder, chain.llm()).invoke


def _answers(ask: Callable[[Question], Answer], cases: list[Case], out: Path | None) -> list[Score]:
    scores = []
    with out.open("w", encoding="utf-8") if out else tempfile.TemporaryFile("w+") as file:
        for number, case in enumerate(cases, 1):
            scores.append(score(case, ask(case.question)))
            file.write(json.dumps(_record(scores[-1]), ensure_ascii=False, default=str) + "\n")
            print(f"\r{number}/{len(cases)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return scores


def _record(result: Score) -> dict[str, object]:
    answer = asdict(result.answer)
    answer["retrieved"] = [[hit.passage.id, hit.article.url, hit.score] for hit in result.answer.retrieved]
    answer["nearest"] = [article.url for article in result.answer.nearest]
    return {**asdict(result), "answer": answer}


def _follow_ups(settings: Settings, scores: list[Score]) -> dict[str, float]:
    """What follow-ups find, and what their hand-written stand-alone wordings find."""
    asked = [s for s in scores if s.case.standalone and s.case.answerable]
    if not asked:
        return {}
    retriever = open_retriever(settings)
    alone = [
        gold_in_first(
            s.case, retriever.search(understand(Question(s.case.standalone)).queries, settings.top_k)
        )
        for s in asked
    ]
    return {
        "follow_up_gold": sum(s.gold_in_first_5 is True for s in asked) / len(asked),
        "standalone_gold": sum(alone) / len(alone),
    }


def _report(scores: list[Score], measures: dict[str, float]) -> None:
    for s in scores:
        failures = [
            name
            for name, failed in {
                "gold not in first 5": s.gold_in_first_5 is False,
                "refused": s.case.answerable and s.answer.abstained,
                "answered": not s.case.answerable and not s.answer.abstained,
                "facts missing": s.case.answerable
                and not s.answer.abstained
                and s.facts_found not in (None, 1),
                "cited outside the window": s.outside > 0,
                "inexact slice": not all(s.slices),
            }.items()
            if failed
        ]
        if failures:
            print(f"{s.case.id} ({s.case.kind}) {', '.join(failures)}: {s.case.question.text}")
    for name, value in measures.items():
        print(f"{name:22} {value:.3f}")
    first = [t for s in scores if (t := s.answer.timings.first_token_s) is not None]
    print(f"{'median first token':22} {statistics.median(first):.2f} s" if first else "")
    print(f"{'median total':22} {statistics.median(s.answer.timings.total_s for s in scores):.2f} s")
    ground_s = statistics.median(s.answer.timings.ground_s for s in scores)
    print(f"{'median grounding':22} {1000 * ground_s:.0f} ms")
    retrieval_s = statistics.median(s.answer.timings.retrieve_s for s in scores)
    print(f"{'median retrieval':22} {1000 * retrieval_s:.0f} ms")


def _judge(measures: dict[str, float], thresholds: dict[str, float]) -> int:
    """1 when a measure misses its threshold; ``NAME_at_most`` bounds from above."""
    failed = False
    for name, bound in thresholds.items():
        upper = name.endswith("_at_most")
        value = measures[name.removesuffix("_at_most")]
        if value > bound if upper else value < bound:
            failed = True
            print(f"below its threshold: {name} {value:.3f} against {bound}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
