"""An answer in the shapes that other programs know: OpenAI's chat completions, with Perplexity's sources."""

from collections.abc import Iterator, Sequence
from typing import Any

from corpus.article import Article
from rag.abstain import is_far
from rag.ground import shown_text, with_markers
from rag.notes import Notes
from rag.quote import is_plain
from rag.tokens import count_tokens
from rag.types import Answer, Draft, Hit
from ui.render import answer_as_data, near_articles

MODEL = "reex"
"""What the API calls us, whatever language model writes."""

Json = dict[str, Any]


class Telling:
    """An answer that is told piece by piece, to somebody from whom nothing can be taken back.

    A sentence is told once the next one has begun, for until then it may still change. ``said`` is all that
    was told; it is ``content_of`` the answer, unless something came to light after it was begun.
    """

    def __init__(self, question: str) -> None:
        self._say = Notes.for_question(question)
        self.said = ""

    def go_on(self, draft: Draft) -> str:
        """What a draft adds."""
        sure = shown_text(draft.sentences[:-1])
        return self._add(sure[len(self.said) :] if sure.startswith(self.said) else "")

    def end(self, answer: Answer) -> str:
        """What the answer adds; what a reader should have known before comes behind then."""
        whole, body = content_of(answer), shown_text(answer.sentences)
        if whole.startswith(self.said):
            return self._add(whole[len(self.said) :])
        if not answer.abstained and body.startswith(self.said) and whole.endswith(body):
            before = whole[: len(whole) - len(body)].strip()
            return self._add(f"{body[len(self.said) :]}\n\n{before}")
        return self._add(f"\n\n{self._say.withdrawn()} {whole}")

    def _add(self, piece: str) -> str:
        self.said += piece
        return piece


def content_of(answer: Answer) -> str:
    """The answer as the text of a message; a refusal with its reason and what comes near."""
    if not answer.abstained:
        return answer.text
    why = f"{answer.text} {answer.reason}".strip()
    near = [line for _, line in _near_lines(answer)]
    return "\n".join([f"{why}\n\n{Notes.for_question(answer.question).nearest()}", *near]) if near else why


def _near_lines(answer: Answer) -> list[tuple[Article, str]]:
    """The articles near a question, each with the line that quotes it; none when even they are far."""
    if is_far(answer.signals):
        return []
    return [(article, _near(article, said)) for article, said in near_articles(answer) if said]


def _near(article: Article, sentences: Sequence[str]) -> str:
    quoted = " … ".join(f"“{' '.join(sentence.split())}”" for sentence in sentences)
    # Whoever reads this may take it for Markdown.
    about = ", ".join(text for text in (article.title, article.label) if text and is_plain(text))
    return f"- {quoted} ({about})" if about else f"- {quoted}"


def completion(id: str, created: int, asked: str, answer: Answer) -> Json:
    """The object of a whole answer."""
    content = content_of(answer)
    message = {
        "role": "assistant",
        "content": content,
        "refusal": None,
        "annotations": annotations(content, answer),
    }
    return {
        "id": id,
        "object": "chat.completion",
        "created": created,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": usage(asked, content),
        **_sources(answer),
    }


def chunk(id: str, created: int, delta: Json, finish: str | None = None, **more: Any) -> Json:
    """The object of a piece of an answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    head = {"id": id, "object": "chat.completion.chunk", "created": created, "model": MODEL}
    return {**head, "choices": [choice], **more}


def last_chunk(id: str, created: int, content: str, answer: Answer) -> Json:
    """The object behind the last piece, with all that belongs to the whole text."""
    delta = {"annotations": annotations(content, answer)}
    return chunk(id, created, delta, "stop", **_sources(answer))


def usage(asked: str, content: str) -> Json:
    """The tokens of what was asked and of what was told, passages not counted."""
    asked_for, told = count_tokens(asked), count_tokens(content)
    return {"prompt_tokens": asked_for, "completion_tokens": told, "total_tokens": asked_for + told}


def annotations(content: str, answer: Answer) -> list[Json]:
    """OpenAI's citations of a text: one for each marker or, below a refusal, for each article's sentences.

    Each goes from the first character of that to behind the last.
    """
    if answer.abstained:
        return list(_near_annotations(content, answer))
    cited = {citation.n: citation for citation in answer.citations}
    found, here = [], 0
    for sentence in answer.sentences:
        told = with_markers(sentence)
        at = content.find(told, here)
        if at < 0 or sentence.support == "unsupported":
            continue
        here = at + len(told)
        end = here
        for n in reversed(sentence.citations):
            start = end - len(f"[{n}]")
            found.append(_annotation(start, end, cited[n].url, cited[n].title))
            end = start
    return sorted(found, key=lambda one: int(one["url_citation"]["start_index"]))


def _near_annotations(content: str, answer: Answer) -> Iterator[Json]:
    end = 0
    for article, told in _near_lines(answer):
        if (start := content.find(told, end)) >= 0:
            end = start + len(told)
            yield _annotation(start + len("- "), end, article.url, article.title)


def _annotation(start: int, end: int, url: str, title: str) -> Json:
    place = {"start_index": start, "end_index": end, "url": url, "title": title}
    return {"type": "url_citation", "url_citation": place}


def found(hits: Sequence[Hit]) -> list[Json]:
    """Perplexity's search results for what was found before anything is told: each article once."""
    first = {hit.article.url: hit for hit in reversed(hits)}
    return [
        _result(hit.article.url, hit.article.title, hit.article.published, hit.passage.text)
        for hit in hits
        if first[hit.article.url] is hit
    ]


def _sources(answer: Answer) -> Json:
    """Perplexity's lists, in which marker [1] stands for the first entry; and all that we know."""
    cited = {c.n: _result(c.url, c.title, c.published, c.quote) for c in answer.citations}
    nowhere = _result("", "", None, "")
    results = [cited.get(n, nowhere) for n in range(1, max(cited, default=0) + 1)]
    if answer.abstained:
        results = [
            _result(article.url, article.title, article.published, " … ".join(sentences))
            for article, sentences in near_articles(answer)
        ]
    urls = [] if answer.abstained else [result["url"] for result in results]
    return {"citations": urls, "search_results": results, "reex": answer_as_data(answer)}


def _result(url: str, title: str, published: Any, snippet: str) -> Json:
    date = published.isoformat() if published else None
    return {"title": title, "url": url, "date": date, "snippet": snippet}
