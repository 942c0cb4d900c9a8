"""Questions that the corpus can answer: to begin with, and to go on from an answer.

They are made by templates from what titles, names and dates say, and each is searched for before it is
shown: the article that it was made from must come first. No language model is asked.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from threading import Lock

from corpus.article import Article
from rag.asked import units_asked_for
from rag.chain import AnswerChain
from rag.dates import MONTHS, PartialDate, find_dates
from rag.figures import figures
from rag.lexical import terms
from rag.names import actors_in, names_in
from rag.screen import is_forged
from rag.select import coverage
from rag.sentences import has_cjk
from rag.types import Answer, Hit, Question
from rag.understand import understand

_NEWEST = 60  # articles that starters are made from
_MOST_SEARCHES = 16  # for one list: each takes some hundredths of a second
_MIN_SIMILARITY = 0.22  # of the passage that is found first: below it are 8 of 100 questions with an answer
_MIN_COVERAGE = 0.7
_ALIKE = 0.75
_READ_HITS = 6

_LAST = "reported"  # the kind that says least

# How titles put it, and how one asks for it; in Chinese, what stands before 了什么.
_VERBS = {
    "reports": ("report", "报告"), "posts": ("report", "报告"), "announces": ("announce", "宣布"),
    "signs": ("sign", "签署"), "agrees": ("agree on", "商定"), "opens": ("open", "启用"),
    "starts": ("start", "启动"), "launches": ("launch", "推出"), "receives": ("receive", "获得"),
    "wins": ("win", "赢得"), "buys": ("buy", "收购"), "acquires": ("acquire", "收购"),
    "sells": ("sell", "出售"), "suspends": ("suspend", "暂停"), "bans": ("ban", "禁止"),
    "approves": ("approve", "批准"),
    "finances": ("finance", "资助"), "forecasts": ("forecast", "预测"), "says": ("say", "表示"),
    "ships": ("ship", "交付"), "secures": ("secure", "获得"), "finalizes": ("finalize", "敲定"),
    "completes": ("complete", "完成"), "proposes": ("propose", "提出"), "unveils": ("unveil", "公布"),
}  # fmt: skip
_BASES = {base.split()[0]: form for form, (base, _) in _VERBS.items() if form != "posts"}
_SAYS_WHAT = re.compile(
    rf"^(?P<who>[^:;?]{{2,70}}?) (?P<verb>{'|'.join([*_VERBS, *_BASES])}) (?P<what>.{{4,}})$"
)
_MONEY = r"(?:US|A|C|AU|CA)?[$€£](?:US)?\d[\d.,]*(?: ?(?:million|billion|bn|m))?"
_PRODUCES = re.compile(
    r"^(?P<who>[^:;?]{2,60}?) produces? [\d,.]+ (?:tonnes|tons|t) of (?P<what>[\w -]{2,40}?)"
    r" in (?P<when>the .{4,40})$"
)
_COSTS = re.compile(
    rf"^(?P<who>[^:;?]{{2,60}}?) (?:plans|builds|to build|starts) (?:an? )?{_MONEY} (?P<what>[^,;:]{{4,60}}?)"
    r"(?P<where> in [A-Z][\w ]{2,30})?(?:[,;].*)?$"
)
_PAYS = re.compile(
    r"^(?P<who>[^:;?]{2,60}?) (?:buys|acquires|agrees to (?:buy|acquire)|to (?:buy|acquire))"
    rf" (?P<what>[^;:]{{3,80}}?)(?: and its [^;:]{{3,60}}?)? (?:for {_MONEY}|in an? {_MONEY} deal)$"
)
_WHERE = re.compile(
    r"^(?P<who>[^:;?]{2,60}?) (?P<verb>opens|breaks ground on|starts|launches|builds|plans) "
    rf"(?:an? )?(?:{_MONEY} )?(?P<what>[a-z][^,;:]{{4,60}}?) (?:in|at) [A-Z].*$"
)
_STANDS = re.compile(
    r"^(?P<what>[^:;?]{4,60}\b(?:index|price|prices)) (?:rose|fell|climbed|dropped|reached|stood at)\b.*?"
    r"(?P<when>\b(?:on|in) (?:\d{1,2} )?(?:" + "|".join(MONTHS) + r") 20\d\d)\b"
)
_WHERE_VERBS = {
    "opens": "did {} open", "breaks ground on": "did {} break ground on", "starts": "did {} start",
    "launches": "did {} launch", "builds": "is {} building", "plans": "does {} plan",
}  # fmt: skip
_NEEDS_THE = re.compile(r"^(?:(?:U\.?S\.?|UK|EU) [a-zA-Z]|(?:IEA|DFC|EU|Pentagon)\b)")
_PERIOD = re.compile(
    r"\b(?:in|for) (the (?:"
    r"(?:first|second|third|fourth) (?:half|quarter) of 20\d\d|[A-Z]\w+ 20\d\d quarter))$"
)
_HAS_ARTICLE = re.compile(r"^(?:an?|the|its|their|\d)\b", re.IGNORECASE)
_PRONOUNS = re.compile(r"\b(?:it|its|their|his|her)\b")


@dataclass(frozen=True)
class Idea:
    """A question, and the article that should answer it.

    Attributes:
        text: in English.
        chinese: the same in Chinese; empty where that would be half in English.
        kind: the template that made it.
        article: where the answer stands.
    """

    text: str
    chinese: str
    kind: str
    article: Article


_kept: dict[tuple[str, int, str], tuple[str, list[str]]] = {}
_making = Lock()


def starters(chain: AnswerChain, n: int = 4, language: str = "en") -> list[str]:
    """Questions to begin with, on the newest articles of different topics; fewer when they do not hold more.

    They are searched for once for each state of the index, and then remembered.

    Args:
        chain: whose corpus is asked.
        n: how many at most.
        language: "en" or "zh".

    Raises:
        StorageError: the catalogue cannot be read.
    """
    index = chain.retriever.index
    index.refresh()
    key = (index.catalogue.name, n, language)
    with _making:
        generation, questions = _kept.get(key, ("", []))
        if not questions or generation != index.generation:
            chinese = language == "zh"
            differing = (_in_all, _in_subject, _in_words)
            made = sorted(_ideas(_newest(chain), chinese), key=lambda idea: idea.kind == _LAST)
            chosen = _chosen(chain, made, n, chinese, differing)
            questions = _wordings(chosen, chinese)
            _kept[key] = index.generation, questions
    return list(questions)


def follow_ups(chain: AnswerChain, answer: Answer, n: int = 3) -> list[str]:
    """Questions near an answer that the corpus can answer, in the language of its question.

    First those on other articles about the companies that it speaks of, then those on what it cites; none
    is what was asked.

    Raises:
        StorageError: the catalogue cannot be read.
    """
    chinese = has_cjk(answer.question)
    asked = _actors(answer.question)
    made = _ideas(_near(chain, answer), chinese)
    made.sort(key=lambda idea: asked.isdisjoint(_actors(idea.text)))
    chosen = _chosen(chain, made, n, chinese, (_in_kind, _in_words), answer.question)
    return _wordings(chosen, chinese)


def ideas(article: Article) -> list[Idea]:
    """Questions that an article seems to answer, the most particular first.

    >>> article = Article("https://example.org/", "", "Lynas reports record output", "", date(2026, 1, 20))
    >>> [idea.text for idea in ideas(article)]
    ['What did Lynas report in January 2026?', 'What was reported about Lynas in January 2026?']
    """
    if is_forged(article.title):
        return []
    found = (_produced, _cost, _paid, _place, _level, _deed, _reported)
    return [idea for make in found for idea in make(article) if not _PRONOUNS.search(idea.text)]


# Which of them are shown


def _newest(chain: AnswerChain) -> list[Article]:
    catalogue = chain.retriever.index.catalogue
    today = date.today()
    dated = [
        record.entry.article_id
        for record in catalogue.records()
        if record.entry.stored and record.article.published and record.article.published <= today
    ][:_NEWEST]
    texts = catalogue.articles(dated)
    return [texts[id_] for id_ in dated if id_ in texts]


def _near(chain: AnswerChain, answer: Answer) -> list[Article]:
    """Other articles about what an answer speaks of, and then the cited ones."""
    cited = chain.retriever.index.catalogue.articles({c.article_id for c in answer.citations})
    said = " ".join([answer.question, *(article.title for article in cited.values())])
    actors = dict.fromkeys(group[0] for _, group in actors_in(said))
    found: dict[str, Article] = {}
    for actor in list(actors)[:3]:
        found |= {hit.article.id: hit.article for hit in chain.retriever.search([actor], _READ_HITS)}
    others = [article for id_, article in found.items() if id_ not in cited]
    return [*others, *cited.values()]


def _ideas(articles: Iterable[Article], chinese: bool) -> list[Idea]:
    return [idea for article in articles for idea in ideas(article) if idea.chinese or not chinese]


def _chosen(
    chain: AnswerChain,
    made: Sequence[Idea],
    n: int,
    chinese: bool,
    differing: Sequence[Callable[[Idea, Idea], bool]],
    asked: str = "",
) -> list[Idea]:
    """Ideas that the corpus can answer, as different from each other as there are.

    Args:
        chain: whose corpus is asked.
        made: the most welcome first.
        n: how many at most.
        chinese: they are shown in Chinese.
        differing: how two of them must differ, the strictest first; the others fill up what is left.
        asked: what none of them may be.
    """
    chosen: list[Idea] = []
    tried: set[str] = set()
    searches = 0
    for differs in differing:
        for idea in made:
            if len(chosen) >= n or searches >= _MOST_SEARCHES:
                return chosen
            wording = idea.chinese if chinese else idea.text
            if idea.text in tried or _alike(wording, asked) or not all(differs(idea, c) for c in chosen):
                continue
            tried.add(idea.text)
            searches += 1
            if _answerable(chain, idea, chinese):
                chosen.append(idea)
    return chosen


def _in_all(idea: Idea, other: Idea) -> bool:
    return _in_kind(idea, other) and _in_subject(idea, other)


def _in_kind(idea: Idea, other: Idea) -> bool:
    return idea.kind != other.kind and _in_words(idea, other)


def _in_subject(idea: Idea, other: Idea) -> bool:
    topics = set(idea.article.topics[:1]) & set(other.article.topics[:1])
    return not topics and not _actors(idea.text) & _actors(other.text) and _in_words(idea, other)


def _in_words(idea: Idea, other: Idea) -> bool:
    return idea.article.id != other.article.id and not _alike(idea.text, other.text)


def _actors(text: str) -> set[str]:
    return {group[0] for _, group in names_in(text, materials=False)}


def _alike(one: str, other: str) -> bool:
    words, others = set(terms(one)), set(terms(other))
    return len(words & others) >= _ALIKE * (min(len(words), len(others)) or 1)


def _answerable(chain: AnswerChain, idea: Idea, chinese: bool) -> bool:
    """Whether a search for a question finds its article first, and near enough.

    A Chinese question is translated before it is searched for, so its English form is tried; as it stands
    it must find the article too.
    """
    hits = _search(chain, idea.text)
    if not hits or hits[0].article.id != idea.article.id or hits[0].similarity < _MIN_SIMILARITY:
        return False
    rarity = chain.retriever.index.lexical.rarity
    wanted = {term: rarity(term) for term in set(terms(idea.text))}
    if coverage(idea.text, wanted, hits[:1]) < _MIN_COVERAGE:
        return False
    if units_asked_for(idea.text) and not figures(hits[0].passage.text):
        return False
    return not chinese or any(h.article.id == idea.article.id for h in _search(chain, idea.chinese))


def _search(chain: AnswerChain, text: str) -> list[Hit]:
    asked = understand(Question(text))
    if asked.wants_advice:
        return []
    return chain.retriever.search(asked.queries, _READ_HITS, asked.filters, asked.window.latest)


def _wordings(chosen: Iterable[Idea], chinese: bool) -> list[str]:
    return [idea.chinese if chinese else idea.text for idea in chosen]


# The templates: each gives what it can make of an article


def _produced(article: Article) -> Iterator[Idea]:
    if (match := _PRODUCES.match(article.title)) and (who := _subject(match["who"])):
        text = f"How much {match['what']} did {who} produce in {match['when']}?"
        yield Idea(text, "", "produced", article)


def _cost(article: Article) -> Iterator[Idea]:
    if (match := _COSTS.match(article.title)) and (who := _subject(match["who"])):
        thing = f"{match['what']}{match['where'] or ''}"
        yield Idea(f"How much will {_possessive(who)} {thing} cost?", "", "cost", article)


def _paid(article: Article) -> Iterator[Idea]:
    if (match := _PAYS.match(article.title)) and (who := _subject(match["who"])):
        what = match["what"]
        head = re.split(r" (?:in|of|for|from) ", what)[0]
        plain = head.split()[-1].islower() and not _is_plural(head) and not _HAS_ARTICLE.match(what)
        yield Idea(f"How much is {who} paying for {'the ' if plain else ''}{what}?", "", "paid", article)


def _place(article: Article) -> Iterator[Idea]:
    if (match := _WHERE.match(article.title)) and (who := _subject(match["who"])):
        verb = _WHERE_VERBS[match["verb"]].format(who)
        yield Idea(f"Where {verb} {_with_article(match['what'])}?", "", "place", article)


def _level(article: Article) -> Iterator[Idea]:
    if match := _STANDS.match(article.title):
        verb = "were" if match["what"].endswith("s") else "was"
        what = match["what"] if names_in(match["what"].split()[0]) else f"the {match['what']}"
        yield Idea(f"How high {verb} {what} {match['when']}?", "", "level", article)


def _deed(article: Article) -> Iterator[Idea]:
    """What somebody did in the month of the article: report, sign, open."""
    match = _SAYS_WHAT.match(article.title)
    if not match or match["what"].startswith("to ") or not (who := _subject(match["who"])):
        return
    if match["verb"] in _BASES and " and " not in match["who"]:
        return  # a noun that looks like a verb: "record", "report"
    verb, chinese = _VERBS[_BASES.get(match["verb"], match["verb"])]
    if verb == "report" and (period := _PERIOD.search(match["what"])):
        yield Idea(f"What did {who} report for {period[1]}?", "", "deed", article)
    elif when := _month(article):
        names = _chinese_subject(match["who"])
        yield Idea(
            f"What did {who} {verb} in {when}?",
            f"{names}在{when.year}年{when.month}月{chinese}了什么？" if names else "",
            "deed",
            article,
        )


def _reported(article: Article) -> Iterator[Idea]:
    """What is reported about the company of a title: for any title, so it comes last."""
    actors = [(spelling, group) for spelling, group in actors_in(article.title) if ":" not in spelling]
    when = _month(article)
    if not actors or not when or actors[0][0] == article.publisher:
        return
    spelling, group = actors[0]
    name = f"the {spelling}" if _NEEDS_THE.match(spelling) else spelling
    chinese = _in_chinese(spelling, group)
    yield Idea(
        f"What was reported about {name} in {when}?",
        f"{when.year}年{when.month}月有哪些关于{chinese}的报道？",
        _LAST,
        article,
    )


def _subject(words: str) -> str:
    """Who did something, as a question names them; empty unless it is a name that is known."""
    words = words.strip()
    named = names_in(words, materials=False)
    if not named or find_dates(words) or not words[0].isupper() or len(words.split()) > 8:
        return ""
    if not any(words.startswith(spelling) for spelling, _ in named) and not _NEEDS_THE.match(words):
        return ""
    # One whose name only begins the subject: "Lynas shares", which do nothing by themselves.
    if words.split()[-1] in ("shares", "stock", "revenue", "prices", "price", "output", "exports"):
        return ""
    return f"the {words}" if _NEEDS_THE.match(words) and not _is_name(words, named) else words


def _is_name(words: str, named: Sequence[tuple[str, tuple[str, ...]]]) -> bool:
    return any(spelling == words for spelling, _ in named) and "epartment" not in words


def _possessive(who: str) -> str:
    return f"{who}'" if who.endswith("s") else f"{who}'s"


def _with_article(thing: str) -> str:
    head = re.split(r" (?:of|for|with|from) ", thing)[0]
    if _HAS_ARTICLE.match(thing) or _is_plural(head) or head.endswith("capacity"):
        return thing
    return f"{'an' if thing[0] in 'aeio' else 'a'} {thing}"


def _is_plural(thing: str) -> bool:
    return thing.endswith("s") and not thing.endswith(("ss", "us", "is"))


def _chinese_subject(words: str) -> str:
    """The names of a subject in Chinese; empty when it is more than names."""
    parts = re.split(r", (?:and )?| and ", words)
    named = [next(((s, g) for s, g in names_in(part) if s == part), None) for part in parts]
    return "和".join(_in_chinese(*name) for name in named if name) if all(named) else ""


def _in_chinese(spelling: str, group: Sequence[str]) -> str:
    return next((name for name in group if has_cjk(name)), spelling)


def _month(article: Article) -> PartialDate | None:
    """The month that an article is of: of its publication, or else the one in its title."""
    if article.published:
        return PartialDate(article.published.year, article.published.month)
    dates = [said for *_, said in find_dates(article.title) if said.year and said.month]
    return PartialDate(dates[0].year, dates[0].month) if len(dates) == 1 else None
