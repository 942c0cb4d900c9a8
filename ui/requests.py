"""What programs send to the API, with examples for its specification."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from corpus.errors import UsageError
from rag.filters import read_filters
from rag.types import Question, Turn
from rag.understand import check
from ui import completion


def _sound(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a character") from error
    return text


Text = Annotated[str, AfterValidator(_sound)]


class Part(BaseModel):
    """A piece of a message."""

    model_config = ConfigDict(extra="allow")
    type: Text
    text: Text = ""


class Message(BaseModel):
    """One message of a conversation; those of system and developer are not read."""

    model_config = ConfigDict(extra="allow")
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[Part] | None = None


class StreamOptions(BaseModel):
    """OpenAI's options of a stream."""

    model_config = ConfigDict(extra="allow")
    include_usage: bool = False


class ChatRequest(BaseModel):
    """A question with the conversation before it; other fields of OpenAI's change nothing."""

    model_config = ConfigDict(extra="allow")
    messages: list[Message] = Field(min_length=1, max_length=500, description="The last one asks.")
    model: Text = Field(completion.MODEL, description="Any name: the server's settings choose the model.")
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    filters: dict[str, Any] | None = Field(
        None, description="Which articles: `since`, `until` (YYYY-MM-DD), `publishers` (names)."
    )


class SearchRequest(BaseModel):
    """What to look for."""

    query: Text
    k: int | None = Field(None, ge=1, le=100, description="How many passages; RAG_TOP_K when left out.")
    filters: dict[str, Any] | None = Field(None, description="As for answers.")


class FeedbackRequest(BaseModel):
    """What somebody thinks of an answer."""

    id: Text = Field(description="The id of the completion.")
    verdict: Literal["up", "down"]
    reason: Text = Field("", max_length=4000)


ASKS = {
    "question": {
        "summary": "A question",
        "value": {"model": "reex", "messages": [{"role": "user", "content": "Who leads Baogang?"}]},
    },
    "filtered": {
        "summary": "A follow-up, streamed, over articles since 2026",
        "value": {
            "model": "reex",
            "stream": True,
            "messages": [
                {"role": "user", "content": "How much NdPr did Lynas produce?"},
                {"role": "assistant", "content": "Lynas produced 1,404 tonnes of NdPr. [1]"},
                {"role": "user", "content": "And MP Materials?"},
            ],
            "filters": {"since": "2026-01-01"},
        },
    },
}
SOURCE = {
    "title": "Lynas: quarterly report",
    "url": "https://example.com/lynas",
    "date": "2026-01-21",
    "snippet": "NdPr production was 1,404 tonnes.",
}
_PLACE = {"start_index": 37, "end_index": 40, "url": SOURCE["url"], "title": SOURCE["title"]}
ANSWERED = {
    "id": "chatcmpl-5f0c",
    "object": "chat.completion",
    "created": 1767225600,
    "model": "reex",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Lynas produced 1,404 tonnes of NdPr. [1]",
                "refusal": None,
                "annotations": [{"type": "url_citation", "url_citation": _PLACE}],
            },
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 13, "total_tokens": 22},
    "citations": [SOURCE["url"]],
    "search_results": [SOURCE],
    "reex": {"as_of": "2026-01-21", "sentences": ["…"], "citations": ["…"]},
}


def question_of(asked: ChatRequest) -> Question:
    """The question that a request asks.

    Raises:
        UsageError: its last message is not the user's, or a message holds more than text.
    """
    said = [(message.role, _text_of(message)) for message in asked.messages]
    if said[-1][0] != "user":
        raise UsageError("The last message must be the user's: it is the question.")
    turns = tuple(Turn(role, text) for role, text in said[:-1] if role in ("user", "assistant"))
    return check(Question(said[-1][1], turns, read_filters(asked.filters)))


def _text_of(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    parts = message.content or []
    if any(part.type != "text" for part in parts):
        raise UsageError("A message may hold nothing but text.")
    return "\n".join(part.text for part in parts)
