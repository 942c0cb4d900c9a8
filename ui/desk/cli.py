"""The commands ``reex draft`` and ``reex desk``: drafts in batches, and the desk without its page."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from corpus.errors import ReexError, UsageError
from rag.settings import Settings, load_settings
from ui.options import AsJson, DataDir, Llm, print_json, say
from ui.progress import progress

app = typer.Typer(
    no_args_is_help=True, help="The staff desk: queries, drafts, and what is wrong with answers."
)

FormatName = Annotated[
    str, typer.Option("--format", help="markdown, discourse, bbcode or html.", metavar="FORMAT")
]


class SomeFailedError(ReexError):
    """Some rows of a batch failed, and the others did not."""

    exit_code = 10


def draft(
    file: Annotated[Path, typer.Argument(help="Queries as CSV, JSONL or JSON.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="JSONL to write to; rows that have a draft in it are not asked again.",
            show_default=False,
        ),
    ] = None,
    format: FormatName = "markdown",
    as_json: AsJson = False,
    llm: Llm = None,
    data_dir: DataDir = None,
) -> None:
    """Draft a cited answer to each query of a file, in the forum's voice.

    Ends with 0 when every row has a draft, and with 10 when some failed; those are tried again the next time.
    """
    from ui.desk.intake import read_file

    wanted = _format(format)
    items = read_file(file)
    keys = _keys(items)
    done = _resumed(out, wanted) if out else {}
    settings = load_settings(data_dir=data_dir, llm=llm)
    todo = [(key, item) for key, item in zip(keys, items, strict=True) if key not in done]
    if len(todo) < len(items):
        say(f"{len(items) - len(todo)} of {len(items)} rows have a draft in {out}.")
    failed = 0
    if todo:
        chain = _chain(settings)
        with _writing(out) as write, progress("Drafting") as advance:
            for number, (key, item) in enumerate(todo):
                advance(number, len(todo))
                row = {"key": key, "id": item.reference or None, **_drafted(chain, item, wanted)}
                failed += "error" in row
                write(row)
                if out is None:
                    print_json(row) if as_json else print(_as_text(row), flush=True)
            advance(len(todo), len(todo))
    if out is not None:
        told = {"rows": len(items), "drafted": len(items) - failed, "failed": failed, "out": str(out)}
        print_json(told) if as_json else print(
            f"{told['drafted']} of {len(items)} rows have a draft in {out}."
        )
    if failed:
        raise SomeFailedError(f"{failed} of {len(items)} rows got no draft: run the same again to try those.")


def _drafted(chain: Any, item: Any, wanted: Any) -> dict[str, Any]:
    from rag.types import Question
    from ui.desk import drafting, posting, recheck
    from ui.render import citation_as_data

    row: dict[str, Any] = {"question": item.text, "member": item.member, "link": item.link}
    try:
        answer = chain.invoke(Question(item.text))
        made = drafting.in_forums_voice(answer)
        index = chain.retriever.index
        checked = recheck.review(
            made.body, recheck.frozen_hits(made.answer, index.catalogue), index.lexical.rarity, item.member
        )
    except ReexError as error:
        return row | {"error": str(error)}
    return row | {
        "format": wanted,
        "draft": posting.rendered(made.body, made.answer.citations, wanted),
        "abstained": answer.abstained,
        "unsupported": checked.unsupported,
        "weak": checked.weak,
        "remarks": drafting.remarks(answer),
        "citations": [citation_as_data(citation) for citation in made.answer.citations],
        "model": answer.model,
        "notice": answer.failure,
    }


def _as_text(row: dict[str, Any]) -> str:
    head = f"=== {row['question'].splitlines()[0]}"
    return f"{head}\nNo draft: {row['error']}\n" if "error" in row else f"{head}\n{row['draft']}"


def _keys(items: list[Any]) -> list[str]:
    """What a row is known by when the batch is run again: its id and words; told apart where they repeat."""
    seen: dict[str, int] = {}
    keys = []
    for item in items:
        words = f"{item.reference}\n{item.member}\n{item.text}"
        key = hashlib.sha256(words.encode()).hexdigest()[:16]
        seen[key] = seen.get(key, 0) + 1
        keys.append(f"{key}-{seen[key]}" if seen[key] > 1 else key)
    return keys


def _resumed(out: Path, wanted: str) -> dict[str, dict[str, Any]]:
    """The rows that have a draft; what failed, and a line that a kill cut off, leaves the file."""
    try:
        lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
        kept = {row["key"]: row for line in lines if (row := _row_of(line)) and "draft" in row}
        if any(row.get("format") != wanted for row in kept.values()):
            raise UsageError(f"{out} holds drafts in another format than {wanted}: name another file.")
        if lines and not kept and not any(_row_of(line) for line in lines):
            raise UsageError(f"{out} holds no drafts of ours: name another file.")
        if lines:
            partial = out.with_name(out.name + ".partial")
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept.values())
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, out)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{out} cannot be used ({error}): name another file.") from error
    return kept


def _row_of(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and "key" in row else None


@contextmanager
def _writing(out: Path | None) -> Iterator[Any]:
    """What appends a row to the file and sees it onto the disk."""
    if out is None:
        yield lambda row: None
        return
    try:
        with out.open("a", encoding="utf-8") as file:

            def write(row: dict[str, Any]) -> None:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                file.flush()

            yield write
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}): name another file.") from error


@app.command("list")
def list_queries(
    state: Annotated[
        str | None, typer.Option("--state", help="Only in this state.", show_default=False)
    ] = None,
    words: Annotated[str, typer.Option("--words", help="Only with these words.", show_default=False)] = "",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List queries, those that changed last first."""
    from ui.desk.queries import STATES

    if state is not None and state not in STATES:
        raise UsageError(f"There is no state {state!r}: choose from {', '.join(STATES)}.")
    with _desk(load_settings(data_dir=data_dir)) as (desk, _):
        found = desk.queries([state] if state else [], words)
    if as_json:
        print_json([_query_as_data(query) for query in found])
        return
    for query in found:
        print(f"{query.id}  {query.state:9}  {query.changed_at:%Y-%m-%d %H:%M}  {_short(query.text)}")
    if not found:
        print("No query fits.")


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="Id of a query.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show a query, its newest draft and its trail."""
    from ui.desk import posting

    with _desk(load_settings(data_dir=data_dir)) as (desk, _):
        query, revision = desk.query(id), desk.newest([id]).get(id)
        events = desk.events(id)
    if as_json:
        print_json(
            _query_as_data(query)
            | {
                "draft": revision and revision.body,
                "revision": revision and revision.number + 1,
                "events": [{**vars(event), "at": _moment(event.at)} for event in events],
            }
        )
        return
    print(f"{query.text}\n\n{query.state}; {query.member or 'unknown member'}; {query.source} {query.link}")
    if revision:
        print(f"\nDraft, revision {revision.number + 1} by {revision.author}:\n")
        print(posting.rendered(revision.body, revision.answer.citations, "markdown"))
    for event in events:
        print(f"{event.at:%Y-%m-%d %H:%M}  {event.who}  {event.what}  {event.detail}".rstrip())


@app.command()
def export(
    id: Annotated[str | None, typer.Argument(help="Id of a query; all approved ones without.")] = None,
    format: FormatName = "markdown",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Print an answer as a post, or all approved and posted ones."""
    from ui.desk import posting
    from ui.desk.queries import DONE, DeskError

    wanted = _format(format)
    with _desk(load_settings(data_dir=data_dir)) as (desk, _):
        queries = [desk.query(id)] if id else desk.queries(DONE)
        revisions = desk.newest(query.id for query in queries)
    if id and id not in revisions:
        raise DeskError("This query has no draft yet: make one on the desk.")
    for query in queries:
        revision = revisions[query.id]
        post = posting.rendered(revision.body, revision.answer.citations, wanted)
        if as_json:
            print_json(_query_as_data(query) | {"format": wanted, "post": post})
        else:
            print(post if id else f"=== {_short(query.text)}\n{post}")


@app.command()
def gaps(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """What members asked and the corpus could not answer, the most asked first."""
    from rag.embed import Embedder
    from ui.desk import gaps as report
    from ui.desk.likeness import Likeness

    settings = load_settings(data_dir=data_dir)
    with _desk(settings) as (desk, state):
        groups = report.gaps(desk, state, Likeness(Embedder.of(settings)))
    if as_json:
        print_json([group.as_data() for group in groups])
        return
    for group in groups:
        missing = f"  (not in the corpus: {', '.join(group.missing)})" if group.missing else ""
        print(f"{len(group.gaps):4} ×  {_short(group.text)}{missing}")
    if not groups:
        print("Every question that was asked has an answer.")


@app.command()
def stale(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Approved and posted answers whose evidence changed, left the corpus or was overtaken."""
    from rag.chain import open_retriever
    from ui.desk import stale as alarms

    settings = load_settings(data_dir=data_dir)
    with _desk(settings) as (desk, _):
        found = list(alarms.stale(desk, open_retriever(settings)))
    if as_json:
        print_json(
            [
                _query_as_data(item.query)
                | {
                    "alarms": [
                        {
                            "n": a.citation.n,
                            "why": a.why,
                            "url": a.citation.url,
                            "now": a.after and a.after.url,
                        }
                        for a in item.alarms
                    ]
                }
                for item in found
            ]
        )
        return
    for item in found:
        print(f"{item.query.id}  {_short(item.query.text)}")
        for alarm in item.alarms:
            now = (
                f" {alarm.after.title} {alarm.after.url}" if alarm.why == "overtaken" and alarm.after else ""
            )
            print(f"    [{alarm.citation.n}] {alarm.citation.title}: {alarm.text}{now}")
    if not found:
        print("Every answer rests on evidence that is as it was.")


@contextmanager
def _desk(settings: Settings) -> Iterator[Any]:
    from ui.desk.queries import Desk
    from ui.state import open_state

    state = open_state(settings)
    try:
        yield Desk(state, settings.desk_self_approve), state
    finally:
        state.close()


def _chain(settings: Settings) -> Any:
    from rag.chain import AnswerChain
    from ui.progress import lines_of_progress

    return AnswerChain.open(settings, lines_of_progress("Fetching the local language model, parts"))


def _format(name: str) -> Any:
    from ui.desk.posting import FORMATS

    if name not in FORMATS:
        raise UsageError(f"There is no format {name!r}: choose from {', '.join(FORMATS)}.")
    return name


def _query_as_data(query: Any) -> dict[str, Any]:
    times = {name: _moment(getattr(query, name)) for name in ("received_at", "changed_at")}
    return {**vars(query), **times}


def _moment(when: Any) -> str:
    return str(when.isoformat(timespec="seconds")) + "Z"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:99] + "…"
