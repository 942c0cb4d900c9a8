"""A comparison is answered one side at a time: a small model that reads both mixes up their figures."""

from collections.abc import Sequence

from rag.asked import compares
from rag.names import names_any, names_in
from rag.select import Excerpt


def sides(question: str, excerpts: Sequence[Excerpt]) -> dict[str, tuple[Excerpt, ...]]:
    """The two companies, places or people that a question compares, each with the excerpts on it.

    Empty when it compares nothing, or not two things that are known by name, or when the excerpts on one are
    all on the other too.
    """
    groups = {group: name for name, group in names_in(question, materials=False)}
    if len(groups) != 2 or not compares(question):
        return {}
    about = {name: tuple(e for e in excerpts if names_any(_text(e), group)) for group, name in groups.items()}
    one, other = map(set, about.values())
    return about if one - other and other - one else {}


def side_question(question: str, side: str) -> str:
    """A comparison as a question on one of its sides."""
    return f"{question} (Answer for {side} only.)"


def _text(excerpt: Excerpt) -> str:
    return f"{excerpt.hit.article.title} {' '.join(excerpt.sentences)}"
