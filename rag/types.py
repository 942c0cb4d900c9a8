"""The values that the steps of an answer pass on. All of them are plain and frozen."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from corpus.article import Article
from corpus.catalogue import Span
from rag.dates import day_number

Support = Literal["supported", "weak", "unsupported"]
Kind = Literal["reported", "said", "inferred"]
"""Who vouches for it: the article, somebody in it, or the author's own judgement."""


@dataclass(frozen=True)
class Turn:
    """One earlier message of the conversation.

    ``cited`` maps the ids of the passages that an answer cited to their numbers, so that a passage
    keeps its number through a conversation.
    """

    role: Literal["user", "assistant"]
    content: str
    cited: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Filters:
    """Which articles are searched.

    Attributes:
        since: first day of publication; None for no bound. With any bound, articles of unknown date are out.
        until: last day of publication; None for no bound.
        publishers: only articles of any of these, whatever the case of their letters; empty for all.
        topics: only articles on any of these, whatever the case of their letters; empty for all.
        companies: only articles that mention any of these by one of its names; empty for all.
        versions: only these versions of articles, which is what topics and companies come to in a search;
            None for all.
    """

    since: date | None = None
    until: date | None = None
    publishers: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    versions: tuple[str, ...] | None = None

    @property
    def narrows(self) -> bool:
        """Whether any article is left out."""
        return self != UNFILTERED

    @property
    def excludes_all(self) -> bool:
        """Whether the last day lies before the first, so that no article fits."""
        return self.since is not None and self.until is not None and self.since > self.until

    @property
    def days(self) -> tuple[int, int] | None:
        """First and last day as `day_number`, which no unknown date lies between; None when any date fits."""
        if self.since is None and self.until is None:
            return None
        return day_number(self.since or date.min), day_number(self.until or date.max)


UNFILTERED = Filters()
"""All articles."""


@dataclass(frozen=True)
class Question:
    """What was asked of which articles, and the conversation before it, oldest first."""

    text: str
    history: tuple[Turn, ...] = ()
    filters: Filters = UNFILTERED


@dataclass(frozen=True)
class Passage:
    """An exact slice of an article: ``text == article.text[start:end]``, in characters.

    ``version`` is the content hash of the article that it is a slice of.
    """

    id: str
    article_id: str
    start: int
    end: int
    text: str
    section: str = ""
    version: str = ""


@dataclass(frozen=True)
class Hit:
    """A retrieved passage with its article.

    ``score`` is the fused reciprocal-rank score and orders the hits; it says nothing of how good
    a hit is. For that there are ``similarity`` (cosine to the question, -1 to 1; 0 when the
    dense search did not find the passage) and ``bm25`` (0 when the lexical search did not).
    ``copies`` is how many other articles tell the story of this one, and stand behind it.
    """

    passage: Passage
    article: Article
    score: float
    similarity: float
    bm25: float
    copies: int = 0


@dataclass(frozen=True)
class Citation:
    """A numbered reference to a passage, with all that a reader needs to check it.

    ``quote == article.text[start:end]``. ``kind`` is that of the sentence of the passage that the
    answer rests on. ``copies`` is how many other articles tell the story of this one: they are no
    further sources. ``version`` is the content hash of the article that was cited.
    """

    n: int
    passage_id: str
    article_id: str
    url: str
    title: str
    publisher: str
    published: date | None
    start: int
    end: int
    quote: str
    kind: Kind = "reported"
    copies: int = 0
    version: str = ""


@dataclass(frozen=True)
class Sentence:
    """One sentence of an answer.

    Attributes:
        text: without markers.
        support: how far the cited passages support it.
        citations: numbers of citations.
        doubt: the reason for less than full support.
        quoted: taken word for word from a passage, not written by the model.
        kind: who vouches for it in the cited passage.
    """

    text: str
    support: Support
    citations: tuple[int, ...] = ()
    doubt: str = ""
    quoted: bool = False
    kind: Kind = "reported"


@dataclass(frozen=True)
class Timings:
    """Seconds since the question arrived; ``first_token_s`` is None when no model was asked.

    ``ground_s`` is what all checks of the answer took together, ``waited_s`` how long others had the model.
    ``cached`` tells that the answer was made for an earlier question, and that these are not its times.
    """

    retrieve_s: float
    first_token_s: float | None
    total_s: float
    ground_s: float = 0.0
    waited_s: float = 0.0
    cached: bool = False


@dataclass(frozen=True)
class Searched:
    """What a refusal rests on.

    Attributes:
        queries: the wordings that were searched for.
        span: how much the corpus holds, of which dates, and when it was last updated.
        missing: words of the question that no retrieved article holds.
    """

    queries: tuple[str, ...]
    span: Span
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Near:
    """A sentence close to a question that it may not answer, and its article.

    ``text`` is the sentence, ``article.text[start:end]``; empty when the article has none that is fit to
    be quoted.
    """

    article: Article
    start: int = 0
    end: int = 0

    @property
    def text(self) -> str:
        return self.article.text[self.start : self.end]


@dataclass(frozen=True)
class Signals:
    """What was decided on whether to answer, or not to.

    Attributes:
        similarity: the highest cosine of a sentence of the evidence to the question.
        coverage: the share of the question's terms, weighted by rarity, that the best article holds.
        confidence: the model's probability that the passages hold the answer; None when it did not tell.
        outcome: what became of its reply, as in `rag.abstain.Outcome`; empty when it was not asked for one.
    """

    similarity: float = 0.0
    coverage: float = 0.0
    confidence: float | None = None
    outcome: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer with its evidence.

    ``retrieved``, ``shown`` (passages in the prompt) and ``citations`` are three different
    lists. ``as_of`` is the newest date of publication among the cited articles. ``reason`` says
    why an abstained answer abstained, ``nearest`` are the sentences closest to the question, those of
    one article together.
    ``notes`` are sentences of the product about the answer, such as that its evidence is old.
    ``failure`` says why the language model could not be used; passages are quoted then. ``signals`` are what
    it was decided on whether to answer. ``cut_short`` tells that the model was stopped before its reply was
    whole.
    """

    question: str
    text: str
    abstained: bool
    reason: str
    as_of: date | None
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    retrieved: tuple[Hit, ...]
    shown: tuple[str, ...]
    timings: Timings
    model: str
    nearest: tuple[Near, ...] = ()
    unknown_markers: int = 0
    notes: tuple[str, ...] = ()
    failure: str = ""
    signals: Signals = Signals()
    searched: Searched | None = None
    cut_short: bool = False


@dataclass(frozen=True)
class Retrieved:
    """Event: the passages are found; the model has not said anything yet."""

    question: str
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class Draft:
    """Event: the answer as far as it is written, with its citations resolved and checked."""

    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    pending: str = ""


Event = Retrieved | Draft | Answer
