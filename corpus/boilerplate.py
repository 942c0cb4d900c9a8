"""Lines and sentences of a page that are no part of its article, told by wording and place.

Credits, appeals, contacts and the legal language of company announcements stand among the paragraphs of
an article, in no element of their own. The phrases are in ``furniture.yaml``; none is of one site.

A sentence in the middle of an article goes only when its wording says that it is none of it; short lines
without a full stop go only before the first sentence and after the last.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from corpus.clean import CJK, WORD

_READ = yaml.safe_load((Path(__file__).parent / "furniture.yaml").read_text(encoding="utf-8"))
_WORDS: dict[str, list[str]] = _READ.pop("words")
LISTS: dict[str, list[str]] = _READ


def either(patterns: Iterable[str]) -> re.Pattern[str]:
    """One pattern that finds any of several, in either case; "{month}" stands for the words so called."""
    return re.compile("|".join(f"(?:{_filled(pattern)})" for pattern in patterns), re.IGNORECASE)


def _filled(pattern: str) -> str:
    return re.sub(r"\{([^\W\d][\w ]*)\}", lambda name: f"(?:{'|'.join(_WORDS[name[1]])})", pattern)


_LINE, _BYLINE, _NOTE = either(LISTS["lines"]), either(LISTS["bylines"]), either(LISTS["notes"])
_CREDIT, _APPEAL, _STATEMENT = either(LISTS["credits"]), either(LISTS["appeals"]), either(LISTS["statements"])
_LEGAL_HEADING, _LEGAL = either(LISTS["legal headings"]), either(LISTS["legal words"])
_ASIDE = either(LISTS["asides"])
_OF_ITSELF = either(LISTS["self references"])
_FIELD = either(LISTS["fields"])
_CONTACT_HEADING, _BIO = either(LISTS["contact headings"]), either(LISTS["bios"])
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_REPORTED = re.compile(
    r"\b(?:said|says|told|warned|ruled|joked|argued|according to)\b|\b(?:found|wrote|added)\b[.”\"’]?$"
    r"|(?:表示|指出|认为|介绍|透露|说|称)[，：:“]",
    re.IGNORECASE,
)
"""Somebody is quoted: not the publisher speaks."""
_CORRECTION = re.compile(
    r"(?:correct|clarif|updat|editor.s note|更正)\w*\b.{0,40}[:：]"
    r"|this \w+ (?:was|has been) (?:amended|corrected|updated)\b|an? (?:earlier|previous) version of this\b",
    re.IGNORECASE,
)
"""What was wrong in an article: its sentences belong together."""
_ABOUT = re.compile(r"About (?:the )?[A-Z]")
_TABLE_CAPTION = re.compile(r"(?:table|表)\.? ?[\dIVX]+\b.*", re.IGNORECASE)
_NO_FIGURE = re.compile(r"\b43-101\b|\b\d+ years\b")
"""What is said of experts, not of metals."""
_FIGURE = re.compile(r"\d[\d.,]*")
_NAME_END = re.compile(
    r"\b(?:Inc|Ltd|Corp|Co|S\.A|N\.V|Jr|Ph\.D|P\.Geo|P\.Eng|LL\.M|M\.Sc)\.$", re.IGNORECASE
)
_DATE = re.compile(rf"\d{{1,2}}(?:st|nd|rd|th)? {_MONTH}\b|{_MONTH}\.? \d{{1,2}}\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_LONGEST_LINE = 200
_LONGEST_CREDIT = 400
_LONGEST_HEADING = 80
_SHORT = 60
_MOST_LAST = 6
_MOST_BELOW_BIOS = 2
_MOST_CONTACTS = 20
_MOST_WORDS_OF_A_CONTACT = 10
_PROSE_CHARS = 40
"""A text of this many characters outside a link is prose; a Chinese character counts for three."""
_SENTENCE_END = re.compile(r"""[.!?:;,。！？：；…)）\]"”’»]['"”’]*$""")
_BETWEEN_SENTENCES = re.compile(
    r"""(?<!\b[A-Z]\.)(?<!\bInc\.)(?<!\bLtd\.)(?<!\bCorp\.)(?<!\bCo\.)(?<!\bNo\.)(?<!\b[DM]r\.)"""
    r"""(?:(?<=[.!?])|(?<=[.!?]["”’)]))\s+(?=["“‘(]?[A-Z])|(?<=[。！？])(?![”’」）])|(?<=[。！？][”’」）])"""
)
_ADDRESS = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+|(?:https?://|www\.)\S+"
    r"|(?:\b(?:tel|telephone|phone|fax|mobile|cell)\b|电话|热线|传真)[^\d\n]{0,12}\d[\d ().–-]{5,}\d"
    r"|\+\d{1,3}[ (.-][\d ().–-]{7,}\d|\(\d{3}\) ?\d{3}[-. ]\d{4}|\b\d{3}[-.]\d{3}[-.]\d{4}\b",
    re.IGNORECASE,
)


def is_prose(text: str | None) -> bool:
    """Whether a run of text is long enough to be a sentence of an article."""
    return _weight((text or "").strip()) >= _PROSE_CHARS


def _weight(text: str) -> int:
    return len(text) + 2 * len(CJK.findall(text))


def is_furniture_line(line: str) -> bool:
    """Whether a whole line is such as only the furniture of pages says."""
    bare = line.strip(" .:*|")
    credit = len(line) <= _LONGEST_CREDIT and _CREDIT.fullmatch(bare)
    if credit or not re.search(r"\w", bare):
        return True
    return len(line) <= _LONGEST_LINE and all(_LINE.fullmatch(part.strip()) for part in (bare.split(" | ")))


def is_appeal(line: str) -> bool:
    """Whether a line asks its reader to give, to subscribe, to install, or to write to the editors."""
    if _weight(line) > _LONGEST_CREDIT or _REPORTED.search(line):
        return False
    return bool(_APPEAL.search(_without_asides(line)))


def resembles(line: str, title: str) -> bool:
    """Whether at least half of the words of a line, and three of them, stand in a title."""
    words, of_title = WORD.findall(line.lower()), set(WORD.findall(title.lower()))
    shared = sum(word in of_title for word in words)
    return shared >= max(3, len(words) / 2)


def strip_lines(blocks: Iterable[str], title: str = "") -> list[str]:
    """Drop what is no part of an article from its paragraphs, lists and tables, and notes inside the rest."""
    lines = [(place, line) for place, block in enumerate(blocks) for line in block.split("\n")]
    whole = [(place, _NOTE.sub("", line).strip()) for place, line in lines]
    lines = [(place, rest) for place, line in whole if (rest := _without_asides(line))]
    lines = [(place, line) for place, line in lines if not is_furniture_line(line.removeprefix("- "))]
    lines = [(place, line) for place, line in lines if not is_appeal(line)]
    lines = _without_captions(_without_contacts(_without_statements(lines)))
    lines = _without_emptied(lines, [line for _, line in whole])
    lines = _without_ends(lines, title)
    kept: dict[int, list[str]] = {}
    for place, line in lines:
        kept.setdefault(place, []).append(line)
    return ["\n".join(block) for block in kept.values()]


_Lines = list[tuple[int, str]]
"""Lines with the place of their block."""


def _ends_a_sentence(line: str) -> bool:
    return bool(_SENTENCE_END.search(line[-8:]))


def _is_loose(line: str) -> bool:
    """Whether a line could be a heading or a name: no sentence, no item of a list, no row of a table."""
    return not (line.startswith("- ") or " | " in line or _ends_a_sentence(line))


def _without_asides(line: str) -> str:
    """A line without sentences on who vouches for a release and where its company is found on the web."""
    sentences = _BETWEEN_SENTENCES.split(line)
    rest = [sentence for sentence in sentences if not _is_aside(sentence)]
    return line if len(rest) == len(sentences) else " ".join(rest)


def _is_aside(sentence: str) -> bool:
    return bool(_ASIDE.search(sentence)) and not says_figure(_NO_FIGURE.sub("", sentence))


def _without_statements(lines: _Lines) -> _Lines:
    """Drop legal language: what stands under a heading of its own, and single sentences elsewhere."""
    kept: _Lines = []
    under_heading = False
    last = set(sorted({place for place, _ in lines})[-_MOST_LAST:])
    for place, line in lines:
        if len(line) <= 2 * _LONGEST_HEADING and _LEGAL_HEADING.fullmatch(line.strip(" .:*|–—-")):
            under_heading = True
            continue
        is_heading = _is_loose(line) and len(line) <= _LONGEST_HEADING
        under_heading = under_heading and not is_heading and bool(_LEGAL.search(line))
        under_heading = under_heading and not (CJK.search(line) and says_figure(line))
        if under_heading:
            continue
        if _CORRECTION.match(line):
            kept.append((place, line))
            continue
        sentences = _BETWEEN_SENTENCES.split(line)
        rest = [sentence for sentence in sentences if not _is_statement(sentence)]
        if len(rest) == len(sentences):
            kept.append((place, line))
        elif rest := _worth_keeping(rest, sentences, near_end=place in last):
            kept.append((place, ("" if CJK.search(line) else " ").join(rest)))
    return kept


def _worth_keeping(rest: list[str], sentences: list[str], near_end: bool) -> list[str]:
    """What stands beside legal sentences: more of it if it has no figure, and is at the end or less."""
    rest = [sentence for sentence in rest if sentence.strip()]
    alike = near_end or len(rest) * 2 <= len(sentences)
    return [] if alike and not any(map(says_figure, rest)) else rest


def _is_statement(sentence: str) -> bool:
    """Whether a sentence is legal language, or of a publisher on itself and without figures."""
    if _REPORTED.search(sentence):
        return False
    if _STATEMENT.search(sentence):
        return True
    return not sentence.startswith("- ") and bool(_OF_ITSELF.search(sentence)) and not says_figure(sentence)


def says_figure(text: str) -> bool:
    """Whether a text says a figure that is no year and no day of a month."""
    return any(not _YEAR.fullmatch(figure.strip(".,")) for figure in _FIGURE.findall(_DATE.sub("", text)))


def _without_emptied(lines: _Lines, whole: list[str]) -> _Lines:
    """Drop headings whose lines are all gone: another heading follows now, or nothing."""
    place_of = {line: place for place, line in enumerate(whole)}
    kept = []
    for number, (place, line) in enumerate(lines):
        below = lines[number + 1][1] if number + 1 < len(lines) else ""
        was_below = whole[place_of[line] + 1] if place_of.get(line, len(whole)) + 1 < len(whole) else ""
        heads = _is_loose(line) and len(line) <= _LONGEST_HEADING
        next_heads = not below or (
            len(below) <= _LONGEST_HEADING and (_is_loose(below) or _ABOUT.match(below))
        )
        if not (heads and next_heads and was_below and was_below != below and is_prose(was_below)):
            kept.append((place, line))
    return kept


def _without_captions(lines: _Lines) -> _Lines:
    """Drop "Table 2: Prices" where no row of a table stands beside it: the table was a picture."""
    return [
        (place, line)
        for number, (place, line) in enumerate(lines)
        if len(line) > _LONGEST_LINE
        or not _TABLE_CAPTION.fullmatch(line)
        or _ends_a_sentence(line)
        or any(" | " in beside for _, beside in lines[max(0, number - 1) : number + 2])
    ]


def _without_contacts(lines: _Lines) -> _Lines:
    """Drop telephone numbers and e-mail addresses with the people they belong to."""
    gone: set[int] = set()
    for start, (place, line) in enumerate(lines):
        if _is_contact(line):
            gone.add(start)
            before = start - 1  # the name above a number, in one paragraph
            while before >= 0 and lines[before][0] == place and _is_name_or_label(lines[before][1]):
                gone.add(before)
                before -= 1
        elif len(line) <= _LONGEST_LINE and _CONTACT_HEADING.fullmatch(line.strip(" .:*|")):
            end = start + 1
            while end < min(len(lines), start + _MOST_CONTACTS) and _may_be_contact(lines[end][1]):
                end += 1
            if _heads_what_follows(lines, start, end):
                end -= 1
            gone.update(range(start, end))
    return [line for place, line in enumerate(lines) if place not in gone]


def _is_name_or_label(line: str) -> bool:
    return _is_loose(line.removesuffix(":")) and len(line) <= _LONGEST_HEADING


def _heads_what_follows(lines: _Lines, start: int, end: int) -> bool:
    """Whether the last of some lines under a heading of contacts is the heading of a section."""
    if not start + 1 < end < len(lines) or _CONTACT_HEADING.fullmatch(lines[end][1].strip(" .:*|")):
        return False
    return lines[end - 1][0] != lines[end - 2][0] and not re.search(r"[,@\d]", lines[end - 1][1])


def _is_contact(line: str) -> bool:
    if len(line) > _LONGEST_LINE:
        return False
    words = WORD.findall(_ADDRESS.sub("", line))
    found = _ADDRESS.search(line)
    most = 3 if found and found.group().lower().startswith(("http", "www")) else _MOST_WORDS_OF_A_CONTACT
    return bool(found) and len(words) <= most


def _may_be_contact(line: str) -> bool:
    parts = [_NAME_END.sub("", part.strip('"“”/ ')) for part in line.split(" | ")]
    return _is_contact(line) or (len(line) <= 100 and all(map(_is_loose, parts)))


def _without_ends(lines: _Lines, title: str) -> _Lines:
    """Drop by-lines, titles and other short lines before the first sentence and after the last."""
    first = next((p for p, (_, line) in enumerate(lines) if is_prose(line) and _ends_a_sentence(line)), None)
    if first is None:
        return [line for line in lines if not _is_byline(line[1])]
    start = [
        line
        for place, line in enumerate(lines[:first])
        if not _FIELD.fullmatch(line[1])
        and not _is_lead_in(line[1], lines[place + 1][1], title, is_last=place + 1 == first)
    ]
    body = lines[first:]
    body = _without_bios(body)
    while len(body) > 1 and _is_left_over(body[-1], body[-2]):
        body.pop()
    near = {place for place, _ in (*body[:3], *body[-3:])}
    return start + [line for line in body if line[0] not in near or not _is_byline(line[1])]


def _without_bios(body: _Lines) -> _Lines:
    """Drop who the authors are: lines with next to nothing but more of them below."""
    below = 0
    gone: set[int] = set()
    for number in range(len(body) - 1, 0, -1):
        if _is_bio(body[number][1]):
            gone.add(number)
        elif (below := below + 1) > _MOST_BELOW_BIOS:
            break
    return [line for number, line in enumerate(body) if number not in gone]


def _is_byline(line: str) -> bool:
    if len(line) > _LONGEST_LINE or line.endswith((".", "!", "?", "。")):
        return False
    return bool(_BYLINE.fullmatch(line.strip(" .:*|")))


def _is_bio(line: str) -> bool:
    """Whether a line says who its author is; one with a figure that is no year may say more."""
    return (
        len(line) <= 2 * _LONGEST_CREDIT and not says_figure(line) and bool(_BIO.fullmatch(line.strip(" .*")))
    )


def _is_lead_in(line: str, following: str, title: str, is_last: bool) -> bool:
    """Whether a line before the first sentence is a title, a name or a date; a heading or a list is none."""
    if _is_byline(line):
        return True
    if not _is_loose(line):
        return len(line) <= _SHORT and line.startswith("(") and line.endswith(")")
    heads_something = is_last or following.startswith("- ") or " | " in following
    return resembles(line, title) or (len(line) < _SHORT and not heads_something)


def _is_left_over(line: tuple[int, str], before: tuple[int, str]) -> bool:
    """Whether a last line is a heading whose section is gone, or a scrap of what stood beside."""
    text = line[1]
    return _is_byline(text) or (
        _is_loose(text) and len(text) < _SHORT and not (line[0] == before[0] and _ends_a_sentence(before[1]))
    )
