"""Published benchmarks in their own formats become suites, which are run like any other.

The data is not ours and stays where it is; what is written is a folder with ``suite.yaml``,
``cases.jsonl`` and ``articles.jsonl``. The documents of all questions are pooled into one corpus, so
retrieval is a part of the task: harder than in the papers, which hand each question its own few.
"""

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from corpus.errors import UsageError
from evals import jsonl

Row = dict[str, Any]
_SEED = 20_231
_DOCUMENTS = 5


@dataclass
class Converted:
    """Cases, and articles by address: a document that two questions share is one article."""

    cases: list[Row] = field(default_factory=list)
    articles: dict[str, Row] = field(default_factory=dict)


def rgb(path: Path, *, task: str = "noise", noise: float = 0.4) -> Converted:
    """RGB (Chen et al., AAAI 2024; repository chen700564/RGB).

    Args:
        task: ``noise``: five documents a question, the given share of them negative; ``rejection``:
            negatives only, so that refusing is right; ``counterfactual``: documents whose answer was
            falsified, and what they say is expected.
        noise: the share of negatives for ``noise``.
    """
    made = Converted()
    draw = random.Random(_SEED)
    for row in _lines(path):
        positive, negative = _flat(row["positive"]), _flat(row["negative"])
        if task == "noise":
            negatives = round(_DOCUMENTS * noise)
            shown = positive[: _DOCUMENTS - negatives] + draw.sample(negative, min(negatives, len(negative)))
            facts, gold = _facts(row["answer"]), positive[: _DOCUMENTS - negatives]
        elif task == "rejection":
            shown, facts, gold = draw.sample(negative, min(_DOCUMENTS, len(negative))), [], []
        elif task == "counterfactual":
            if "positive_wrong" not in row:
                raise UsageError(
                    f"{path.name} has no falsified documents: take en_fact.json or zh_fact.json."
                )
            gold = row["positive_wrong"][:_DOCUMENTS]
            shown, facts = gold, _facts(row["fakeanswer"])
        else:
            raise UsageError(f"RGB has no task {task}: give noise, rejection or counterfactual.")
        urls = {text: f"https://rgb.example/{path.stem}/{row['id']}/{i}" for i, text in enumerate(shown)}
        for text, url in urls.items():
            made.articles[url] = {"url": url, "title": "", "publisher": "RGB", "text": text}
        made.cases.append(
            _case(row["id"], task, row["query"], facts, [urls[text] for text in gold], bool(gold))
        )
    return made


def financebench(path: Path) -> Converted:
    """FinanceBench (Islam et al., 2023; repository patronus-ai/financebench), over its evidence pages.

    Required facts are taken from answers that are a figure; the others measure retrieval and refusal only.
    """
    made = Converted()
    for row in _lines(path):
        gold = []
        for evidence in row["evidence"]:
            name, page = evidence.get("evidence_doc_name", row["doc_name"]), evidence["evidence_page_num"]
            url = f"https://financebench.example/{name}/{page}"
            title = f"{name.replace('_', ' ')}, page {page}"
            made.articles[url] = {"url": url, "title": title, "publisher": row["company"],
                                  "text": evidence["evidence_text_full_page"]}  # fmt: skip
            gold.append(url)
        facts = [[figure]] if (figure := _figure(row["answer"])) else []
        made.cases.append(
            _case(row["financebench_id"], row["question_type"], row["question"], facts, gold, True)
        )
    return made


def multihop(path: Path) -> Converted:
    """MultiHop-RAG (Tang and Yang, COLM 2024): ``MultiHopRAG.json`` with ``corpus.json`` beside it."""
    made = Converted()
    for article in _json(path.with_name("corpus.json")):
        made.articles[article["url"]] = {
            "url": article["url"], "title": article["title"], "publisher": article.get("source", ""),
            "published": article.get("published_at", "")[:10] or None, "text": article["body"],
        }  # fmt: skip
    for i, row in enumerate(_json(path)):
        gold = list(dict.fromkeys(e["url"] for e in row["evidence_list"] if e["url"] in made.articles))
        kind, answerable = row["question_type"], row["question_type"] != "null_query"
        facts = [[row["answer"]]] if answerable else []
        made.cases.append(_case(i, kind, row["query"], facts, gold if answerable else [], answerable))
    return made


def alce(path: Path) -> Converted:
    """ALCE (Gao et al., EMNLP 2023): ``asqa_eval…json``, ``qampari_eval…json`` or ``eli5_eval…json``."""
    made = Converted()
    for i, row in enumerate(_json(path)):
        gold = []
        for number, document in enumerate(row["docs"][:_DOCUMENTS]):
            url = f"https://alce.example/{path.stem}/{document.get('id', f'{i}-{number}')}"
            made.articles[url] = {
                "url": url,
                "title": document["title"],
                "publisher": "ALCE",
                "text": document["text"],
            }
            gold.append(url)
        if row.get("qa_pairs"):
            facts = [pair["short_answers"] for pair in row["qa_pairs"]]
        else:
            facts = row.get("answers") or []
        name = row.get("sample_id", row.get("id", i))
        made.cases.append(_case(name, path.stem.split("_")[0], row["question"], facts, gold, True))
    return made


FORMATS: dict[str, Callable[..., Converted]] = {
    "rgb": rgb, "financebench": financebench, "multihop-rag": multihop, "alce": alce,
}  # fmt: skip


def convert(name: str, path: Path, folder: Path, **options: Any) -> int:
    """Write a benchmark as a suite folder; returns the number of its cases.

    Raises:
        UsageError: there is no such format, the file cannot be read, or it is in another format.
    """
    if name not in FORMATS:
        raise UsageError(f"There is no format {name}: give one of {', '.join(FORMATS)}.")
    try:
        made = FORMATS[name](path, **options)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise UsageError(f"{path} is not in the format of {name} ({error!r}).") from error
    task = " ".join(f"{key} {value}" for key, value in options.items())
    header = {
        "name": f"{name}-{path.stem}" + (f"-{options['task']}" if "task" in options else ""),
        "measures": f"{name}, {path.name}, {task}".strip(", "),
        "provenance": "published data in another form; see the paper for how it was made",
        "licence": "that of the data; for evaluation only",
        "corpus": "articles",
        "articles": "articles.jsonl",
        "cases": ["cases.jsonl"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "suite.yaml").write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8")
    jsonl.write(folder / "cases.jsonl", made.cases)
    jsonl.write(folder / "articles.jsonl", made.articles.values())
    return len(made.cases)


def _case(id: object, kind: str, question: str, facts: list[Any], gold: list[str], answerable: bool) -> Row:
    return {"id": str(id), "kind": kind, "question": question, "answerable": answerable,
            "facts": facts, "gold_urls": gold}  # fmt: skip


def _facts(answer: Any) -> list[list[str]]:
    """RGB gives one answer, a list of them that are all wanted, or lists of wordings."""
    parts = answer if isinstance(answer, list) else [answer]
    return [part if isinstance(part, list) else [str(part)] for part in parts]


def _figure(answer: str) -> str:
    """The figure that an answer consists of, without its trailing zeros; empty for prose."""
    found = re.fullmatch(r"\s*[$€£]?\s*(-?[\d,]+(?:\.\d+)?)\s*(?:%|x|million|billion)?\.?\s*", str(answer))
    if not found:
        return ""
    number = found.group(1).replace(",", "")
    return number.rstrip("0").rstrip(".") if "." in number else number


def _flat(documents: Iterable[Any]) -> list[str]:
    return [text for item in documents for text in (item if isinstance(item, list) else [item])]


def _lines(path: Path) -> Iterator[Row]:
    for line in _text(path).split("\n"):
        if line.strip():
            yield _parsed(line, path)


def _json(path: Path) -> list[Row]:
    return _parsed(_text(path), path)  # type: ignore[no-any-return]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): check the path.") from error


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is not valid JSON ({error}).") from error
