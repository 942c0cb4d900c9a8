"""Who vouches for a sentence of an article: the article, somebody in it, or its author's judgement.

"Baogang will spend RMB 3 billion" is *reported*, "the chairman said that ..." is *said*, and "REEx
reads this as a signal" is *inferred*. Told apart by the words that writers use for it, and the
article's own publisher is an author, not a speaker.
"""

import re

from rag.types import Kind

_AUTHOR = (
    r"(?:REEx|Rare Earth Exchanges|(?:the|its|an|this) (?:author|writer|article|publication|outlet|piece"
    r"|analysis|commentary|site|report's author)|the editors?|we)"
)
_JUDGES = (
    r"(?:reads?|infers?|interprets?|concludes?|considers?|argues?|sees?|suggests?|views?|assess(?:es)?|believes?|"
    r"thinks?|takes|judges?|expects?|warns?|doubts?|questions?|speculates?|cautions?|recommends?|"
    r"frames|treats|regards|wonders|considered|concluded|argued|read|saw|suggested|inferred|interpreted)"
)
_INFERRED = re.compile(
    rf"\b(?<!which )(?<!what ){_AUTHOR}(?:,[^,.]{{1,60}},)?"
    rf"\s(?:\w+ly\s|also\s|itself\s|then\s|further\s)?{_JUDGES}\b"
    r"|\b(?:in|on|by) (?:REEx's|the (?:author|article|publication|outlet|writer)'s|its author's|our) "
    r"(?:own )?(?:view|reading|interpretation|opinion|assessment|analysis|judge?ment|account|estimate)"
    r"|\b(?:author|writer|publication|outlet|article|REEx)'s (?:own )?"
    r"(?:inference|interpretation|reading|view|conclusion|assessment|opinion|take|judgement|judgment)"
    r"|\b(?:may|might|could|would|appears? to|seems? to) (?:well )?"
    r"(?:signal|suggest|indicate|imply|mean|reflect|hint)\b"
    r"|\b(?:suggests|implies|signals|hints|indicates) that\b|\bimplicit (?:signal|message)\b|\barguably\b"
    r"|\bcan be read as\b|\bthis is (?:the author's|an inference)\b|作者认为|本文认为|意味着|可能表明",
    re.IGNORECASE,
)
_SPEECH = (
    r"(?:said|says|told|stated|states|announced|announces|claimed|claims|argued|argues|warned|warns|promised|"
    r"pledged|insisted|emphasi[sz]ed|stressed|added|noted|explained|declared|confirmed|expects|expected|predicted|forecasts?|"
    r"committed|vowed|wrote|writes|commented|acknowledged|testified|quoted)"
)
_SAID = re.compile(
    rf"\b{_SPEECH}\b|\baccording to\b|\bin the words of\b|[“\"][^”\"]{{12,}}[”\"]"
    r"|表示|指出|称|强调|宣布|承诺",
    re.IGNORECASE,
)
_REPORTS = re.compile(
    rf"\b{_AUTHOR}\s(?:reports?|reported|writes?|wrote|notes?|discussed|reviewed)\b"
    r"|according to (?:REEx|Rare Earth Exchanges|the (?:article|publication|report|outlet))\b[^,.]{0,20}",
    re.IGNORECASE,
)


def kind_of(sentence: str, publisher: str = "") -> Kind:
    """Whether a sentence of an article is reported, said by somebody, or the author's inference.

    ``publisher`` is the article's own: what it says is what the article reports.

    >>> kind_of("REEx reads the phrase as a signal to resist pressure.")
    'inferred'
    >>> kind_of("The plant is on schedule, the chairman said.")
    'said'
    >>> kind_of("According to REEx, the plant opened in May.")
    'reported'
    """
    if publisher:
        sentence = sentence.replace(publisher, "the publication")
    if _INFERRED.search(sentence):
        return "inferred"
    return "said" if _SAID.search(_REPORTS.sub(" ", sentence)) else "reported"


def owns_up(sentence: str) -> bool:
    """Whether an answer's sentence says itself that it passes on a judgement."""
    return bool(_INFERRED.search(sentence) or _SAID.search(sentence))
