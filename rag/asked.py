"""What a question asks for, read off its words: advice, a commitment, a figure, a date, a comparison."""

import re

_DEAL = (
    r"(?:buy|sell|hold|invest|short|own|add|top up|load up|get (?:in|out)|dump|accumulate|trim|avoid"
    r"|put (?:my |some )?money|bet)"
)
_MOVE = (
    r"(?:rise|fall|go|gain|lose|double|triple|climb|drop|recover|rally|crash|outperform|hit|reach|peak"
    r"|be (?:worth|in|by|at|next))"
)
_ALTERNATIVE = (
    r"(?:buy|sell|hold|keep|wait|avoid|pass|stay (?:away|out|put)|take (?:my |some )?profits?|cash (?:in|out)"
    r"|walk away|get (?:in|out)|dump|trim)"
)
_ADVICE = re.compile(
    "|".join(
        (
            # "Buy now or take profits?", and not "Did it sell its stake or keep it?"
            rf"(?:^|[.?!:;,–-]\s*)(?:so |still )?{_DEAL}\b[^.?!]{{0,40}}\bor {_ALTERNATIVE}\b",
            rf"\bdo i (?:\w+ )?{_DEAL}\b",
            r"\bworth (?:buying|selling|owning|holding)\b|\b(?:still a|one to) (?:buy|sell|hold)\b",
            rf"\b(?:should|shall|do you think|can) (?:i|we|one|investors?|my \w+)\b.{{0,40}}\b{_DEAL}\b",
            rf"\bwould you (?:\w+ ){{0,3}}{_DEAL}\b",
            r"\b(?:buy|sell|hold) or (?:buy|sell|hold|avoid|wait)\b",
            r"\b(?:is|would|was) it (?:still |really )?"
            r"(?:smart|wise|sensible|safe|reasonable|prudent|too late|time"
            rf"|a good (?:idea|time|moment))\b.{{0,60}}\b{_DEAL}\b",
            r"\b(?:is|are|would|was)\b.{1,60}\b(?:a (?:good |strong |safe |smart |screaming )?"
            r"(?:buy|sell|hold|investment|bet)"
            r"|worth (?:buying|owning|holding|investing|it|the (?:price|risk))"
            r"|(?:over|under)valued|a bargain|too expensive|good (?:stock|time to))\b",
            r"\bprice targets?\b|\bwhich (?:\w+ ){0,4}stocks? (?:should|to|is)\b",
            r"\b(?:will|would|could|is|are|how (?:much|high|low|far) (?:will|could|might))\b.{0,70}"
            rf"\b(?:shares?|stocks?|share price|stock price|prices?)\b.{{0,40}}\b{_MOVE}\b",
            r"\b(?:give|need|want|any) (?:me )?(?:some )?(?:investment )?(?:advice|tips?|recommendations?)\b",
            r"\brecommend\b.{0,40}\b(?:buy|stocks?|shares?|invest\w*)",
            r"\b(?:good idea|bad idea|too risky|risky bet|worth a (?:punt|try))\b|\bwhere do you see\b",
            r"\bthinking (?:of|about)\b.{0,30}\b(?:buying|selling|investing|putting|savings|a position|adding"
            r"|(?:loading|topping|picking) up|getting (?:in|out))\b",
            r"(?:该|应该|值得|可以|适合).{0,8}(?:买|卖|投资|持有|入手)|会(?:涨|跌|翻倍)|目标价|投资建议|买入|抄底",
        )
    ),
    re.IGNORECASE,
)


_COMMITMENT = re.compile(
    r"\b(?:commit(?:s|ted|ments?)?|pledge[sd]?|promise[sd]?|vow(?:s|ed)?|undert(?:ook|ake)|obligat\w+"
    r"|agreed? to)\b|承诺|保证",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\bhow (?:much|many|big|large|high|far|long|old)\b|\bhow .* (?:cost|pay|worth)\b"
    r"|\b(?:what|which) (?:price|share|percent\w*|amount|capacity|figure|sum|stake|number|volume|size|cost"
    r"|revenue|output)"
    r"|\b(?:price|cost|capacity|revenue|output)\b|\btonn|多少|几",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:date|day|month|year|quarter)|\bhow soon\b|\bby what\b|\bdate\b"
    r"|何时|什么时候|哪[年天月]",
    re.IGNORECASE,
)
_COMPARISON = re.compile(
    r"\b(?:compar\w+|versus|vs\.?|differ\w*|contrast|against|each(?! (?:year|quarter|month|week|day)\b)|both"
    r"|next to|respectively|than|or|which (?:one )?(?:is|was|cost|has|would|sits?|of))\b"
    r"|和.*(?:相比|哪个)|分别|相比",
    re.IGNORECASE,
)


# "How did sales change between Q3 2023 and Q4 2025?" compares two times, and is no span of them.
_CHANGE = re.compile(
    r"\bhow\b[^?!.]*\b(?:chang|differ|compar|grow|grew|r[io]s[ei]|fall|fell|mov|shift|increas|decreas|drop)\w*\b"
    r"[^?!.]*\bbetween\b",
    re.IGNORECASE,
)
_SECOND_QUESTION = re.compile(
    r"\S[,;]? (?:and|then) (?:in |at |by |for |from )?(?:what|who|whose|how|when|where|which|why)\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"(?:\bhow (?:much|big|large|high)|\bwhat(?:'s| is| was| are| were| do(?:es)?| did| will| would)?)\b"
    r"(?! made\b).*\b(?:costs?|pay(?:s|ing)?|paid|spen[dt]|spends|spending|prices?|revenues?|turnover"
    r"|profits?|loss(?:es)?|npv|ebitda|capex|budget|rent|salary|valuation|fee|dollars?|money|loan)\b",
    re.IGNORECASE,
)
_MASS = re.compile(
    r"\bhow (?:many|much) (?:\w+ ){0,2}(?:tonn?e?s|tpa|kilos?|kilograms?|kg)\b|\btonnage\b|多少.{0,2}吨",
    re.IGNORECASE,
)
_DURATION = re.compile(r"\bhow (?:many (?:days|weeks|months|years)|long)\b", re.IGNORECASE)
_PERSON = re.compile(r"\bwho(?:se)?\b|谁", re.IGNORECASE)
_BODY = re.compile(
    r"\b(?:what|which|names? of the) (?:\w+ ){0,3}(?:firm|company|companies|contractor|bank|fund|lender"
    r"|minister|official|university|institution|agency|customer|supplier)s?\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\bwhere\b|\b(?:what|which) (?:country|state|city|town|place)\b|在哪", re.IGNORECASE)

_COUNT = re.compile(
    r"\b(the|these|those|which|what|all) (?:two|three|four|five|six)\b"
    r"(?![- ](?:years?|months?|weeks?|days?|quarters?|per|percent\w*|hundred|thousand|\w+illion|tonn?e?s?"
    r"|kilo\w*|times|fold)\b)",
    re.IGNORECASE,
)
_TIME_APART = re.compile(
    r"\b(?:two|three|four|five|six|\d+) (?:year|quarter|month|week|day)s?"
    r"(?= (?:later|earlier|before|after|apart)\b)",
    re.IGNORECASE,
)


def asks_for_advice(question: str) -> bool:
    """Whether a question asks what to do with one's money, or what a price is going to be.

    >>> asks_for_advice("Should I buy MP Materials now?")
    True
    >>> asks_for_advice("What did McKinsey say about prices in 2035?")
    False
    """
    return bool(_ADVICE.search(question))


def asks_for_commitments(question: str) -> bool:
    """Whether a question asks what somebody bound himself to, which no inference can answer."""
    return bool(_COMMITMENT.search(question))


def asks_for_figure(question: str) -> bool:
    """Whether a sentence without a number can hardly answer a question."""
    return bool(_FIGURE.search(question))


def asks_for_date(question: str) -> bool:
    """Whether a sentence without a date can hardly answer a question."""
    return bool(_DATE.search(question))


def without_counts(question: str) -> str:
    """A question without how many things it asks about, and how far apart: no article needs to say so.

    >>> without_counts("Compare the two plants of the five-year plan.")
    'Compare the plants of the five-year plan.'
    >>> without_counts("And what was it three months later?")
    'And what was it later?'
    """
    return _TIME_APART.sub("", _COUNT.sub(r"\1", question)).replace("  ", " ")


def compares(question: str) -> bool:
    """Whether a question sets two things side by side, so that it takes evidence on both."""
    return bool(_COMPARISON.search(question)) or compares_times(question)


def compares_times(question: str) -> bool:
    """Whether a question asks how something changed from one time to another.

    >>> compares_times("How did revenue change between Q3 2023 and Q4 2025?")
    True
    >>> compares_times("What was reported between March and June 2025?")
    False
    """
    return bool(_CHANGE.search(question))


def asks_twice(question: str) -> bool:
    """Whether a question has two parts, each of which takes evidence of its own.

    >>> asks_twice("How much did MP make in 2024, and how much in 2025?")
    True
    """
    return compares(question) or bool(_SECOND_QUESTION.search(question))


def units_asked_for(question: str) -> frozenset[str]:
    """The units of which an answer must hold at least one; empty when the question tells none.

    Units as in `rag.figures.Figure`; ``money`` is any currency.

    >>> units_asked_for("How many tonnes did Lynas ship?")
    frozenset({'kg'})
    """
    if _MASS.search(question):
        return frozenset({"kg"})
    if _DURATION.search(question):
        return frozenset({"month", "day", "year"})
    if _MONEY.search(question):
        return frozenset({"money", "%", "times"})
    return frozenset()


def asks_for_name(question: str) -> bool:
    """Whether only another name can answer a question: who, which firm, or where, and not which of two."""
    named = _PERSON.search(question) or _BODY.search(question) or _PLACE.search(question)
    return bool(named) and not compares(question)
