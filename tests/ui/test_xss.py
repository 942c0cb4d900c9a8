"""What people, articles and models write stays text: hostile texts through every way in, on every page.

The pages are shown without their Content-Security-Policy, which would hide that something was not escaped.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import escape
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from corpus.article import Article
from corpus.catalogue import Span
from corpus.database import now
from evals import feedback
from evals.run import RETRIEVAL, run
from rag.embed import PACKAGED, Embedder
from rag.index import Index
from rag.ingest import ingest
from rag.types import Answer, Citation, Filters, Near, Searched, Sentence, Timings
from tests.corpus.site import Answer as Served
from tests.corpus.site import Site
from tests.ui.conftest import DESKTOP, PASSWORD, Make, Product
from tests.ui.hostile import FOR_OTHERS, IN_HOLES, PAYLOADS
from ui import conversations, sharing, suggest, thumb
from ui.accounts import User
from ui.desk.queries import Incoming
from ui.desk.workbench import Workbench

pytestmark = pytest.mark.browser

ALL = "\n".join(PAYLOADS)
DAY = date(2025, 1, 1)
QUESTION = "How much dysprosium was made?"

# What would be run, or sent elsewhere, by a click that nobody here makes.
ARMED = r"""() => [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes]
  .filter((a) => a.name.startsWith("on") ? a.value.includes("hit(")
    : ["href", "src", "action", "formaction", "data", "xlink:href"].includes(a.name)
      && e.tagName !== "IMG" && e.tagName !== "LINK" && /^\W*(javascript|vbscript|data)\W*:/i.test(a.value))
  .map((a) => e.outerHTML.slice(0, 200)))"""
SHOWN = """() => document.documentElement.textContent
  + [...document.querySelectorAll("input, textarea")].map((e) => e.value).join(" ")"""


@dataclass
class Watched:
    """A browser in which it is seen what hostile texts achieve."""

    context: BrowserContext
    page: Page
    achieved: list[object] = field(default_factory=list)

    def shows(self, *, all_of: bool = False) -> set[int]:
        """The numbers of the texts that stand on the page, of which none may be armed."""
        for frame in self.page.frames:
            self.achieved += frame.evaluate(ARMED)
        text = " ".join(frame.evaluate(SHOWN) for frame in self.page.frames)
        found = {int(n) for n in re.findall(r"hit\((\d+)\)", text)}
        missing = [text for n, text in enumerate(PAYLOADS) if n not in found]
        assert not all_of or missing == []
        assert self.achieved == []
        return found


@pytest.fixture(scope="module")
def watched(browser: Browser, url: str) -> Iterator[Watched]:
    context = browser.new_context(viewport=DESKTOP, bypass_csp=True)
    made = Watched(context, context.new_page())
    ours = urlsplit(url).netloc

    def on_request(request: SimpleNamespace) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc != ours:
            made.achieved.append(request.url)

    context.expose_function("__hit", lambda n: made.achieved.append(n))
    context.on("request", on_request)
    context.on("dialog", lambda dialog: (made.achieved.append(dialog.message), dialog.dismiss()))
    signed_in = context.request.post(f"{url}/login", form={"name": "staff", "password": PASSWORD})
    assert signed_in.ok
    yield made
    context.close()


# What is there to be shown


def rows(changed: str = "") -> list[dict[str, object]]:
    hostile = [
        {
            "url": text if n % 2 else f"https://news.example/{n}?{text}",
            "title": text,
            "publisher": text,
            "author": text,
            "topics": [text],
            "published": (DAY + timedelta(n)).isoformat(),
            "text": f"Dysprosium {text} rose by {100 + n} tonnes in 2025.",
        }
        for n, text in enumerate(PAYLOADS)
    ]
    whole = {
        "url": "https://news.example/all",
        "title": f"Dysprosium {ALL}",
        "publisher": ALL,
        "topics": PAYLOADS,
    }
    whole |= {"text": f"A plant made 1,404 tonnes of dysprosium. {ALL} {changed}", "author": ALL}
    return [whole, *hostile]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    made = tmp_path_factory.mktemp("hostile")
    source = made / "articles.jsonl"
    for changed in ("", ALL):
        source.write_text("\n".join(map(json.dumps, rows(changed))), encoding="utf-8")
        ingest(made, PACKAGED, [str(source)], only=True, load_embedder=lambda: embedder)
    return made


@pytest.fixture(scope="module")
def product(make_product: Make, folder: Path) -> Iterator[Product]:
    index = Index(folder, PACKAGED)
    for text in PAYLOADS[:40]:
        index.catalogue.fail(text, text, text, now())
    with pytest.MonkeyPatch.context() as patch:
        for offered in ("starters", "follow_ups"):
            patch.setattr(suggest, offered, lambda *_, **__: list(PAYLOADS))
        yield make_product(folder, ("staff",), index=index, desk_self_approve=True, private_hosts="127.0.0.1")
    index.close()


@pytest.fixture(scope="module")
def url(product: Product) -> Iterator[str]:
    with product.served() as address:
        yield address


def citation(n: int, article: Article | None = None) -> Citation:
    text = PAYLOADS[n]
    day = DAY + timedelta(n)
    if article:
        return Citation(
            n + 1, "p", article.id, article.url, article.title, article.publisher, day, 0,
            len(article.text), article.text, version=article.content_hash,
        )  # fmt: skip
    quoted = f"{text} made {100 + n} tonnes in 2025"
    return Citation(n + 1, "p", f"gone{n}", text, text, text, day, 0, len(quoted), quoted)


def answer(article: Article, *, abstained: bool = False) -> Answer:
    """One that holds each hostile text in each of its parts; the last source stands in the corpus."""
    cited = [citation(n) for n in range(len(PAYLOADS) - 1)] + [citation(len(PAYLOADS) - 1, article)]
    says = [
        Sentence(
            f"{text} made {100 + n} tonnes in 2025.",
            "weak" if n % 3 else "supported",
            (n + 1,),
            text,
            n % 4 == 0,
        )
        for n, text in enumerate(PAYLOADS)
    ]
    withheld = [Sentence(text, "unsupported", (), text) for text in PAYLOADS]
    near = tuple(Near(Article(text, text, text, text), 0, len(text)) for text in PAYLOADS)
    said, sources = ((), ()) if abstained else ((*says, *withheld), tuple(cited))
    return Answer(
        ALL, ALL, abstained, ALL, DAY, said, sources, (), (), Timings(0, None, 0), ALL, near,
        notes=PAYLOADS, failure=ALL, searched=Searched(PAYLOADS, Span(1, DAY, DAY, None), PAYLOADS),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(product: Product) -> Article:
    """The article that holds all hostile texts."""
    records = product.service.chain.retriever.index.catalogue.records()
    id_ = next(r.entry.article_id for r in records if r.article.url.endswith("/all"))
    return product.service.chain.retriever.index.catalogue.articles([id_])[id_]


@pytest.fixture(scope="module")
def talk(product: Product, whole: Article) -> str:
    """The id of a conversation of hostile texts, behind which are others named after each of them."""
    state, user = product.service.state, product.accounts.find("staff").id
    for text in PAYLOADS:
        conversations.start(state, user, text)
    made = conversations.start(state, user, ALL).id
    filters = Filters(publishers=PAYLOADS, topics=PAYLOADS, companies=PAYLOADS)
    for number, given in enumerate((None, answer(whole, abstained=True), answer(whole))):
        asked = conversations.append(state, user, made, f"{number} {ALL}", filters)
        conversations.complete(state, user, asked.id, given, "" if given else ALL)
        if given:
            thumb.judge(product.service, user, asked.id, -1, ALL)
    return made


@pytest.fixture(scope="module")
def query(product: Product, whole: Article) -> str:
    """The id of a query at the desk with all that can stand there, among others of each hostile text."""
    bench = Workbench(product.service)
    one, other = (User(name, name, "staff") for name in (ALL, f"other {ALL}"))
    items = [Incoming(text, text, "", text) for text in PAYLOADS]
    bench.desk.take_in(items, f"https://news.example/{PAYLOADS[0]}", one)
    (first, second, third) = (
        taken.query.id
        for taken in bench.desk.take_in([Incoming(f"{ALL} {'!' * n}") for n in range(3)], ALL, one)
    )
    body = "\n\n".join(f"{text} [{n + 1}]" for n, text in enumerate(PAYLOADS))
    for id_, given in (
        (first, answer(whole)),
        (second, answer(whole)),
        (third, answer(whole, abstained=True)),
    ):
        bench.desk.save(id_, ALL, given, one, None, why=ALL)
        bench.desk.save(id_, body, given, other, 0, why=ALL)
    bench.desk.move(first, "review", one, ALL)
    bench.desk.approve(first, one, 1, [ALL], ALL)
    return second


# The tests


def test_the_texts_do_run_where_nothing_is_escaped(browser: Browser) -> None:
    context, ran = browser.new_context(), set()
    context.expose_function("__hit", lambda n: ran.add(n))
    page = context.new_page()
    style = "<style>@keyframes k{}</style>"
    page.set_content("".join(f'<iframe srcdoc="{escape(style + html)}"></iframe>' for html in IN_HOLES))
    page.wait_for_timeout(500)
    for frame in page.frames[1:]:
        frame.evaluate("document.querySelectorAll('a, button, p[onclick]').forEach((e) => e.click())")
    page.wait_for_timeout(300)
    context.close()
    assert [html for n, html in enumerate(IN_HOLES) if n not in ran] == []
    assert len(PAYLOADS) == len(IN_HOLES) + len(FOR_OTHERS) > 100


def test_signing_in(watched: Watched, browser: Browser, url: str) -> None:
    context = browser.new_context(bypass_csp=True)
    context.expose_function("__hit", lambda n: watched.achieved.append(n))
    stranger = Watched(context, context.new_page(), watched.achieved)
    page, shown = stranger.page, set[int]()
    wanted = ["/" + re.sub(r"\s", "/", text) for text in PAYLOADS if text.isprintable() and "\\" not in text]
    for start in range(0, len(wanted), 12):
        page.goto(f"{url}/login?next=/x{quote(''.join(wanted[start : start + 12])[:1990])}")
        shown |= stranger.shows()
    assert len(shown) > 80
    for text in PAYLOADS[:6]:
        page.get_by_label("Name").fill(text)
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        stranger.shows()
    context.close()


def test_where_nothing_was_asked(watched: Watched, url: str) -> None:
    page = watched.page
    page.goto(url)
    expect(page.locator("#starters button")).to_have_count(len(PAYLOADS))
    page.locator(".filters summary").click()
    watched.shows(all_of=True)


def test_a_conversation(watched: Watched, url: str, talk: str) -> None:
    page = watched.page
    page.goto(f"{url}/?c={talk}")
    page.locator("#evidence .card").first.wait_for()
    expect(page.locator(".next button")).to_have_count(len(PAYLOADS))
    watched.shows(all_of=True)
    last = page.locator(".exchange").last
    assert last.locator("table.figures tbody tr").count() > 40
    last.locator("a.cite").first.hover()
    expect(page.locator("#preview")).to_be_visible()
    page.locator("#evidence .card").last.locator(".in-article").click()
    expect(page.locator("#evidence .full")).to_contain_text("A plant made")
    watched.shows(all_of=True)
    last.get_by_label("Good answer").click()
    expect(last.locator(".why")).to_be_visible()
    for words in (PAYLOADS[2], "svg"):
        page.locator("#rail-search").fill(words)
        page.wait_for_timeout(400)
        watched.shows()


def test_what_is_typed_in_the_chat(watched: Watched, product: Product, url: str) -> None:
    page = watched.page
    page.goto(url)
    page.locator("#question").wait_for()
    page.locator(".filters summary").click()
    for name in ("publishers", "topics"):
        for text in PAYLOADS[2:5]:
            box = page.locator(f"[data-filter={name}]")
            box.fill(text)
            box.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator("#chips button")).to_have_count(6)
    watched.shows()
    for _ in range(6):
        page.locator("#chips button").first.click()
    product.replies.append(f"A plant made 1,404 tonnes of dysprosium {ALL} [1]. {ALL} [1]")
    page.locator("#question").fill(f"{QUESTION} {ALL}"[:2000])
    page.keyboard.press("Enter")
    last = page.locator(".exchange").last
    expect(last.locator(".thumbs")).to_be_visible(timeout=20_000)
    watched.shows()
    last.get_by_label("Bad answer").click()
    last.locator(".why input").fill(ALL[:1000])
    page.keyboard.press("Enter")
    entry = page.locator("#rail-list li").first
    entry.hover()
    entry.locator("summary").click()
    entry.get_by_text("Rename").click()
    page.locator(".renaming").fill(PAYLOADS[2])
    page.keyboard.press("Enter")
    expect(page.locator("#talk-title")).to_have_text(PAYLOADS[2])
    watched.shows()


def test_what_is_shared_and_exported(
    watched: Watched, product: Product, url: str, talk: str, tmp_path: Path
) -> None:
    page, user = watched.page, product.accounts.find("staff").id
    for exchange in conversations.load(product.service.state, user, talk):
        if exchange.answer:
            page.goto(url + sharing.share(product.service.state, user, exchange.id))
            watched.shows(all_of=True)
    page.goto(f"{url}/?c={talk}")
    page.locator("#evidence .card").first.wait_for()
    with page.expect_download() as download:
        page.get_by_label("Export").click()
    download.value.save_as(tmp_path / "export.html")
    page.goto(f"file://{tmp_path}/export.html")
    watched.shows(all_of=True)


def test_the_library(watched: Watched, url: str, tmp_path: Path) -> None:
    page, shown = watched.page, set()
    page.goto(f"{url}/library/")
    page.locator("#library-table a.open").first.wait_for()
    page.locator("#library-health summary").click()
    expect(page.locator("#library-health")).to_contain_text(PAYLOADS[39])
    watched.shows()
    page.locator("#library-add > button").click()
    names = [text for text in PAYLOADS[:8] if "/" not in text]
    files = [tmp_path / f"{name}{suffix}" for name in names for suffix in (".txt", ".pdf")]
    for file in files:
        file.write_text(f"{file.name}\n\nDysprosium {PAYLOADS[2]}", encoding="utf-8")
    with page.expect_file_chooser() as chooser:
        page.locator("#library-upload").click()
    chooser.value.set_files(files)
    expect(page.locator("#library-status")).to_contain_text("added", timeout=30_000)
    page.locator("#library-address input").fill(PAYLOADS[2])
    page.locator("#library-add-address").click()
    expect(page.locator("#library-status .failure")).to_be_visible()
    page.reload()  # the list is shown anew after an upload, at whatever moment
    where = page.locator("#library-where")
    last, total = 0, 1
    while last < total:
        expect(where).to_contain_text(f"{last + 1} to ")
        shown |= watched.shows()
        last, total = map(int, re.findall(r"to (\d+) of (\d+)", where.inner_text())[0])
        if last < total:
            page.locator("#library-next").click()
    assert len(shown) == len(PAYLOADS)
    for label in ("Publisher", "Topic"):
        page.get_by_label(label).click()
        page.get_by_role("option").nth(3).wait_for()
        watched.shows()
        page.keyboard.press("Escape")
    page.locator("#library-words input").fill("plant made")
    page.locator("#library-table a.open").filter(has_text="Dysprosium").first.click()
    page.locator("#library-text ins").first.wait_for()
    watched.shows(all_of=True)
    page.locator("#library-close").click()
    page.locator("#library-words input").fill(PAYLOADS[2])
    page.wait_for_timeout(400)
    watched.shows()


def test_the_desk(watched: Watched, url: str, query: str) -> None:
    page = watched.page
    page.goto(f"{url}/desk/?query={query}")
    page.locator("#desk-alike li").first.wait_for(timeout=90_000)
    page.locator("#desk-evidence .card").first.wait_for()
    for part in ("export", "earlier", "history"):
        page.locator(f"#desk-{part} > button").click()
    watched.shows(all_of=True)
    assert page.locator("#desk-inbox a.row").count() > len(PAYLOADS)
    page.locator("#desk-earlier-words textarea, #desk-earlier-words input").first.fill("svg onload")
    page.locator("#desk-earlier-list li").first.wait_for()
    page.locator("#desk-post-text summary").click()
    for name in ("Discourse", "BBCode", "HTML"):
        page.locator("#desk-format").get_by_text(name).click()
        expect(page.get_by_role("button", name=f"Copy {name}")).to_be_visible()
        watched.shows(all_of=True)
    page.locator("#desk-body textarea").fill("\n\n".join((*PAYLOADS[:9], f"Kept {PAYLOADS[9]} [1]")))
    expect(page.locator("#desk-checks .mirror")).to_contain_text("Kept <", timeout=60_000)
    watched.shows()
    page.locator("#desk-save").click()
    expect(page.locator("#desk-status")).to_have_text("Saved.", timeout=30_000)
    watched.shows()


def test_what_the_desk_takes_in_and_searches_for(watched: Watched, url: str) -> None:
    # In XML, so that no control character can be in them; a title is HTML once more, and cleaned.
    texts = [re.sub(r"[\x00-\x1f]", "", text) for text in PAYLOADS]
    items = "".join(
        f"<item><title>Feed {n} {escape(escape(text))}</title><description>{escape(text)}</description>"
        f"<author>{escape(text)}</author><guid>{escape(text)}</guid><link>{escape(text)}</link></item>"
        for n, text in enumerate(texts)
    )
    page = watched.page
    with Site() as forum:
        feed = f"<rss version='2.0'><channel><title>{escape(escape(ALL))}</title>{items}</channel></rss>"
        forum.always["/latest.rss"] = Served(feed.encode("utf-8", "replace"), "application/rss+xml")
        page.goto(f"{url}/desk/")
        page.locator("#desk-add > button").click()
        page.locator("#desk-feed input").fill(f"{forum.url}/latest.rss")
        page.locator("#desk-read").click()
        expect(page.locator("#desk-status")).to_contain_text("queries added", timeout=30_000)
    words = page.locator("#desk-words").locator("textarea, input")
    words.fill("feed")
    rows = page.locator("#desk-inbox a.row")
    expect(rows.first).to_contain_text("Feed")
    assert len(watched.shows()) > 60
    rows.first.click()
    expect(page.locator("#desk-query .asked")).to_contain_text("Feed")
    watched.shows()
    for text in PAYLOADS[2:5]:
        words.fill(text)
        page.wait_for_timeout(400)
        watched.shows()


def test_what_is_stale_or_missing_at_the_desk(watched: Watched, url: str, query: str) -> None:
    page = watched.page
    page.goto(f"{url}/desk/")
    page.locator("#desk-inbox a.row").first.wait_for(timeout=60_000)
    page.get_by_role("tab", name="Stale").click()
    page.locator("#desk-stale .stale").first.wait_for()
    watched.shows(all_of=True)
    page.get_by_role("tab", name="Gaps").click()
    page.locator("#desk-gaps tbody tr").first.wait_for(timeout=60_000)
    watched.shows(all_of=True)


def test_the_report_of_an_evaluation(watched: Watched, product: Product, url: str, talk: str) -> None:
    settings = product.service.settings
    for case in feedback.waiting(settings)[:2]:
        feedback.review(case["id"], settings, feedback.Wanted(facts=PAYLOADS[:9]))
    run("feedback", settings, system=RETRIEVAL)
    page = watched.page
    page.goto(f"{url}/evals/")
    report = page.frame_locator("#evals-report iframe")
    report.locator(".case").first.wait_for(state="attached")
    assert report.locator(".case").count() == 2
    watched.shows(all_of=True)


def test_what_is_answered_to_an_address(watched: Watched, url: str) -> None:
    page = watched.page
    for text in PAYLOADS[:4]:
        given = quote(text, safe="")
        for path in (
            f"/{given}", f"/a/{given}", f"/library/{given}", f"/v1/{given}", f"/v1/desk/queries/{given}",
            f"/v1/desk/queries?words={given}&state={given}", f"/login/callback?error={given}",
            f"/gradio_api/file={given}", f"/mcp/{given}",
        ):  # fmt: skip
            page.goto(url + path)
            watched.shows()
    for path in (f"/?c={quote(ALL)}&__theme={quote(ALL)}", f"/desk/?query={quote(ALL)}"):
        page.goto(url + path)
        page.locator("#question, #desk-inbox a.row").first.wait_for()
        page.wait_for_timeout(300)
        watched.shows()
    page.goto(f"{url}/v1/desk/queries?limit=1000")
    watched.shows(all_of=True)


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xhtml", "x.xml", "x.txt", "x.pdf", "x.js"])
def test_a_file_that_was_uploaded_does_not_open_as_a_page(watched: Watched, url: str, name: str) -> None:
    page = watched.page
    content = (
        f'<svg xmlns="http://www.w3.org/2000/svg" onload="__hit(1)"><script>__hit(2)</script>{ALL}</svg>'
    )
    for mime in ("text/html", "image/svg+xml", "text/plain"):
        sent = page.request.post(
            f"{url}/library/gradio_api/upload",
            headers={"Origin": url},
            multipart={"files": {"name": name, "mimeType": mime, "buffer": content.encode()}},
        )
        if not sent.ok:
            continue
        page.goto(f"{url}/login")
        frame = f"{url}/library/gradio_api/file={quote(sent.json()[0])}"
        page.set_content(f'<iframe src="{frame}"></iframe>')
        page.wait_for_timeout(150)
        assert watched.achieved == []
