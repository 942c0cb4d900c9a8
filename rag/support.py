"""Whether passages support a sentence: deterministic, without a second model.

A sentence is *supported* when its figures and names stand in the passages that it cites, one sentence
there, read with its title and the sentence before, holds nearly all of its words, weighted by how rare
they are, and nothing that it says is turned round. It is *weak* when a reader should look for himself,
and *unsupported* otherwise. A sentence in Chinese over
an English passage shares no words with it, so its figures and names are checked, and it is never
more than weak. Words of an article that are addressed to a machine support nothing.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from rag.asked import compares
from rag.dates import find_dates
from rag.figures import Figure, figures, missing_figures, stands, years_of
from rag.lexical import synonyms_of, terms
from rag.names import english_names, names_any, names_in, other_names, with_other_names
from rag.screen import screened, sentences_that_count
from rag.select import leans_on_previous
from rag.sentences import has_cjk
from rag.types import Hit, Support

SUPPORTED = 0.85
# Of a sentence's terms, however common: "owns" weighs little, and is all that "is backed by" does not say.
_NEARLY_ALL = 0.8
# Of its words that are no names: a list of eight names is not all that a sentence says.
_HALF_OF_THE_REST = 0.5
WEAK = 0.35
_NEAR_ITS_FIGURE = 0.3
_OWN_CLAUSE = 0.5
_SAME_STATEMENT = 0.5
_SAME_WORDS = 0.7
_MAX_CITED = 3
_A_STATEMENT = 3  # words, at least

Rarity = Callable[[str], float]
"""Inverse document frequency of an index term."""

_NEGATION = re.compile(
    r"\b(?:not|no(?!\.)|never|neither|nor|none|without|cannot|denie[sd]|den(?:y|ying)|refus\w+|reject\w+"
    r"|fail(?:s|ed)? to)\b"
    r"|n't\b|不|没|未|无",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:r[io]se[ns]?|rising|increas\w+|grew|grown|growth|climb\w+|jump\w+|surg\w+|gain(?:s|ed)?|higher|"
    r"doubl\w+|tripl\w+|expand\w+|up)\b",
    re.IGNORECASE,
)
_DOWN = re.compile(
    r"\b(?:fell|fall(?:s|en|ing)?|declin\w+|decreas\w+|drop\w*|slump\w*|lower|shr[aiu]nk\w*|plung\w+|slid|halv\w+|"
    r"cut|reduc\w+|contract(?:ed|ion)|down)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since (?!\d|\w+ \d)|due to|owing to|thanks to|as a result|so that|in order to|caused"
    r"|therefore)\b|因为|由于|因此",
    re.IGNORECASE,
)
_GIVES_REASON = re.compile(
    _REASON.pattern
    + r"|\b(?:reasons?|reflect\w*|driven|led by|after|following|on the back of|amid|as|so|to|given"
    r"|attribut\w*|explain\w*|means?|meant|thereby|which)\b",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"\b(?:possibl\w*|potential\w*|could|may|might|would|propos\w+|non-binding|conditional\w*|memorandum"
    r"|letters? of (?:interest|intent|support)|plan(?:s|ned)?|aims?|intend\w*|expect\w*|forecast\w*|target\w*"
    r"|hop(?:es?|ing)|consider\w*|as (?:much|many) as|up to|at most|will|(?:is|are|was|were) to|predict\w*"
    r"|estimat\w*|in effect|effectively|reportedly|allegedly|said to|people (?:with knowledge|familiar))\b"
    r"|可能|预计|计划|有望|将|据称",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"\b(?:ask(?:s|ed)? (?:that|for|\w+ to)|requir\w+|oblig\w+|call(?:s|ed)? (?:for|on)|urg(?:es?|ed)"
    r"|want(?:s|ed)?|should|must|shall)\b|要求|应当|应该|必须",
    re.IGNORECASE,
)
_PREDICTS = re.compile(r"\b(?:will|expect\w*|forecast\w*|predict\w*|going to)\b|将|预计", re.IGNORECASE)
# From a time on, or up to it: "by 2017" is not "since 2017".
_BOUND = re.compile(
    r"\b(?:(since|after|from)|(?:by|until|till|before)) (?:\w+ ){0,2}?((?:19|20)\d\d)\b", re.IGNORECASE
)
_STAGE = re.compile(
    r"\b(min|refin|separat|process|recycl|explor)(?:es?|ed|ing|ery|eries|ation|ors?|ers?)\b", re.IGNORECASE
)
# Who gives and who gets: a sentence that says so takes a source that does, whatever else they share.
_DEALS = tuple(
    re.compile(rf"\b(?:{verbs})\b", re.IGNORECASE)
    for verbs in (
        r"pays?|paid|paying|payments?|payable|salar(?:y|ies)|wages?|spen[dt]|spends|spending|costs?|price[ds]?",
        r"buys?|buying|bought|buyers?|purchas\w+|acqui\w+|tak(?:es?|ing|en) over|takeovers?|offtakes?",
        r"sells?|selling|sold|sales?|sellers?|divest\w*|suppl\w+|deliver\w*|offtakes?",
        r"lends?|lending|lent|lenders?|loans?|finance[ds]?|financing|borrow\w*|credit",
        r"owns?|owned|owners?|ownership|holds?|holding|held|stakes?|shareholders?|belongs?|belonging|subsidiary",
    )
)
_BY = r"(?:the )?([A-Z][\w&’'-]*(?: [A-Z][\w&’'-]*)*)"
_SOURCE_OF = re.compile(rf"\b[Aa]ccording to {_BY}")
_DONE_BY = re.compile(rf"\b(?:\w+ed|made|dug|sold|built|given|won) (?:\w+ )?(?:in \d{{4}} )?by {_BY}")
_CLAUSE_END = re.compile(
    r",(?=\s)|[;:]|\s(?=(?:and|while|whereas|with|but|against|versus|compared|than|or)\s)"
)
# "It is not clear, and may never be, that" is none of its own.
_STATEMENT_END = re.compile(r";|,?\s(?:but|while|whereas|although|though|and)\s")
_UPPER, _LOWER = "A-ZÀ-ÖØ-Þ", "a-zß-öø-ɏ"  # as in Camaçari, Sillamäe
_LONG_NAME = re.compile(rf"\b[{_UPPER}][{_LOWER}]+(?: [{_UPPER}][{_LOWER}]+)+")
_CAPITALISED = re.compile(
    rf"(?<![{_UPPER}{_LOWER}\d.])[{_UPPER}][{_UPPER}{_LOWER}\d&'’-]+(?:(?<=\d)[.,]\d+)*"
)


@dataclass(frozen=True)
class Check:
    """The outcome for one sentence.

    Attributes:
        hits: the passages that it was checked against.
        support: the state.
        doubt: the reason for less than full support.
        overlap: the share of the sentence's terms that the passages hold, 0 to 1.
        missing: figures and names of the sentence that stand in no passage.
    """

    hits: tuple[Hit, ...]
    support: Support
    doubt: str
    overlap: float
    missing: tuple[str, ...] = ()


def evidence_text(hit: Hit) -> str:
    """What a passage says to a reader."""
    return screened(hit.article.text)[hit.passage.start : hit.passage.end]


def source_sentences(hit: Hit) -> list[str]:
    """The sentences of a passage that say something to a reader."""
    text = hit.article.text
    spans = sentences_that_count(text, hit.passage.start, hit.passage.end)
    return [text[start:end] for start, end in spans]


def check_support(sentence: str, cited: Sequence[Hit], rarity: Rarity) -> Check:
    """Check one sentence against all the passages that it cites, taken together."""
    hits = tuple(cited)
    if not hits:
        return Check(hits, "unsupported", "no passage says this", 0.0)
    passages = " ".join(map(evidence_text, hits))
    if _mostly_chinese(sentence) and not _mostly_chinese(passages):
        return _check_translated(sentence, hits, passages)
    overlap = terms_held(sentence, _context(hits), rarity)
    if missing := tuple(missing_figures(sentence, passages)):
        return _check_headings(sentence, hits, passages, missing, overlap)
    if overlap < WEAK:
        return Check(hits, "unsupported", "the cited passage does not say this", overlap)
    strangers = _missing_names(sentence, _context(hits), hits)
    doubt = f"the cited passage does not name {', '.join(strangers)}"
    if strangers and _missing_names(sentence, _whole_articles(hits), hits):
        return Check(hits, "unsupported", doubt, overlap, tuple(strangers))
    if turned := _turned_round(sentence, hits, rarity):
        return Check(hits, *turned, overlap)
    if misplaced := _misplaced_figures(sentence, hits, rarity):
        return Check(hits, *misplaced, overlap)
    if strangers:
        return Check(hits, "weak", doubt, overlap)
    told = min(overlap, _told(sentence, hits, rarity))
    if told < SUPPORTED or _told(sentence, hits, _alike) < _NEARLY_ALL or _only_names(sentence, hits):
        return Check(hits, "weak", "worded differently from the cited passage", overlap)
    if added := _added(sentence, hits, rarity):
        return Check(hits, "weak", added, overlap)
    return Check(hits, "supported", "", overlap)


def _check_translated(sentence: str, hits: tuple[Hit, ...], passages: str) -> Check:
    overlap = _names_overlap(sentence, hits)
    if missing := tuple(missing_figures(sentence, passages)):
        return _check_headings(sentence, hits, passages, missing, overlap)
    if overlap < WEAK:
        return Check(hits, "unsupported", "the cited passage does not say this", overlap)
    return Check(hits, "weak", "translated: only its names and figures were checked", overlap)


def _check_headings(
    sentence: str, hits: tuple[Hit, ...], passages: str, missing: tuple[str, ...], overlap: float
) -> Check:
    """A figure that no passage has may stand in the title or be the date of publication."""
    headings = " ".join(f"{hit.article.title} {hit.article.published or ''}" for hit in hits)
    still_missing = missing_figures(sentence, f"{passages} {headings}")
    if still_missing or overlap < WEAK:
        doubt = f"not in the cited passage: {', '.join(still_missing or missing)}"
        return Check(hits, "unsupported", doubt, overlap, missing)
    return Check(hits, "weak", f"only in the article's title or date: {', '.join(missing)}", overlap)


def attribute(sentence: str, cited: Sequence[Hit], shown: Sequence[Hit], rarity: Rarity) -> Check:
    """The passages that a sentence rests on: those it cites, or else those that fit it best.

    Small models leave the marker out, or copy a neighbour's; a sentence may also join the
    figures of two passages under one marker.
    """
    own = check_support(sentence, cited, rarity)
    if own.support == "supported" or not shown:
        return own
    single = [check_support(sentence, [hit], rarity) for hit in shown]
    best = max(single, key=lambda check: (-len(check.missing), RANK[check.support], check.overlap))
    options = [own, best]
    for check in (own, best):
        if check.missing:
            options.append(check_support(sentence, _completed(check, single), rarity))
    chosen = max(options, key=lambda check: (RANK[check.support], check.overlap, -len(check.hits)))
    if chosen.support == "unsupported" and (joined := _by_clause(sentence, cited, shown, rarity)):
        return joined
    return chosen


def _by_clause(sentence: str, cited: Sequence[Hit], shown: Sequence[Hit], rarity: Rarity) -> Check | None:
    """The passages of a sentence that joins the figures of two, each clause with its own; None without.

    A clause may leave out whom it is about, so this is never more than weak.
    """
    clauses = [clause.text for clause in _clauses(sentence)]
    if len(clauses) < 2:
        return None
    checks = [attribute(clause, cited, shown, rarity) for clause in clauses]
    if any(check.support == "unsupported" for check in checks):
        return None
    hits = tuple(dict.fromkeys(hit for check in checks for hit in check.hits))
    overlap = min(check.overlap for check in checks)
    return Check(hits[:_MAX_CITED], "weak", "put together from several passages", overlap)


def _alike(term: str) -> float:
    return 1.0


RANK: dict[Support, int] = {"unsupported": 0, "weak": 1, "supported": 2}
"""The states in order."""


def aligned(sentence: str, hits: Sequence[Hit], rarity: Rarity) -> str:
    """The sentence of the passages that says the most of what a sentence says; empty without any."""
    sources = [source for hit in hits for source in source_sentences(hit)]
    return max(sources, key=lambda source: terms_held(sentence, source, rarity), default="")


def _completed(check: Check, others: Sequence[Check]) -> list[Hit]:
    """The passages of a check and another that explains the most of what they miss.

    A date is taken from no other article: there it dates something else.
    """
    hits = list(check.hits)
    articles = {hit.article.id for hit in hits}
    dates = any(f.date or f.unit == "year" for item in check.missing for f in figures(item))
    for other in sorted(others, key=lambda other: (len(other.missing), -other.overlap)):
        allowed = not dates or other.hits[0].article.id in articles
        if len(hits) < _MAX_CITED and other.hits[0] not in hits and allowed:
            hits.append(other.hits[0])
            break
    return hits


def terms_held(sentence: str, context: str, rarity: Rarity) -> float:
    """The share of the sentence's terms, weighted by rarity, that a text holds; 0 to 1."""
    wanted = set(terms(sentence))
    if not _mostly_chinese(sentence):
        # The Chinese name behind an English one is split into many terms and would count for too much.
        wanted = {term for term in wanted if not has_cjk(term)}
    total = sum(rarity(term) for term in wanted)
    if not total:
        return 1.0
    present = _terms_of(context)
    held = (term for term in wanted if term in present or not present.isdisjoint(synonyms_of(term)))
    return sum(map(rarity, held)) / total


@lru_cache(maxsize=512)
def _terms_of(context: str) -> frozenset[str]:
    """The terms of a text and of the other names of what it names; asked for many times an answer."""
    return frozenset(terms(context)) | frozenset(terms(" ".join(other_names(context))))


def _missing_names(sentence: str, context: str, hits: Sequence[Hit]) -> list[str]:
    """Names in a sentence that a text does not hold under any spelling; ``hits`` tell the dates."""
    present = _terms_of(f"{context} {' '.join(str(hit.article.published or '') for hit in hits)}")
    known = {spelling for spelling, _ in names_in(sentence)}
    missing = []
    for match in _CAPITALISED.finditer(sentence):
        word = match.group()
        # At the start of a sentence every word is capitalised; only a known name counts there.
        opens = not sentence[: match.start()].strip(" \"'“‘(-•*")
        if opens and not any(name.startswith(word) for name in known):
            continue
        if find_dates(word):  # Q4: dates are checked as figures
            continue
        if not set(terms(word.removesuffix("'s").removesuffix("’s"))) <= present:
            missing.append(word)
    return missing


def _turned_round(sentence: str, hits: Sequence[Hit], rarity: Rarity) -> tuple[Support, str] | None:
    """How the best matching sentence of the passages says the opposite; None when it does not."""
    source = aligned(sentence, hits, rarity)
    if terms_held(sentence, source, rarity) < _SAME_STATEMENT:
        return None
    denies, denied = bool(_NEGATION.search(sentence)), bool(_NEGATION.search(source))
    if denies and not denied and not _denied_elsewhere(sentence, hits, rarity):
        return "unsupported", "the cited passage puts a negation otherwise"
    said, read = _direction(sentence), _direction(source)
    if said and read and said != read:
        return "unsupported", "the cited passage says that it went the other way"
    if denied and not denies:
        state = _denial(source, sentence, rarity)
        return state and (state, "the cited passage puts a negation otherwise")
    return None


def _denied_elsewhere(sentence: str, hits: Sequence[Hit], rarity: Rarity) -> bool:
    """Whether the passages hold each negation of a sentence with its clause, if not where they match best."""
    sources = [source for hit in hits for source in source_sentences(hit) if _NEGATION.search(source)]
    return all(
        any(terms_held(clause, source, rarity) >= SUPPORTED for source in sources)
        for clause in _CLAUSE_END.split(sentence)
        if _NEGATION.search(clause)
    )


def _denial(source: str, sentence: str, rarity: Rarity) -> Support | None:
    """How doubtful a plain sentence is by the part that it tells of what its source denies."""
    denied = [part for part in _STATEMENT_END.split(source) if _NEGATION.search(part)]
    whole = [part if len(_words_of(part)) >= _A_STATEMENT else source for part in denied]
    shared = max((terms_held(part, sentence, rarity) for part in whole), default=0.0)
    if shared >= _SAME_WORDS:
        return "unsupported"
    return "weak" if shared >= _SAME_STATEMENT else None


def _direction(text: str) -> str:
    """Whether a text speaks of rises only, of falls only, or of neither or both."""
    up, down = bool(_UP.search(text)), bool(_DOWN.search(text))
    return "up" if up and not down else "down" if down and not up else ""


@dataclass(frozen=True)
class _Place:
    """A sentence of a passage, and what a reader knows there: the heading and the sentence before.

    ``dated`` holds the dates that may be its own: those in it, or else those of each of the other two.
    """

    source: str
    title: str
    context: str
    figures: list[Figure]
    dated: list[list[Figure]]


def _places(hits: Sequence[Hit]) -> list[_Place]:
    return [
        _place(hit, before, source)
        for hit in hits
        for before, source in pairwise(["", *source_sentences(hit)])
    ]


def _place(hit: Hit, before: str, source: str) -> _Place:
    title = hit.article.title
    # A sentence without a date goes on about the one before, or about what the title names.
    dated = [own] if (own := _dated(source)) else list(filter(None, map(_dated, (before, title))))
    return _Place(source, title, f"{title} {hit.article.publisher} {before} {source}", figures(source), dated)


def _dated(text: str) -> list[Figure]:
    return [figure for figure in figures(text) if figure.date or figure.unit == "year"]


def _told(sentence: str, hits: Sequence[Hit], rarity: Rarity) -> float:
    """The share of its terms that one place holds; of a sentence that joins two, of its lesser half."""
    contexts = [place.context for place in _places(hits)]
    parts = [clause.text for clause in _clauses(sentence)] if len(hits) > 1 else []
    best = [max((terms_held(part, context, rarity) for context in contexts), default=0.0) for part in parts]
    whole = max((terms_held(sentence, context, rarity) for context in contexts), default=0.0)
    return max(whole, min(best, default=0.0))


def _only_names(sentence: str, hits: Sequence[Hit]) -> bool:
    """Whether hardly more than the names in a sentence stand in its source, and not what it says of them."""
    plain = " ".join(word for word in sentence.split() if word.islower())
    return _told(plain, hits, _alike) < _HALF_OF_THE_REST


def _added(sentence: str, hits: Sequence[Hit], rarity: Rarity) -> str:
    """What a sentence makes of its source, such as a reason or a certainty; empty when it only tells it."""
    source = aligned(sentence, hits, rarity)
    if _REASON.search(sentence) and not _GIVES_REASON.search(source):
        return "the passage does not give that as the reason, it seems"
    if _HEDGE.search(source) and not _HEDGE.search(sentence):
        return "the passage says so with a reservation"
    if _WISH.search(source) and not _WISH.search(sentence) and _PREDICTS.search(sentence):
        return "the passage says that somebody wants it so"
    bounds = _bounds(source)
    if any(bounds.get(year, begins) != begins for year, begins in _bounds(sentence).items()):
        return "the passage counts from that year on where this counts up to it, or the other way round"
    if any(deal.search(sentence) and not deal.search(source) for deal in _DEALS):
        return "the passage does not say who pays, sells or owns, it seems"
    if set(_DONE_BY.findall(sentence)) & set(_SOURCE_OF.findall(source)):
        return "the passage only names that as its source"
    said, read = (set(map(str.lower, _STAGE.findall(text))) for text in (sentence, source))
    if said and read and said.isdisjoint(read):
        return "the passage speaks of another stage, it seems"
    return ""


def _bounds(text: str) -> dict[str, bool]:
    """The years that a text counts from or up to, and whether it counts from them on."""
    return {year: bool(begins) for begins, year in _BOUND.findall(text)}


def _clause_of_another(sentence: str, figure: Figure, source: str) -> Support | None:
    """How doubtful it is that a sentence tells a figure of what its source tells it of; None if it does.

    "Pensana holds 84%, the government 10%" does not say that Pensana holds 10%: the clause of the
    figure shares no word with the sentence, and the clause of another figure of the unit does.
    """
    clauses = _clauses(source)
    own = [clause for clause in clauses if stands(figure, clause.figures)]
    rivals = [
        clause
        for clause in clauses
        if clause not in own and any(f.unit == figure.unit for f in clause.figures)
    ]
    said = [clause.words for clause in _clauses(sentence) if stands(figure, clause.figures)]
    if not own or not rivals or not said:
        return None
    telling = said[0]
    mine, others = (frozenset().union(*(c.words for c in side)) for side in (own, rivals))
    ours = mine - others or mine
    if (others - mine) & telling and len(ours & telling) < _OWN_CLAUSE * len(ours):
        return "weak" if ours & telling else "unsupported"
    # It may name whom the other figure belongs to, and not whom this one does.
    whose, whose_else = (frozenset().union(*(c.names for c in side)) for side in (own, rivals))
    named = bool(whose - others) and not whose & telling and bool((whose_else - mine) & telling)
    return "weak" if named else None


@dataclass(frozen=True)
class _Clause:
    text: str
    words: frozenset[str]
    names: frozenset[str]
    figures: tuple[Figure, ...]


@lru_cache(maxsize=256)
def _clauses(text: str) -> tuple[_Clause, ...]:
    """The clauses of a text that hold measures; one without belongs to the next that has one."""
    parts: list[tuple[str, tuple[Figure, ...]]] = []
    waiting = ""
    for part in _CLAUSE_END.split(text):
        waiting = f"{waiting} {part}".strip()
        if found := tuple(f for f in figures(part) if not f.date and f.unit != "year"):
            parts.append((waiting, found))
            waiting = ""
    if waiting and parts:
        last, found = parts[-1]
        parts[-1] = (f"{last} {waiting}", found)
    return tuple(_Clause(part, _words_of(part), _names_of(part), found) for part, found in parts)


def _names_of(text: str) -> frozenset[str]:
    return frozenset(term for name in _CAPITALISED.findall(text) for term in terms(name))


def _words_of(text: str) -> frozenset[str]:
    return frozenset(term for term in terms(text) if not term[0].isdigit())


def _misplaced_figures(sentence: str, hits: Sequence[Hit], rarity: Rarity) -> tuple[Support, str] | None:
    """How a figure stands in the passages, but for another thing, another name or another date."""
    said = figures(sentence)
    measures = [figure for figure in said if not figure.date and figure.unit != "year"]
    places = _places(hits)
    # Of a name that is not in the alias file, the first word has to do.
    unknown = (match.group().split()[0] for match in _LONG_NAME.finditer(sentence))
    names = {name for name, _ in names_in(sentence, materials=False)} or set(unknown)
    found = False
    near_names: set[str] = set()
    for figure in measures:
        around = [place for place in places if stands(figure, place.figures)]
        # Per what, a passage often says for its first figure only.
        around = around or [p for p in places if any(f.number == figure.number for f in p.figures)]
        if not around:
            continue
        found = True
        # A comparison gives several figures and dates, and no rule here tells which go together.
        if not compares(sentence) and all(
            _other_dates(said, place.dated) or _dated_otherwise(sentence, figure, place.source)
            for place in around
        ):
            return "unsupported", f"the passage gives {figure} for another date"
        if max(terms_held(sentence, place.context, rarity) for place in around) < _NEAR_ITS_FIGURE:
            return "weak", f"the passage gives {figure} for something else, it seems"
        doubts = [_clause_of_another(sentence, figure, place.source) for place in around]
        if all(doubts):
            state = max((d for d in doubts if d), key=RANK.__getitem__)
            return state, f"the passage gives {figure} for something else, it seems"
        if all(_named_otherwise(sentence, place) for place in around):
            return "weak", f"the passage gives {figure} under another name, it seems"
        near_names |= {name for name in names for place in around if names_any(place.context, [name])}
    if found and names and not near_names:
        # Named beside another figure, it is mixed up; named elsewhere in the article, it may be meant.
        beside = any(names_any(place.context, [name]) for name in names for place in places)
        doubt: Support = "unsupported" if beside else "weak"
        return doubt, f"the passage does not give that figure for {', '.join(sorted(names))}"
    return None


def _dated_otherwise(sentence: str, figure: Figure, source: str) -> bool:
    """Whether each clause of a source that gives a figure dates it, and not as the sentence's clause does."""
    said, given = (_dates_beside(figure, text) for text in (sentence, source))
    return bool(said) and all(_other_dates(ours, given) for ours in said)


def _dates_beside(figure: Figure, text: str) -> list[list[Figure]]:
    """The dates in each clause that gives a figure; not per what, which is often said of the first only."""
    clauses = (c for c in _clauses(text) if any(f.number == figure.number for f in c.figures))
    return [_dated(clause.text) for clause in clauses]


def _named_otherwise(sentence: str, place: _Place) -> bool:
    """Whether a sentence takes its names from the one before its source, which has others of its own."""
    if leans_on_previous(place.source):  # "It made 40 tons in Malaysia" is said of who stands before
        return False
    held = _terms_of(f"{place.title} {place.source}")
    _, _, rest = place.source.partition(" ")  # every first word has a capital
    ours, theirs = _names_of(sentence), _names_of(rest) - _terms_of(place.title)
    return bool(ours and theirs) and ours.isdisjoint(held) and ours <= _terms_of(place.context)


def _other_dates(said: list[Figure], given: list[list[Figure]]) -> bool:
    """Whether a source is dated, in one way or several, and in none as the sentence is."""
    return bool(given) and all(_other_date(said, dates) for dates in given)


def _other_date(said: list[Figure], given: list[Figure]) -> bool:
    """Whether a source gives years, or months, and none of them is one that the sentence gives."""
    return any(
        bool(ours and theirs) and ours.isdisjoint(theirs)
        for ours, theirs in ((years_of(said), years_of(given)), (_months(said), _months(given)))
    )


def _months(found: list[Figure]) -> set[int]:
    return {f.date.month for f in found if f.date and f.date.month}


def _names_overlap(sentence: str, hits: Sequence[Hit]) -> float:
    """The share of the names in a Chinese sentence that the passages hold in English; 0 to 1."""
    known = with_other_names(_context(hits))
    names = english_names(sentence, words=False)
    if not names:
        return WEAK
    return sum(name.casefold() in known for name in names) / len(names)


def _context(hits: Sequence[Hit]) -> str:
    return " ".join(f"{hit.article.title} {hit.article.publisher} {evidence_text(hit)}" for hit in hits)


def _whole_articles(hits: Sequence[Hit]) -> str:
    return " ".join(
        f"{hit.article.title} {hit.article.publisher} {screened(hit.article.text)}" for hit in hits
    )


def _mostly_chinese(text: str) -> bool:
    """Whether a text is in Chinese, and not in English with some Chinese names."""
    return has_cjk(text) and sum(map(has_cjk, text)) > len(text) // 5
