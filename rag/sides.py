"""A comparison becomes two questions, one on each of the things that it compares.

Where the sides are is read off the words between them ("versus", "or", "compared with") and off the names
and figures on both sides.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.asked import asks_twice, compares_times

# Between two things that are compared, whatever they are; other joints need a name or figure on each side.
_TELLING = r"versus|vs\.?|(?:compar\w+|differ\w*) (?:\w+ ){0,2}?(?:with|to|from)"
_JOINT = re.compile(
    rf",?\s+(?P<word>{_TELLING}|and|or(?! (?:so|more|less)\b)|against|next to|with"
    r"|(?<!rather )(?<!more )(?<!less )(?<!other )than)\s+",
    re.IGNORECASE,
)
_TELLS = re.compile(_TELLING, re.IGNORECASE)
_ORDER = re.compile(r"(?:^|[,:]\s*)(?:please )?(?:compare|set|put)\b", re.IGNORECASE)
_BETWEEN = re.compile(r"\bbetween\s+", re.IGNORECASE)
_BOUND = re.compile(r"[,:;?!]|\.(?=\s|$)|\s[-–—]\s")
_OPENER = (
    r"(?:What|Which|Who|Whose|When|Where|Why|How|Is|Are|Was|Were|Do|Does|Did|Has|Have|Will|Would|Compare|Put|Set"
    r"|Both|Between|In|By|At|On|Of|For|From|Per|As|To|After|Before|Since|The|A|An|And|Going|Looking)\b"
)
_NAME = re.compile(rf"\b(?!{_OPENER})[A-Z][\w&’'-]*|(?<!\w)[$€£¥₹]?\d[\w.,-]*")
_TIME = re.compile(
    r"(?:Q[1-4]|[12]H|H[12]|FY)?\d[\w-]*|[QH][1-4]"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*",
    re.IGNORECASE,
)
_LEADING = (
    r"(?:(?:in|of|at|by|for|from|to|with|the|on|over|both|its|their|back|did|do|does|is|was|were|are|has|have"
    r"|will|would)\s+)*"
)
_LEADING_HERE = re.compile(rf"\b{_LEADING}$", re.IGNORECASE)
_ASKING = re.compile(
    r"(?:(?:in|at|by|for|from|on|of) )?(?:what|who|whose|how(?: much| many)?|when|where|which|why)\b",
    re.IGNORECASE,
)
_LISTED_WORDS = 3
# In small letters: Less Common Metals is a company.
_COMPARING = re.compile(
    r"\b(?:the )?(?:bigger|larger|higher|lower|smaller|greater|longer|shorter|faster|slower|earlier|later"
    r"|richer|stronger|weaker|better|worse|more|less|fewer|both|each|the two|change|differ)\b"
)
_DEARER = re.compile(r"\b(?:pricier|dearer|cheaper|costlier)\b")


@dataclass(frozen=True)
class Side:
    """One of two things that a question compares.

    Attributes:
        name: what the question calls it.
        question: the question without the other side, to search with. It need not be good English.
    """

    name: str
    question: str

    @property
    def asked(self) -> str:
        """The same without the words that compare: "which is bigger, X?" is answered with "X is bigger"."""
        return _tidy(_COMPARING.sub("", _DEARER.sub("priced", self.question)))


@dataclass(frozen=True)
class _Joint:
    """A word that may stand between two sides, with the clause around it.

    The clause is ``question[start:end]``; ``left`` and ``right`` are where the word begins and ends.
    """

    question: str
    word: str
    start: int
    left: int
    end: int
    right: int

    @property
    def right_text(self) -> str:
        return self.question[self.right : self.end]

    def names(self) -> tuple[list[re.Match[str]], list[re.Match[str]]]:
        """Names and figures on the left and on the right."""
        left = _NAME.finditer(self.question, self.start, self.left)
        return list(left), list(_NAME.finditer(self.question, self.right, self.end))

    @property
    def begin(self) -> int:
        """Where the left side begins, behind what both share: "How much did | Lynas make or MP"."""
        if self.between:
            return self.between
        left, right = self.names()
        if not left:
            return self.start
        if right and _times(right):  # the same thing at another time
            left = [name for name in left if _times([name])] or left
        first = left[0].start()
        before = _LEADING_HERE.search(self.question[self.start : first])
        return first - len(before[0]) if before else first

    @property
    def between(self) -> int | None:
        """Where the left side begins in "between this and that"."""
        found = _BETWEEN.search(self.question, self.start, self.left) if self.word == "and" else None
        return found.end() if found else None

    @property
    def tells(self) -> bool:
        """Whether the words around it say that it compares."""
        ordered = self.word in ("with", "next to", "against") and _ORDER.search(self.question)
        return bool(_TELLS.fullmatch(self.word) or ordered or self.between)

    def compares(self) -> bool:
        """Whether there are two sides to it."""
        left, right = self.names()
        if not _name(self.question[self.begin : self.left]) or not _name(self.right_text):
            return False
        if self.word == "with" and not self.tells:
            return False
        if self.word == "and" and (self._ends_list() or (self.between and self._is_a_span())):
            return False
        return self.tells or bool(left and right)

    def _is_a_span(self) -> bool:
        """Whether both sides are times, from the one to the other: "between January and March 2026"."""
        return all(map(_times, self.names())) and not compares_times(self.question)

    def _ends_list(self) -> bool:
        """Whether the left side is one of several: "Australia, the US and Germany"."""
        words = self.question[self.start : self.left].split()
        after_comma = self.question[: self.start].endswith(",")
        return after_comma and len(words) <= _LISTED_WORDS and not _ASKING.match(self.right_text)


def sides(question: str) -> tuple[Side, Side] | None:
    """The two sides of a comparison, or of two questions in one; None when nothing tells them apart.

    >>> [side.question for side in sides("Who made more NdPr in 2025, Lynas or MP Materials?")]
    ['Who made more NdPr in 2025, Lynas?', 'Who made more NdPr in 2025, MP Materials?']
    """
    if not asks_twice(question):
        return None
    joints = [joint for joint in _joints(question) if joint.compares()]
    if not joints:
        return None
    best = max(joints, key=lambda j: (j.tells, all(j.names()), j.word == "or"))
    return _two_questions(best) if _asks_for_itself(best) else _two_things(best)


def _joints(question: str) -> Iterator[_Joint]:
    for match in _JOINT.finditer(question):
        start = max((bound.end() for bound in _BOUND.finditer(question, 0, match.start())), default=0)
        bound = _BOUND.search(question, match.end())
        end = bound.start() if bound else len(question)
        yield _Joint(question, match["word"].lower(), start, match.start(), end, match.end())


def _asks_for_itself(joint: _Joint) -> bool:
    """Whether the right side is a question of its own: "…, and who chairs the Society?"."""
    _, names = joint.names()
    return bool(_ASKING.match(joint.right_text) and names and not _times(names))


def _two_questions(joint: _Joint) -> tuple[Side, Side]:
    head = joint.question[: joint.start]
    topic = head if head.rstrip().endswith(":") else ""
    first = _tidy(f"{joint.question[: joint.left]}?")
    second = _tidy(f"{topic} {joint.right_text}?")
    return Side(_name(first), first), Side(_name(second), second)


def _two_things(joint: _Joint) -> tuple[Side, Side]:
    question, begin = joint.question, joint.begin
    shared = _BETWEEN.sub("in ", question[:begin]) if joint.between else question[:begin]
    one, other = question[begin : joint.left], question[joint.right : joint.end]
    first, second = (_tidy(f"{shared} {side} {question[joint.end :]}") for side in (one, other))
    return Side(_name(one), first), Side(_name(other), second)


def _times(names: Sequence[re.Match[str]]) -> bool:
    """Whether names are years, quarters and months only, and any."""
    return bool(names) and all(_TIME.fullmatch(name[0].strip("'’,.")) for name in names)


def _name(side: str) -> str:
    """A side without the words that only join it to the question; empty when nothing is left."""
    words = re.sub(rf"^(?:{_ASKING.pattern}\s+)?{_LEADING}", "", side.strip(), flags=re.IGNORECASE)
    return _tidy(words).rstrip("?.") if re.search(r"\w", words) else ""


def _tidy(text: str) -> str:
    return re.sub(r"\s+([?,.:;!])", r"\1", " ".join(text.split())).strip(" ,;-–—")
