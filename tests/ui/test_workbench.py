"""The work at the desk: drafts with frozen evidence, what asks the same, what is stale, what is missing."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from corpus.database import Database, now
from corpus.errors import ReexError
from evals.suite import read_suite
from rag.chain import AnswerChain
from rag.embed import PACKAGED, Embedder
from rag.errors import LLMError
from rag.index import Index
from rag.ingest import ingest
from rag.llm import LLM
from rag.retrieve import Retriever
from rag.settings import Settings
from ui.accounts import User
from ui.desk.likeness import Likeness, differ
from ui.desk.queries import DeskError, Incoming
from ui.desk.workbench import Workbench
from ui.frozen import freeze
from ui.service import Service
from ui.state import exchanges, open_state

ANN, BOB = User("1", "ann", "staff"), User("2", "bob", "staff")
MP = "What price floor did the Pentagon give MP Materials?"
GAP = "Who will win the world cup in curling?"
FLOOR = "The Pentagon gave MP Materials a price floor of $110/kg for NdPr oxide."
MORE = "The Pentagon also becomes the largest shareholder of MP Materials with a stake of 15%."


def no_model() -> LLM:
    raise LLMError("The model is down: start it.")


class Corpus:
    """A folder of articles that can be changed, and the workbench over it."""

    def __init__(self, folder: Path, state: Database, embedder: Embedder):
        self.folder, self._embedder, self._data = folder / "articles", embedder, folder / "data"
        self.folder.mkdir()
        self._data.mkdir()
        self.write("mp.md", "MP Materials and the Pentagon", "2025-07-10", f"{FLOOR} {MORE}")
        self.write("steel.md", "Baogang makes steel", "2025-05-13", "Baogang makes steel in Baotou.")
        self.sync()
        self.index = Index(self._data, PACKAGED)
        chain = AnswerChain(Retriever(self.index, embedder), no_model, Settings())
        self.service = Service(chain, state, Settings())
        self.bench = Workbench(self.service)
        self.desk = self.bench.desk

    def write(self, name: str, title: str, day: str, text: str) -> None:
        head = (
            f"---\nurl: https://news.example/{name}\ntitle: {title}\npublisher: News\npublished: {day}\n---\n"
        )
        (self.folder / name).write_text(f"{head}\n{text}\n", encoding="utf-8")

    def sync(self) -> None:
        ingest(self._data, PACKAGED, [str(self.folder)], only=True, load_embedder=lambda: self._embedder)

    def take(self, text: str, **fields: str) -> str:
        return self.desk.take_in([Incoming(text, **fields)], "pasted", ANN)[0].query.id

    def approved(self, text: str = MP) -> str:
        id_ = self.take(text)
        self.bench.draft(id_, ANN)
        self.desk.move(id_, "review", ANN)
        self.bench.approve(id_, BOB, 0)
        return id_


@pytest.fixture
def corpus(tmp_path: Path, embedder: Embedder) -> Iterator[Corpus]:
    state = open_state(Settings(data_dir=tmp_path))
    made = Corpus(tmp_path, state, embedder)
    yield made
    made.index.close()
    state.close()


def test_a_draft_is_in_the_forums_voice_and_holds_before_its_own_checks(corpus: Corpus) -> None:
    id_ = corpus.take(MP)
    revision = corpus.bench.draft(id_, ANN)
    assert revision.body.startswith("This is what our articles say:\n\n> ")
    assert f"> {FLOOR} [1]" in revision.body
    assert "The model is down" not in revision.body
    view = corpus.bench.view(id_)
    assert view.query.state == "drafted"
    assert view.review is not None
    assert {s.support for s in view.review.sentences} <= {"supported", "plain"}
    assert view.hits[1].article.title == "MP Materials and the Pentagon"


def test_a_refusal_is_polite_and_names_no_article_that_has_nothing_to_do_with_it(corpus: Corpus) -> None:
    revision = corpus.bench.draft(corpus.take(GAP), ANN)
    assert revision.answer.abstained
    assert revision.body == "Our articles do not answer this."


def test_a_draft_of_an_approved_query_is_refused_before_the_model_is_asked(corpus: Corpus) -> None:
    id_ = corpus.approved()
    with pytest.raises(DeskError, match="reopen"):
        corpus.bench.draft(id_, ANN)
    assert len(corpus.desk.revisions(id_)) == 1


def test_what_lost_its_support_is_not_approved_by_itself(corpus: Corpus) -> None:
    id_ = corpus.take(MP)
    corpus.bench.draft(id_, ANN)
    corpus.bench.save(id_, FLOOR.replace("110", "120") + " [1]", ANN, 0)
    corpus.desk.move(id_, "review", ANN)
    with pytest.raises(DeskError, match="1 of its sentences"):
        corpus.bench.approve(id_, BOB, 1)
    assert corpus.bench.approve(id_, BOB, 1, "the article has a slip").state == "approved"


def test_a_query_like_an_answered_one_gets_that_answer_as_its_draft(corpus: Corpus) -> None:
    answered = corpus.approved()
    corpus.take("Did Lynas get a price floor from the Pentagon?")
    again = corpus.take("Which floor price has the Pentagon given to MP Materials?")
    (alike,) = corpus.bench.alike(corpus.desk.query(again)).answered
    assert alike.query.id == answered
    revision = corpus.bench.reuse(again, answered, BOB)
    assert revision.body == corpus.desk.revisions(answered)[0].body
    assert [alike.query.id for alike in corpus.bench.answers_with("price floor 110")] == [answered]


def test_a_reused_answer_is_checked_against_todays_corpus(corpus: Corpus) -> None:
    answered = corpus.approved()
    corpus.write(
        "mp.md", "MP Materials and the Pentagon", "2025-07-10", f"{FLOOR.replace('110', '125')} {MORE}"
    )
    corpus.sync()
    again = corpus.take("Which floor price has the Pentagon given to MP Materials?")
    corpus.bench.reuse(again, answered, BOB)
    review = corpus.bench.view(again).review
    assert review is not None
    assert [text for text in review.unsupported if "110" in text]
    assert corpus.bench.view(answered).review.unsupported == []  # type: ignore[union-attr]  # frozen


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("110", "125"), "the cited passage is not in it"),
        (lambda text: f"{text}\n\nThe deal was signed in July.", "the cited passage still stands in it"),
    ],
)
def test_an_answer_whose_article_changed_is_flagged(
    corpus: Corpus, change: Callable[[str], str], words: str
) -> None:
    id_ = corpus.approved()
    assert corpus.bench.stale() == []
    corpus.write("mp.md", "MP Materials and the Pentagon", "2025-07-10", change(f"{FLOOR} {MORE}"))
    corpus.sync()
    (item,) = corpus.bench.stale()
    assert item.query.id == id_
    assert {alarm.why for alarm in item.alarms} == {"changed"}
    assert words in item.alarms[0].text
    assert item.alarms[0].before is not None
    assert item.alarms[0].after is not None
    assert item.alarms[0].before.text != item.alarms[0].after.text
    corpus.bench.keep(id_, BOB)
    assert corpus.bench.stale() == []
    corpus.write("mp.md", "MP Materials and the Pentagon", "2025-07-10", "The Pentagon gave nothing.")
    corpus.sync()
    assert [item.query.id for item in corpus.bench.stale()] == [id_]
    corpus.bench.renew(id_, BOB)
    assert corpus.desk.query(id_).state == "drafted"
    assert corpus.bench.stale() == []


def test_an_answer_whose_article_left_the_corpus_is_flagged(corpus: Corpus) -> None:
    corpus.approved()
    (corpus.folder / "mp.md").unlink()
    corpus.sync()
    (item,) = corpus.bench.stale()
    assert {alarm.why for alarm in item.alarms} == {"left"}


def test_a_newer_article_of_the_same_company_that_fits_better_is_named(corpus: Corpus) -> None:
    corpus.approved()
    corpus.write(
        "floor.md", "What price floor the Pentagon gave MP Materials", "2026-01-05",
        "The price floor that the Pentagon gave MP Materials is $130/kg now.",
    )  # fmt: skip
    corpus.write("lynas.md", "Lynas", "2026-02-01", "Lynas has no price floor from the Pentagon.")
    corpus.sync()
    (item,) = corpus.bench.stale()
    (alarm,) = item.alarms
    assert alarm.why == "overtaken"
    assert alarm.after is not None
    assert alarm.after.url == "https://news.example/floor.md"


def test_gaps_are_grouped_with_the_most_asked_first(corpus: Corpus) -> None:
    for text in (MP, GAP, "Which team wins the curling world cup?", "qwxz vbnm zzyzx?"):
        corpus.bench.draft(corpus.take(text), ANN)
    refused = freeze(corpus.service.chain.invoke(_question("Who is going to win the curling world cup?")))
    row = {
        "id": "x", "conversation_id": "c", "number": 0, "question": "And who wins?", "filters": {},
        "failure": "", "answer": refused, "verdict": 0, "reason": "",
        "asked_at": now() + timedelta(minutes=1),
    }  # fmt: skip
    unfinished = row | {"id": "y", "number": 1, "answer": None}
    with corpus.service.state.writing() as db:
        db.execute(sa.insert(exchanges), [row, unfinished])
    first, second = corpus.bench.gaps()
    assert first.text == GAP
    assert [gap.where for gap in first.gaps] == ["desk", "desk", "chat"]
    assert second.as_data()["asked"] == 1
    assert second.text == "qwxz vbnm zzyzx?"


def _question(text: str) -> Any:
    from rag.types import Question

    return Question(text)


def test_a_batch_goes_on_after_a_failure_and_can_be_stopped(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [corpus.take(text) for text in (MP, "fails", GAP)]
    stream = corpus.service.chain.stream

    def failing(question: Any, *_: Any, **options: Any) -> Any:
        if question.text == "fails":
            raise ReexError("It failed.")
        return stream(question, **options)

    monkeypatch.setattr(corpus.service.chain, "stream", failing)
    told = list(corpus.bench.draft_all(ANN, threading.Event()))
    assert [(word.done, word.failed, word.over) for word in told] == [
        (0, 0, False), (1, 0, False), (2, 1, False), (3, 1, True),
    ]  # fmt: skip
    assert told[-1].failure == "It failed."
    assert [corpus.desk.query(id_).state for id_ in ids] == ["drafted", "new", "drafted"]
    halted = threading.Event()
    halted.set()
    assert [(word.done, word.over) for word in corpus.bench.draft_all(ANN, halted)] == [(0, True)]


# Likeness


def test_questions_asked_again_are_found_and_others_rarely_taken_for_them(embedder: Embedder) -> None:
    pairs = yaml.safe_load(Path(__file__).with_name("asked_again.yaml").read_text(encoding="utf-8"))
    likeness = Likeness(embedder)
    found = [pair for pair in pairs if likeness.to(pair[0], [pair[1]], str)]
    assert len(pairs) == 40
    assert len(found) >= 34  # in float32; 35 where the processor computes in bfloat16
    questions = [case.question.text for case in read_suite("dev").cases if not case.question.history]
    wrong = sum(
        len(likeness.to(text, questions[number + 1 :], str, most=1000))
        for number, text in enumerate(questions)
    )
    assert wrong <= 0.004 * len(list(combinations(questions, 2)))


def test_other_companies_and_other_years_are_other_questions() -> None:
    assert differ("What did Lynas earn?", "What did Iluka earn?")
    assert not differ("What did Lynas earn?", "What did LYC earn?")
    assert differ("How much NdPr was made in 2024?", "How much NdPr was made in 2025?")
    assert not differ("How much NdPr was made?", "How much NdPr was made in 2025?")
