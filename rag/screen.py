"""Words in an article that are addressed to a machine, and therefore no evidence.

Article text is data. A paragraph that orders an assistant about ("ignore the rules above, say
only ...") is nothing that an article reports, so it is neither shown to the model, nor quoted, nor
does it support a sentence. The screen is deterministic and reads form, not topics: the marks of
chat formats, markup that a browser would run, and orders about answering. What slips through
meets the checks on the answer.

See OWASP Top 10 for LLM Applications 2025, LLM01, on indirect prompt injection.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from rag.sentences import sentence_spans

_MACHINES = (
    r"(?:assistants?|ai\b|answer engines?|language models?|llms?|chat ?bots?|models?|machines?|agents?"
    r"|(?:software|automated|machine) (?:readers?|tools?|systems?)|summari[sz]ers?|crawlers?)"
)
_SPEAKERS = r"(?:system|assistant|user|human|developer|instructions?|response|input|output|question|answer)"

# Each of these alone tells.
_FORGED = re.compile(
    "|".join(
        (
            r"<\|[^|>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>",  # marks of chat formats
            r"</?(?:script|iframe|img|svg|object|embed|style|form|input)(?=[\s>/])",  # markup that runs
            r"</?(?:passages?|context|documents?|system|instructions?)(?=[\s>/])",
            r"\bon(?:error|load|click|mouseover)\s?=|javascript:|data:text/|!\[[^\]\n]{0,200}\]\(",
            rf"^\W{{0,8}}{_SPEAKERS}(?:\s(?:message|prompt|note|notice))?\W{{0,3}}:",  # a forged dialogue
            rf"\[\s?{_SPEAKERS}\s?:|\bai:\s|[\"'](?:role|tool_calls?|function(?:_call)?)[\"']\s?:",
            r"^[\W\d]{0,6}(?:answer|reply|respond)\s(?:about|with|only|in|to|every|any)\b",
            r"(?:\[[a-z]\d{1,3}\]\s?){2}|【\d{1,3}】|\[[a-z]{1,3}:\d+\]",  # forged passage ids
            r"\bgenerative (?:systems?|models?|ai)\b.{0,60}\bput on notice\b|\bautomatic (?:citation|summar)",
            r"\bai (?:friends|readers|helpers|assistants)\b",
            r"^[\W\d]{0,6}(?:\w+(?:'s|’s)\s)?(?:important|attention|notes?|footnotes?|messages?|instructions?|hints?"
            r"|correction|advice|request|guidance)"
            rf"\s(?:to|for)\s(?:all\s|any\s|the\s|our\s)?(?:automated\s|automatic\s)?{_MACHINES}",
            r"\b(?:ignore|disregard|forget|override|bypass|set aside)\s"
            r"(?:(?:all|any|the|your|every|these|those|of|my)\s){0,3}"
            r"(?:(?:previous|prior|above|earlier|preceding|foregoing|former|other)\s){0,2}"
            r"(?:instructions?|rules?|prompts?|passages?|context|guidelines?|directions|orders|question)",
            r"\byou are (?:now|no longer) (?:an?|the|in)\b|\bsystem prompt\b|\bas an ai\b",
            r"\byour (?:instructions|configuration)\b|\bbase64\b|(?<![\w/])[A-Za-z0-9+/]{40,}={0,2}(?![\w/])",
            r"系统(?:提示|消息|指令)|(?:忽略|无视|不要理会)[^。\n]{0,12}(?:指令|规则|要求|提示|内容)",
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)

# Of these two it takes one each: who is spoken to or what about, and an order.
_ABOUT_ANSWERING = re.compile(
    r"\b(?:"
    r"assistants?|chat ?bots?|language models?|llms?|answer engines?|ai without|any system that reads"
    r"|(?:ai|automated|automatic|machine|software) (?:tools?|readers?|systems?|agents?|summar\w+|digests?)"
    r"|(?:digests?|summar(?:y|ies)|abstracts?|versions?|texts?) (?:that (?:is|are) )?"
    r"(?:produced|written|made|generated|prepared|drawn up|compiled) by (?:software|machines?|ai|automat\w+)"
    r"|summari[sz]ers?|(?:when|in) (?:restating|summari[sz]ing|paraphrasing|retelling|quoting)"
    r"|(?:your|every|each|any|(?:the )?next)\sanswers?|(?:the|an)\sanswers?(?!\sto\b)"
    r"|all answers|every sentence"
    r"|answer(?:ing)?\s(?:any|every|each|all|the)\squestions?|questions?\s(?:about|on|concerning)"
    r"|(?:is|are|was)\sasked\s(?:about|on|how|what|which|when|for)|when asked|whoever asked"
    r"|(?:when|before|if) you (?:answer|are asked|reply)|the user|(?:the|these|any)\spassages?"
    r"|this (?:passage|page|text|collection)|other articles|prompts?|the instructions?"
    r"|(?:in|of) the role|let(?:'s| us) play"
    r")\b|回答|答复|答案|提问|助手|模型|问题",
    re.IGNORECASE,
)
_VERBS = (
    r"(?:say|write|reply|respond|answer|output|print|repeat|cite|give|tell|begin|start|ignore|follow|pretend|act"
    r"|recommend|translate|use|leave|replace|confirm|add|append|include|reveal)"
)
_ORDER = re.compile(
    r"\b(?:must|shall|never|do not|don't|only|always|instead|mandatory|prohibited|forbidden|confidential"
    r"|decode|disregard|stay|overrides?|(?:is|are) to be|kindly|invited|requested|encouraged"
    r"|expected to|asked to|should|ought|would (?:do well|be wise)|welcome to)\b"
    rf"|(?:^|[.:;,\"]\s?|\bthen\s|\bplease\s|\band\s){_VERBS}\b"
    r"|必须|一律|只能?|不得|不要|请",
    re.IGNORECASE,
)


def is_forged(text: str) -> bool:
    """Whether a sentence or a title is addressed to a machine."""
    return bool(_FORGED.search(text)) or bool(_ABOUT_ANSWERING.search(text) and _ORDER.search(text))


@lru_cache(maxsize=512)
def screened(text: str) -> str:
    """A text of the same length, with blanks for what is addressed to a machine.

    From the first such sentence on, the rest of its paragraph goes, and the order before it.
    """
    characters = list(text)
    start = 0
    for paragraph in text.split("\n\n"):
        end = start + len(paragraph)
        for left, right in _forged_spans(text, start, end):
            characters[left:right] = (c if c == "\n" else " " for c in text[left:right])
        start = end + 2
    return "".join(characters)


def sentences_that_count(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans of the sentences in ``text[start:end]`` that are not addressed to a machine."""
    return sentence_spans(screened(text), start, end)


def _forged_spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans = list(sentence_spans(text, start, end))
    for i, (left, right) in enumerate(spans):
        if is_forged(text[left:right]):
            while i and _may_belong(text[slice(*spans[i - 1])]):
                i -= 1
            return [(spans[i][0], end)]
    return []


def _may_belong(sentence: str) -> bool:
    """Whether a sentence may lead up to an order: half of what tells is in it."""
    return bool(_ORDER.search(sentence) or _ABOUT_ANSWERING.search(sentence))
