"""Which articles are on a topic, and which speak of a company."""

from collections import Counter
from collections.abc import Sequence

from corpus.errors import UsageError
from rag.index import Index
from rag.names import companies, names_in
from rag.types import Filters


def topics_of(index: Index) -> list[str]:
    """The topics of the corpus, the one with the most articles first."""
    return [
        topic for topic, _ in Counter(t for ts in index.catalogue.topics().values() for t in ts).most_common()
    ]


def companies_of(index: Index) -> list[str]:
    """The companies of ``names.yaml`` that passages seem to speak of, by their canonical names, sorted.

    Seem, since a passage need only hold all words of a name: `about` looks closer.
    """
    return sorted((group[0] for group in companies() if index.lexical.holding(group)), key=str.casefold)


def about(filters: Filters, index: Index) -> tuple[str, ...] | None:
    """The versions of articles on any topic and of any company of the filters; None for all articles.

    Raises:
        UsageError: no article is on such a topic or speaks of such a company.
    """
    found: set[str] | None = None
    if filters.topics:
        found = _on(filters.topics, index.catalogue.topics())
    if filters.companies:
        mentioning = set[str]().union(*(_mentioning(name, index) for name in filters.companies))
        found = mentioning if found is None else found & mentioning
    return None if found is None else tuple(sorted(found))


def _on(wanted: Sequence[str], topics: dict[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    for topic in wanted:
        on_it = {v for v, names in topics.items() if topic.casefold() in map(str.casefold, names)}
        if not on_it:
            raise UsageError(f"The corpus has no article on the topic “{topic}”.")
        found |= on_it
    return found


def _mentioning(company: str, index: Index) -> set[str]:
    group = next((g for g in companies() if company.casefold() in map(str.casefold, g)), (company,))
    articles = index.catalogue.at(index.lexical.holding(group))
    found = {
        version for version, article in articles.items() if _names(f"{article.title}\n{article.text}", group)
    }
    if not found:
        raise UsageError(f"The corpus has no article that mentions “{company}”.")
    return found


def _names(text: str, group: tuple[str, ...]) -> bool:
    if len(group) == 1 and not any(group == known for known in companies()):
        return group[0].casefold() in text.casefold()  # a company that the file of names does not know
    return any(known == group for _, known in names_in(text, materials=False))
