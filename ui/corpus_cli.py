"""``reex corpus``: look into what the corpus holds, forget, verify and export."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from corpus.catalogue import Catalogue, Record, Version
from corpus.errors import ReexError, UsageError
from rag.catalogue import open_catalogue
from rag.settings import Settings, load_settings
from ui.library import Wanted, article_as_data, changed_lines
from ui.options import AsJson, DataDir, print_json
from ui.progress import progress

app = typer.Typer(help="Look into the corpus, and mend it.", no_args_is_help=True)

Url = Annotated[str, typer.Argument(help="Address of the article, or its id.")]
StateOf = Annotated[
    str | None, typer.Option("--state", help="Only active or retired ones.", show_default=False)
]
Publisher = Annotated[
    str | None, typer.Option("--publisher", help="Only articles of this publisher.", show_default=False)
]
Topic = Annotated[
    str | None, typer.Option("--topic", help="Only articles with this topic.", show_default=False)
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="Only published on or after this YYYY-MM-DD.", show_default=False),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Only published on or before this YYYY-MM-DD.", show_default=False),
]
VersionNumber = Annotated[
    int | None,
    typer.Argument(help="Number of a version, 1 for the first; see history.", min=1, show_default=False),
]


class CorpusDisagreesError(ReexError):
    """The parts of the index do not agree with each other."""

    exit_code = 1


@app.command("list")
def list_all(
    state: StateOf = None,
    publisher: Publisher = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Name the articles, the newest first."""
    from rag.filters import read_filters

    if state not in (None, "active", "retired"):
        raise UsageError(f"There is no state {state}: an article is active or retired.")
    dates = read_filters({"since": since, "until": until, "publishers": None})
    wanted = Wanted(dates.since, dates.until, publisher, topic, state)  # type: ignore[arg-type]
    found = [r for r in _open(load_settings(data_dir=data_dir)).records() if wanted.fits(r)]
    if as_json:
        print_json([_as_data(record) for record in found])
        return
    for record in found:
        print(_line(record))
    if not found:
        print("No article fits.")


@app.command()
def show(url: Url, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show an article with its addresses and passages."""
    from rag.index import open_index

    settings = load_settings(data_dir=data_dir)
    index = open_index(settings)
    try:
        record, *_ = _found(index.catalogue, url)
        addresses = index.catalogue.addresses(record.entry.article_id)
        passages = index.passages_of(record.speaker)
        text = index.catalogue.at([record.entry.wanted])[record.entry.wanted].text
    finally:
        index.close()
    if as_json:
        places = [{"id": p.id, "start": p.start, "end": p.end, "section": p.section} for p in passages]
        print_json(_as_data(record) | {"addresses": addresses, "passages": places, "text": text})
        return
    print(_line(record))
    seen = f"first seen {_moment(record.first_seen)}, last seen {_moment(record.last_seen)}"
    print(f"{seen}, from {record.source}")
    for other in addresses:
        print(f"{'same text' if other['same_text'] else 'same story'}: {other['url']}")
    for number, passage in enumerate(passages, 1):
        print(f"\n[{number}] characters {passage.start} to {passage.end}")
        print("\n".join(f"    | {line}" for line in passage.text.split("\n")))
    if not passages:
        print(f"\nIt has no passages in the index.\n\n{text}")


@app.command()
def history(url: Url, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Name the versions of an article, the oldest first."""
    catalogue = _open(load_settings(data_dir=data_dir))
    record, versions = _found(catalogue, url)
    rows = [
        {
            "version": number,
            "hash": version.hash,
            "first_seen": _moment(version.first_seen),
            "current": version.hash == record.entry.wanted,
            "title": version.article.title,
            "characters": len(version.article.text),
        }
        for number, version in enumerate(versions, 1)
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        current = " (current)" if row["current"] else ""
        print(
            f"{row['version']}  {row['first_seen']}  {row['characters']} characters  {row['title']}{current}"
        )


@app.command()
def diff(
    url: Url,
    before: VersionNumber = None,
    after: VersionNumber = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what changed between two versions; between the last two when none is named."""
    _, versions = _found(_open(load_settings(data_dir=data_dir)), url)
    after = after or len(versions)
    before = before or after - 1
    if not 1 <= before <= len(versions) or after > len(versions):
        raise UsageError(f"{url} has {len(versions)} version(s), numbered from 1: see reex corpus history.")
    one, other = (versions[number - 1].article for number in (before, after))
    lines = changed_lines(one, other, (f"version {before}", f"version {after}"))
    if as_json:
        print_json({"url": url, "before": before, "after": after, "diff": lines})
    else:
        print("\n".join(lines) or "They are the same.")


@app.command()
def stats(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Count articles by month, publisher and topic, passages, tokens and failures."""
    from rag.tokens import count_tokens

    catalogue = _open(load_settings(data_dir=data_dir))
    data = catalogue.counts()
    data["last_run"] = json.loads(catalogue.fact("last_run") or "null")
    data["tokens"] = sum(count_tokens(article.text) for article in catalogue.all_articles())
    data["failures"] = [
        {
            "where": failure.where,
            "source": failure.source,
            "reason": failure.reason,
            "tries": failure.tries,
            "first_seen": _moment(failure.first_seen),
            "last_seen": _moment(failure.last_seen),
        }
        for failure in catalogue.failures().values()
    ]
    if as_json:
        print_json(data)
    else:
        print("\n".join(_stats_as_text(data)))


@app.command()
def forget(
    url: Annotated[str, typer.Argument(help="Address of the article.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let it be taken in again.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Delete an article with all its versions, and never take it in again until told."""
    from rag.embed import Embedder
    from rag.ingest import forget as delete
    from rag.ingest import remember

    settings = load_settings(data_dir=data_dir)
    where = _where(settings)
    catalogue = _open(settings)
    known = next(
        (r.article.url for r in catalogue.records() if url in (r.article.url, r.entry.article_id)), url
    )
    catalogue.close()
    if undo:
        if not remember(settings.data_dir, known, **where):
            raise UsageError(f"{known} was not forgotten.")
        told = f"{known} may be taken in again: reex ingest."
    else:
        delete(
            settings.data_dir,
            settings.embedding_model,
            known,
            **where,
            load_embedder=lambda: Embedder.of(settings),
        )
        told = f"{known} is forgotten. It comes back only after: reex corpus forget --undo {known}"
    if as_json:
        print_json({"url": known, "forgotten": not undo})
    else:
        print(told)


@app.command()
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what does not agree.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Check that catalogue, Chroma and BM25 agree."""
    from rag.embed import Embedder
    from rag.ingest import mend
    from rag.ingest import verify as check

    settings = load_settings(data_dir=data_dir)
    where = _where(settings)
    place = (settings.data_dir, settings.embedding_model)
    found = check(*place, **where)
    wrong = found.lost or found.stale or found.unsearchable
    if wrong and repair:
        with progress("Storing passages again") as advance:
            mend(*place, **where, load_embedder=lambda: Embedder.of(settings), progress=advance)
        found = check(*place, **where)
    if as_json:
        print_json({**vars(found), "repaired": bool(wrong and repair)})
    else:
        print(found.as_text())
    if found.lost or found.stale or found.unsearchable:
        raise CorpusDisagreesError("The parts of the index disagree: run `reex corpus verify --repair`.")


@app.command()
def export(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file; standard output when left out.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="It is JSONL in any case.")] = False,
) -> None:
    """Write all articles as JSONL, which `reex ingest` reads again."""
    lines = (
        json.dumps(article_as_data(article) | {"text": article.text}, ensure_ascii=False)
        for article in _open(load_settings(data_dir=data_dir)).all_articles()
    )
    if out is None:
        for line in lines:
            print(line)
        return
    try:
        with out.open("w", encoding="utf-8") as file:
            count = sum(bool(file.write(line + "\n")) for line in lines)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror}): give another --out.") from error
    print(f"{count} articles in {out}.")


def _open(settings: Settings) -> Catalogue:
    url, on_server = settings.catalogue_url.get_secret_value(), bool(settings.chroma_url)
    return open_catalogue(settings.data_dir, url, on_server=on_server)


def _where(settings: Settings) -> dict[str, Any]:
    """What the functions of `rag.ingest` want to know of where catalogue and passages are."""
    from rag.chroma import ChromaServer

    return {
        "catalogue_url": settings.catalogue_url.get_secret_value(),
        "chroma": ChromaServer.of(settings),
    }


def _found(catalogue: Catalogue, url: str) -> tuple[Record, list[Version]]:
    for record in catalogue.records():
        if url in (record.article.url, record.entry.article_id):
            return record, catalogue.history(record.article.url)
    raise UsageError(f"The corpus knows no article {url}: see reex corpus list.")


def _as_data(record: Record) -> dict[str, Any]:
    return article_as_data(record.article) | {
        "id": record.entry.article_id,
        "state": record.state,
        "source": record.source,
        "passages": record.entry.passages,
        "same_as": record.entry.same_as,
        "story": record.story,
        "first_seen": _moment(record.first_seen),
        "last_seen": _moment(record.last_seen),
        "missing_since": _moment(record.entry.missing_since),
    }


def _moment(when: Any) -> str | None:
    return f"{when.isoformat(timespec='seconds')}Z" if when else None


def _line(record: Record) -> str:
    state = "" if record.state == "active" else f" ({record.state})"
    article = record.article
    return f"{record.entry.article_id}  {article.title or 'untitled'} ({article.label}){state} {article.url}"


def _stats_as_text(data: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{data['articles']} articles at {data['addresses']} addresses, {data['passages']} passages, "
        f"{data['tokens']} tokens; {data['retired']} retired, {data['forgotten']} forgotten."
    )
    if data["last_run"]:
        yield f"Last brought up to date at {data['last_run']['at']}, in {data['last_run']['seconds']:.1f} s."
    if data["newest"]:
        yield f"Published from {data['oldest']} to {data['newest']}."
    for what in ("months", "publishers", "topics"):
        counted = ", ".join(f"{name or 'unknown'} {count}" for name, count in data[what].items())
        yield f"{what.capitalize()}: {counted or 'none'}."
    for failure in data["failures"]:
        tries = f" ({failure['tries']} times)" if failure["tries"] > 1 else ""
        yield f"failed: {failure['where']} {failure['reason']}{tries}"
