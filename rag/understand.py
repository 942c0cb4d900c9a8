"""A question becomes one that can be searched for: complete in itself, and in English too.

A self-contained English question passes through untouched and costs no call of the model.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from corpus.clean import clean_line, clean_text
from corpus.errors import UsageError
from rag.asked import asks_for_advice
from rag.filters import narrowed
from rag.lexical import terms
from rag.names import english_names
from rag.prompts import prompt
from rag.sentences import has_cjk
from rag.types import UNFILTERED, Filters, Question, Turn
from rag.window import ALWAYS, DateWindow, read_window

MAX_CHARS = 2_000
_REMEMBERED_TURNS = 4
_TURN_CHARS = 400
_SUBJECT_CHARS = 200
_REWRITE_TOKENS = 60
_ALIKE_CHARS = 5

Complete = Callable[[list[BaseMessage], int], str]
"""Messages and a token limit in, the model's whole reply out."""

# Words that point back at something said before. "That" and "this" count only where they stand
# for a thing, not where they open a clause ("the company that ...").
_POINTERS = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|those|these|"
    r"the (same|company|firm|group|deal|agreement|meeting|plant|project|mine|facility|country|order|amount|"
    r"article|report|plan|partner|two|other|former|latter)|"
    r"(this|that) (\w+)|that\?|this\?)(?![\w'])"
    r"|(?<!is )(?<!are )(?<!was )(?<!were )\bthere\b(?! (?:is|are|was|were|will|has|have|had|be|any)\b|')",
    re.IGNORECASE,
)
_CONTINUATION = re.compile(
    r"^\s*(?:(?:ok(?:ay)?|right|well|yes|sure|thanks|hm+)\b[,.!]?\s*)?"
    r"(and|but|so|or|also|what about|how about)\b",
    re.IGNORECASE,
)
# Said before the question itself: "Different topic. Who …", but not "Did they announce something else?"
_ANOTHER_TOPIC = re.compile(
    r"\b(?:(?:another|different|new|unrelated) (?:topic|subject|question)|something (?:else|different|new))"
    r"\s*[:.,;–—-]|换个?(?:话题|问题)",
    re.IGNORECASE,
)
_BARE = re.compile(r"^\s*(why|when|where|who|how come|really)\b", re.IGNORECASE)
_CHINESE_POINTERS = re.compile(r"[它他她]|这|那|该|其|呢|上述")
_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][A-Za-z-]+")


@dataclass(frozen=True)
class Understood:
    """A question, made ready.

    Attributes:
        question: what the answer answers; stands alone.
        asked: the same without what was said before it, for checks on what an answer must hold.
        queries: what is searched for, the most faithful wording first.
        window: the dates of publication that it asks for.
        wants_advice: it asks what to do with one's money, or what a price is going to be.
        filters: the articles to search: its own filters, and its window.
    """

    question: str
    asked: str
    queries: tuple[str, ...]
    window: DateWindow = ALWAYS
    wants_advice: bool = False
    filters: Filters = UNFILTERED

    @property
    def in_chinese(self) -> bool:
        """Whether it is asked in Chinese, whatever was said before."""
        return has_cjk(self.asked)


def check(question: Question) -> Question:
    """The question with its text cleaned.

    Raises:
        UsageError: there is nothing in it, or far too much.
    """
    text = clean_text(question.text)
    if not text:
        raise UsageError("The question is empty: type what you want to know.")
    if len(text) > MAX_CHARS:
        raise UsageError(
            f"The question has {len(text):,} characters, at most {MAX_CHARS:,} are read: "
            "ask one thing, and leave the background out."
        )
    return replace(question, text=text)


def understand(question: Question, complete: Complete | None = None, *, rewrite: bool = True) -> Understood:
    """Make a question stand alone, and find the wordings to search for.

    Args:
        question: a checked question.
        complete: the language model; without one, names and earlier questions have to do.
        rewrite: whether the model rewrites a question that leans on the conversation.
    """
    asked = standalone = question.text
    queries = [standalone]
    if leans_on_conversation(question):
        asked, standalone = _stand_alone(question, complete if rewrite else None)
        queries = [standalone, *_in_conversation(question)]
    if has_cjk(standalone):
        # What was said before is not translated, or the reply would be cut off; the names in it are enough.
        english = (_translate(asked, complete) if complete else "") if has_cjk(asked) else asked
        queries.insert(0, f"{english} {' '.join(english_names(standalone))}".strip())
    window = read_window(question.text, date.today())
    advice = asks_for_advice(question.text)
    if advice:
        window = replace(window, latest=True)  # who asks what to do wants to know how things stand
    wordings = tuple(dict.fromkeys(filter(None, queries)))
    return Understood(standalone, asked, wordings, window, advice, narrowed(question.filters, window))


def leans_on_conversation(question: Question) -> bool:
    """Whether a question can only be understood with what was said before it."""
    if not question.history:
        return False
    text = question.text
    if _ANOTHER_TOPIC.search(text):
        return False
    if has_cjk(text):
        return bool(_CHINESE_POINTERS.search(text)) or len(terms(text)) < 6
    if _POINTERS.search(text) or _CONTINUATION.match(text):
        return True
    short = len(terms(text)) <= 3
    return not _NAME.search(text) and (short or bool(_BARE.match(text)))


def _in_conversation(question: Question) -> list[str]:
    """The question with what was asked before, and with the last answer too.

    Small models lose the subject when they rewrite; the conversation's own words keep it.
    """
    asked = " ".join(turn.content[:_TURN_CHARS] for turn in question.history if turn.role == "user")
    answers = [turn.content for turn in question.history if turn.role == "assistant"]
    with_questions = clean_text(f"{question.text} {asked}")
    return (
        [with_questions, clean_text(f"{with_questions} {answers[-1][:_TURN_CHARS]}")]
        if answers
        else [with_questions]
    )


def _stand_alone(question: Question, complete: Complete | None) -> tuple[str, str]:
    """What is asked, and the same in words that can be understood without the conversation.

    Small models lose the subject when they rewrite, or ask for something that nobody spoke of. Then the
    question stays as it is, with what was said before behind it.
    """
    rewritten = _rewrite(question, complete) if complete else ""
    faithful = _names_any(rewritten, question.history) and _only_spoken_of(rewritten, question)
    if rewritten and rewritten != question.text and faithful:
        return rewritten, rewritten
    return question.text, f"{question.text} (asked after: {_said_before(question.history)})"


def _only_spoken_of(rewritten: str, question: Question) -> bool:
    """Whether every word of a rewriting was said before, in another form perhaps: produced, production."""
    spoken = " ".join((question.text, *(turn.content for turn in question.history)))
    return {term[:_ALIKE_CHARS] for term in terms(rewritten)} <= {t[:_ALIKE_CHARS] for t in terms(spoken)}


def _said_before(history: Sequence[Turn]) -> str:
    """The last question and answer, after the names of what was spoken of before them."""
    last = [turn.content for turn in history if turn.role == "user"][-1:]
    last += [turn.content[:_SUBJECT_CHARS] for turn in history if turn.role == "assistant"][-1:]
    text = clean_line(" ".join(last)[:_TURN_CHARS])
    earlier = (name for turn in history[-_REMEMBERED_TURNS:] for name in _NAME.findall(turn.content))
    names = list(dict.fromkeys(name for name in earlier if name not in text))
    return clean_line(f"{', '.join(names)}. {text}") if names else text


def _names_any(text: str, history: Sequence[Turn]) -> bool:
    """Whether a text holds a name that was spoken of, or nothing with a name was."""
    names = {name.casefold() for turn in history for name in _NAME.findall(turn.content)}
    return not names or any(name in text.casefold() for name in names)


def _rewrite(question: Question, complete: Complete) -> str:
    conversation = "\n".join(_line(turn) for turn in question.history[-_REMEMBERED_TURNS:])
    # The stable part first, and as the system's: a local server keeps it, and the model keeps to it.
    follow_up = prompt("follow_up", conversation=conversation, question=question.text)
    reply = _ask(complete, SystemMessage(prompt("rewrite")), HumanMessage(follow_up))
    return reply if 0 < len(reply) <= 2 * len(question.text) + 300 else ""


def _translate(text: str, complete: Complete) -> str:
    return _ask(complete, HumanMessage(prompt("translate", question=text)))


def _ask(complete: Complete, *messages: BaseMessage) -> str:
    reply = clean_text(complete(list(messages), _REWRITE_TOKENS))
    return reply.split("\n")[0].strip().strip('"')


def _line(turn: Turn) -> str:
    speaker = "User" if turn.role == "user" else "Assistant"
    return f"{speaker}: {' '.join(turn.content.split())[:_TURN_CHARS]}"
