"""``reex eval``: run suites, compare runs, hold them to thresholds, and read what they say."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from corpus.errors import UsageError
from rag.settings import Settings, load_settings
from ui.options import AsJson
from ui.progress import lines_of_progress, progress

app = typer.Typer(help="Measure answers, and compare measurements.", no_args_is_help=True)

Suites = Annotated[
    list[str] | None,
    typer.Argument(help="Names or paths of suites; starter when left out.", show_default=False),
]
RunName = Annotated[str, typer.Argument(help="A run's name or folder, or latest.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A setting for this run, such as top_k=8; may be repeated.", show_default=False
    ),
]
Llm = Annotated[str | None, typer.Option("--llm", help="Model to use; beats REEX_LLM.", show_default=False)]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder that keeps the runs; beats REEX_DATA_DIR.", show_default=False),
]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help="Only cases of this kind.", show_default=False)
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Only so many cases, spread over the suite.", show_default=False),
]
System = Annotated[str, typer.Option("--system", help="reex, retrieval (without the model), or a peer.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the newest unfinished run of this.")]
CaseId = Annotated[str | None, typer.Option("--case", help="One case with its evidence.", show_default=False)]
Before = Annotated[
    str | None, typer.Option("--before", help="An older run to compare with.", show_default=False)
]
Waiting = Annotated[
    str | None, typer.Argument(help="The case; all that wait when left out.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="The file: .html, or .md for a pull request.", show_default=False),
]
Facts = Annotated[
    list[str] | None,
    typer.Option(
        "--fact", help="A fact that must be in the answer; wordings apart by |.", show_default=False
    ),
]
Gold = Annotated[
    list[str] | None,
    typer.Option("--gold", help="Address of an article that holds the answer.", show_default=False),
]
Unanswerable = Annotated[
    bool, typer.Option("--unanswerable", help="The right answer is that the corpus does not say.")
]


@app.command("run")
def run_suites(
    suites: Suites = None,
    kind: Kinds = None,
    limit: Limit = None,
    system: System = "reex",
    resume: Resume = False,
    setting: Set = None,
    llm: Llm = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Ask a suite's questions and keep the answers with all that can be traced to them."""
    from evals.run import run
    from evals.text import run_as_data, run_as_text

    settings = _settings(data_dir, llm, setting)
    for name in suites or ["starter"]:
        with progress(f"Asking {name}") as advance:
            made = run(
                name,
                settings,
                system=system,
                kinds=tuple(kind or ()),
                limit=limit,
                resume=resume,
                progress=advance,
                assembling=lines_of_progress("Fetching the local language model, parts"),
            )
        _print(run_as_data(made) if as_json else run_as_text(made), as_json)


@app.command("list")
def list_all(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Name the runs, oldest first, with what they are of."""
    from evals.run import list_runs, read_run
    from evals.text import listing

    settings = _settings(data_dir)
    runs = [read_run(name, settings) for name in list_runs(settings)]
    if as_json:
        _print([{"run": run.name, **run.config} for run in runs], as_json)
    elif runs:
        print("\n".join(listing(run) for run in runs))
    else:
        print("There is no run yet: reex eval run starter.")


@app.command()
def show(
    run: RunName = "latest",
    case: CaseId = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show the metrics of a run and what went wrong, or one case of it."""
    from evals.run import read_run
    from evals.text import case_as_text, run_as_data, run_as_text

    found = read_run(run, _settings(data_dir))
    if case is None:
        _print(run_as_data(found) if as_json else run_as_text(found), as_json)
    elif case not in found.records:
        raise UsageError(f"{found.name} has no case {case}.")
    else:
        _print(found.records[case] if as_json else case_as_text(found, case), as_json)


@app.command()
def compare(
    before: Annotated[str, typer.Argument(help="The run to compare with.")],
    after: RunName = "latest",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Say for each metric whether the second run is better, worse, or whether there is no evidence."""
    from evals import compare as comparing
    from evals.run import read_run
    from evals.text import comparison_as_data, comparison_as_text

    settings = _settings(data_dir)
    one, other = read_run(before, settings), read_run(after, settings)
    differences, flips = comparing.compare(one, other), comparing.flips(one, other)
    if as_json:
        _print(comparison_as_data(one, other, differences, flips), as_json)
    else:
        print(comparison_as_text(one, other, differences, flips))


@app.command()
def gate(run: RunName = "latest", before: Before = None, data_dir: DataDir = None) -> None:
    """Fail when a run misses a threshold of its suite, or is worse than an older run."""
    from evals.compare import GateError
    from evals.compare import gate as missed
    from evals.run import read_run

    settings = _settings(data_dir)
    found = read_run(run, settings)
    older = read_run(before, settings) if before else None
    if reasons := missed(found, older):
        raise GateError(f"{found.name} does not pass: {'; '.join(reasons)}.")
    held = f"{found.name} meets all {len(found.suite.thresholds)} thresholds of {found.suite.name}"
    print(f"{held}, and no metric is worse than in {older.name}." if older else f"{held}.")


@app.command()
def report(
    run: RunName = "latest",
    before: Before = None,
    out: Out = None,
    data_dir: DataDir = None,
) -> None:
    """Write a run as one self-contained page, or as Markdown."""
    from evals.report import as_html, as_markdown
    from evals.run import list_runs, read_run

    settings = _settings(data_dir)
    found = read_run(run, settings)
    older = read_run(before, settings) if before else None
    path = out or found.folder / "report.html"
    if path.suffix not in (".html", ".md"):
        raise UsageError(f"{path} is neither .html nor .md: give --out such a name.")
    past = [read_run(name, settings) for name in list_runs(settings)]
    text = as_html(found, older, past) if path.suffix == ".html" else as_markdown(found, older)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}): give another --out.") from error
    print(path)


@app.command()
def judge(
    run: RunName = "latest",
    llm: Llm = None,
    limit: Limit = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Ask a language model what it thinks of a run's answers; no comparison and no gate heeds it."""
    from evals import judges
    from evals.run import read_run
    from evals.text import opinions_as_data, opinions_as_text

    settings = _settings(data_dir, llm)
    found = read_run(run, settings)
    asked = judges.open_judge(settings, lines_of_progress("Fetching the local language model, parts"))
    with progress(f"Judging {found.name}") as advance:
        judges.judge(found, asked, limit, advance)
    said = [opinion for opinion in judges.opinions(found) if opinion.judge == asked.name]
    _print(opinions_as_data(said) if as_json else opinions_as_text(said), as_json)


@app.command()
def peers(
    suites: Suites = None,
    limit: Limit = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Ask the same questions of this system and of every peer, and print them side by side."""
    from evals.peers import PEERS
    from evals.run import REEX, run
    from evals.text import run_as_data, side_by_side

    settings = _settings(data_dir)
    for name in suites or ["report"]:
        runs = []
        for system in (REEX, *PEERS):
            with progress(f"Asking {system}, {name}") as advance:
                runs.append(run(name, settings, system=system, limit=limit, progress=advance))
        _print([run_as_data(made) for made in runs] if as_json else side_by_side(runs), as_json)


@app.command()
def convert(
    format: Annotated[str, typer.Argument(help="rgb, financebench, multihop-rag or alce.")],
    file: Annotated[Path, typer.Argument(help="The published file.")],
    folder: Annotated[Path, typer.Argument(help="Where the suite goes.")],
    task: Annotated[
        str | None,
        typer.Option("--task", help="For rgb: noise, rejection or counterfactual.", show_default=False),
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option("--noise", min=0, max=1, help="For rgb: the share of negatives.", show_default=False),
    ] = None,
) -> None:
    """Make a suite of a published benchmark, to be run like any other."""
    from evals import outside

    options = {key: value for key, value in {"task": task, "noise": noise}.items() if value is not None}
    if options and format != "rgb":
        raise UsageError("--task and --noise are for rgb only.")
    count = outside.convert(format, file, folder, **options)
    print(f"{count} cases in {folder}: reex eval run {folder}")


@app.command()
def add(
    question: Annotated[
        str | None, typer.Argument(help="What was asked; left out with --answer.", show_default=False)
    ] = None,
    answer: Annotated[
        Path | None,
        typer.Option("--answer", help="The answer as reex ask --json printed it; - for standard input."),
    ] = None,
    fact: Facts = None,
    gold: Gold = None,
    unanswerable: Unanswerable = False,
    note: Annotated[str, typer.Option("--note", help="What was wrong.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Turn a bad answer into a case of the suite feedback, to be reviewed."""
    from evals import feedback

    given = _answer(answer)
    reported = feedback.Reported(
        question=question or given.get("question", ""),
        text=given.get("text", ""),
        evidence=given.get("citations", ()),
        note=note,
    )
    wanted = feedback.Wanted(fact or (), gold or (), unanswerable)
    print(f"{feedback.add(reported, _settings(data_dir), wanted)} waits for review: reex eval review")


@app.command()
def review(
    case: Annotated[
        str | None, typer.Argument(help="The case; all that wait when left out.", show_default=False)
    ] = None,
    fact: Facts = None,
    gold: Gold = None,
    unanswerable: Unanswerable = False,
    drop: Annotated[bool, typer.Option("--drop", help="Take it out instead of in.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Show the cases that wait for review, or say what one wants and take it into the suite feedback."""
    from evals import feedback

    settings = _settings(data_dir)
    if case is not None:
        wanted = feedback.Wanted(fact or (), gold or (), unanswerable)
        found = feedback.drop(case, settings) if drop else feedback.review(case, settings, wanted)
        print(f"{found['id']} is {'out' if drop else 'in'}: {found['question']}")
        return
    rows = feedback.waiting(settings)
    for row in rows:
        print(_waiting(row))
    if not rows:
        print("No case waits for review.")


def _waiting(row: dict[str, Any]) -> str:
    from evals.feedback import is_complete

    facts = "; ".join(" or ".join(fact) for fact in row["facts"]) or "nothing in particular"
    wanted = facts if row["answerable"] else "a refusal"
    lines = [
        f"{row['id']}  {row['question']}",
        *(f"    {turn['role']}: {turn['content']}" for turn in row["history"]),
        f"    note: {row['note'] or 'none'}",
        f"    required: {wanted if is_complete(row) else 'not said yet: --fact, --gold or --unanswerable'}",
        f"    gold: {', '.join(row['gold_urls']) or 'none'}",
    ]
    answered = row.get("answered", "").splitlines()
    lines += ["    answered:", *(f"    | {line}" for line in answered)] if answered else []
    lines += [f"    cited: [{c['n']}] {c['title']} {c['url']}" for c in row["evidence"]]
    return "\n".join(lines)


def _answer(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is no answer of reex ask --json ({error}).") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} is no answer of reex ask --json: it must be one JSON object.")
    return found


def _settings(data_dir: Path | None, llm: str | None = None, pairs: list[str] | None = None) -> Settings:
    given: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals or name not in Settings.model_fields:
            known = ", ".join(sorted(Settings.model_fields))
            raise UsageError(f"--set {pair} names no setting: write NAME=VALUE with one of {known}.")
        given[name] = text
    return load_settings(**{"data_dir": data_dir, "llm": llm, **given})


def _print(result: object, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str), flush=True)
    else:
        print(result, flush=True)
