"""A shared answer is a copy that says what has become of its sources; nobody shares what is not theirs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import assume, example, given
from hypothesis import strategies as st
from lxml import html

from corpus.article import Article
from corpus.catalogue import Catalogue
from corpus.database import Database, now
from corpus.errors import UsageError
from rag.settings import Settings
from rag.types import Answer, Citation, Sentence
from tests.ui.test_copying import HOSTILE, answer, citation
from ui.export import conversation_as_html
from ui.frozen import freeze
from ui.service import Service
from ui.sharing import routes, share, shared, unshare
from ui.standing import Standing, standings
from ui.state import conversations, exchanges, open_state


def _asked(question: str, answer: Answer | None) -> Any:
    return SimpleNamespace(question=question, answer=answer)


TEXT = "Before it all. The plant costs $5 million. It opens in May. After it all."
SOURCE = Article("https://example.org/a", TEXT, "A plant", "A publisher", date(2025, 5, 13))


def quoting(article: Article = SOURCE) -> Citation:
    quote = "The plant costs $5 million. It opens in May."
    start = article.text.index(quote)
    return Citation(
        1,
        "p",
        article.id,
        article.url,
        article.title,
        article.publisher,
        article.published,
        start,
        start + len(quote),
        quote,
        version=article.content_hash,
    )


def full() -> Answer:
    sentences = (Sentence("It costs $5 million.", "weak", (1,)), Sentence("Secret.", "unsupported"))
    return answer(*sentences, citations=(quoting(),))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    opened = open_state(Settings(data_dir=tmp_path))
    with opened.writing() as db:
        day = now()
        db.execute(
            sa.insert(conversations).values(id="c", user_id="ann", title="", created_at=day, updated_at=day)
        )
        for number, given in enumerate((freeze(full()), None)):
            db.execute(
                sa.insert(exchanges).values(
                    id=f"e{number}",
                    conversation_id="c",
                    number=number,
                    question="What does it cost?",
                    filters={},
                    answer=given,
                    failure="",
                    verdict=0,
                    reason="",
                    asked_at=day,
                )
            )
    yield opened
    opened.close()


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    hold(opened, SOURCE)
    yield opened
    opened.close()


def hold(catalogue: Catalogue, article: Article) -> None:
    catalogue.see([article], "test", now())
    catalogue.put([(article.id, article.content_hash, 1)])


@pytest.fixture
def client(state: Database, catalogue: Catalogue) -> TestClient:
    chain: Any = SimpleNamespace(retriever=SimpleNamespace(index=SimpleNamespace(catalogue=catalogue)))
    app = FastAPI()
    app.include_router(routes(Service(chain, state, Settings())))
    return TestClient(app)


def test_sharing_again_gives_the_same_link_and_another_answer_another(state: Database) -> None:
    first = share(state, "ann", "e0")
    assert share(state, "ann", "e0") == first
    assert len(first) == len("/a/") + 32
    with state.writing() as db:
        db.execute(sa.update(exchanges).values(answer=freeze(replace(full(), text="Again."))))
    assert share(state, "ann", "e0") != first
    kept = shared(state, first.removeprefix("/a/"))
    assert kept is not None
    assert (kept.question, kept.answer) == ("What does it cost?", full())


@pytest.mark.parametrize(("user", "exchange"), [("ben", "e0"), ("ann", "e1"), ("ann", "e2")])
def test_only_an_answer_of_ones_own_can_be_shared(state: Database, user: str, exchange: str) -> None:
    with pytest.raises(UsageError):
        share(state, user, exchange)


def test_a_link_that_was_taken_back_shows_nothing(state: Database, client: TestClient) -> None:
    path = share(state, "ann", "e0")
    assert client.get(path).status_code == 200
    assert not unshare(state, "ben", "e0")
    assert client.get(path).status_code == 200
    assert unshare(state, "ann", "e0")
    gone = client.get(path)
    assert gone.status_code == 404
    assert "Nothing is shared under this link" in gone.text
    assert client.get("/a/%00' or 1=1").status_code == 404


def test_the_page_shows_the_answer_with_its_evidence(state: Database, client: TestClient) -> None:
    page = client.get(share(state, "ann", "e0"))
    root = html.fromstring(page.text)
    for href in root.xpath("//div[@class='answer']//a[@class='cite']/@href"):
        (card,) = root.xpath(f"//*[@id='{href[1:]}']")
        words = " ".join(card.text_content().split())
        for part in ("A publisher", "2025-05-13", "reported", quoting().quote, "Source unchanged since."):
            assert part in words
        assert card.xpath(".//a[@class='out']/@href") == ["https://example.org/a"]
    assert root.xpath("//span[@class='weak']")
    assert "As of 2025-05-13" in root.text_content()
    assert "Secret" not in page.text
    assert root.xpath("//script | //@onclick") == []
    assert client.head(page.url.path).status_code == 200
    assert "noindex" in page.headers["x-robots-tag"]
    assert page.headers["referrer-policy"] == "no-referrer"


def test_what_has_become_of_a_source_is_told(catalogue: Catalogue) -> None:
    def now_standing(text: str) -> Standing:
        hold(catalogue, replace(SOURCE, text=text))
        return standings(catalogue, [quoting()])[1]

    assert standings(catalogue, [quoting()])[1].state == "unchanged"
    elsewhere = now_standing(f"A correction. {TEXT}")
    assert (elsewhere.state, elsewhere.passage, elsewhere.difference) == ("changed", quoting().quote, "")
    changed = now_standing(TEXT.replace("$5", "<$6>").replace("After it all.", ""))
    assert changed.passage == "The plant costs <$6> million. It opens in May."
    assert "<del>$5</del><ins>&lt;$6&gt;</ins>" in changed.difference
    longer = now_standing(TEXT.replace("It opens", "It was late. It opens"))
    assert longer.passage == "The plant costs $5 million. It was late. It opens in May."
    removed = now_standing("Before it all. After it all.")
    assert (removed.state, removed.passage) == ("changed", "")
    assert "taken out" in removed.in_words
    catalogue.retire([SOURCE.id])
    assert standings(catalogue, [quoting()])[1].state == "gone"


def test_a_source_whose_text_another_address_has_too_is_not_gone(catalogue: Catalogue) -> None:
    other = replace(SOURCE, url="https://example.org/b")
    hold(catalogue, other)
    catalogue.link({SOURCE.id: other.id})
    assert standings(catalogue, [quoting()])[1].state == "unchanged"


def test_the_page_shows_a_changed_passage(state: Database, client: TestClient, catalogue: Catalogue) -> None:
    hold(catalogue, replace(SOURCE, text=TEXT.replace("$5", "$6")))
    page = html.fromstring(client.get(share(state, "ann", "e0")).text)
    (difference,) = page.xpath("//p[@class='difference']")
    assert [e.text for e in difference.iter("del", "ins")] == ["$5", "$6"]


def shape_and_words(text: str) -> tuple[list[str], str]:
    one = replace(citation(text=text), kind="inferred")
    asked = replace(answer(Sentence(text, "supported", (1,)), citations=(one,)), notes=(text,))
    root = html.document_fromstring(conversation_as_html(text, [_asked(text, asked), _asked(text, None)]))
    return [str(element.tag) for element in root.iter()], "".join(root.text_content().split())


@given(st.text(st.sampled_from(list("ab <>&\"'/{}%#;=!-")), min_size=1).filter(str.strip))
@example(HOSTILE)
@example("</style></title><script>alert(1)</script>{{ 7*7 }}")
def test_nothing_that_was_not_written_here_becomes_markup(text: str) -> None:
    assume(not text.startswith("- "))  # which makes a list of it
    shape, words = shape_and_words(text)
    assert shape == shape_and_words("Word")[0]
    assert words.count("".join(text.split())) >= 7


def test_an_export_holds_every_exchange_and_needs_nothing_else() -> None:
    page = conversation_as_html(
        "Plants", [_asked("One?", full()), _asked("Two?", full()), _asked("Three?", None)]
    )
    root = html.document_fromstring(page)
    assert [e.text for e in root.iter("h1", "h2")] == ["Plants", "One?", "Two?", "Three?"]
    ids = root.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in root.xpath("//a/@href") if href.startswith("#")} <= set(ids)
    assert root.xpath("//script | //link | //img | //iframe | //@src") == []
    assert "break-before: page" in page
