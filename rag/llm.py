"""Any language model by one setting, through LangChain, with vendors' errors in plain words."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from pydantic import SecretStr

from corpus.errors import ReexError, StoppedError
from rag import local_llm, model_file
from rag.errors import LLMError
from rag.settings import Settings
from rag.stopping import Gone, items, never, result

Progress = model_file.Progress

# Bring the probabilities 0.03 and 0.5 of the adapter to `MIN_CONFIDENCE` and to what quotations alone need.
# Chosen on two former report suites that the adapters were not trained on: with 0.058 of the answerable
# questions 0.953 of the unanswerable ones are refused.
_ADAPTED_SLOPE, _ADAPTED_SHIFT = 0.24, 1.15
_LEAST = 1e-6

_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}


@dataclass(frozen=True)
class LLM:
    """A chat model and the name that answers carry.

    With ``adapted`` its server has adapters that were trained to tell whether passages hold an answer, and
    to write it (`rag.local_llm`), and is asked for that with them.
    """

    name: str
    chat: BaseChatModel
    provider: str = "openai"
    adapted: bool = False

    def stream(
        self, messages: list[BaseMessage], max_tokens: int, gone: Gone = never, *, as_taught: bool = False
    ) -> Iterator[str]:
        """The reply, piece by piece; closing the iterator stops the model.

        Args:
            messages: the prompt.
            max_tokens: the longest reply.
            gone: stops it too, also while it still reads the prompt.
            as_taught: whether it answers a question from passages, as its adapter learned to.

        Raises:
            LLMError: the model cannot be reached or refuses.
            StoppedError: ``gone`` said so.
        """
        how = self._limit(max_tokens)
        if as_taught and self.adapted:
            how["extra_body"] = local_llm.adapted("answer")
        try:
            for piece in items(self.chat.astream(messages, **how), gone):
                if piece.text:
                    yield piece.text
        except ReexError:
            raise
        # Every vendor has exceptions of its own, and the vendors are an open set.
        except Exception as error:
            raise LLMError(_in_plain_words(self.name, error)) from error

    def says_yes(self, probe: list[BaseMessage], gone: Gone = never) -> float | None:
        """How probable the model finds it that it can answer; None for one that does not tell.

        Read off the first token of the reply, so it costs no more than reading the question.

        Args:
            probe: messages that ask whether the answer can be given, to be answered with yes or no.
            gone: stops it.

        Raises:
            LLMError: the model cannot be reached or refuses.
            StoppedError: ``gone`` said so.
        """
        if self.provider != "local":
            return None
        how = {"extra_body": local_llm.adapted("probe")} if self.adapted else {}
        first = self._next_token(probe, gone, max_tokens=1, logprobs=True, top_logprobs=10, **how)
        likely = first["logprobs"]["content"][0]["top_logprobs"]
        weights = {"yes": 0.0, "no": 0.0}
        for option in likely:
            word = option["token"].strip().lower()
            if word in weights:
                weights[word] += math.exp(option["logprob"])
        total = sum(weights.values())
        if not total:
            return None
        return _on_the_scale_of_words(weights) if self.adapted else weights["yes"] / total

    def _next_token(self, messages: list[BaseMessage], gone: Gone, **how: Any) -> dict[str, Any]:
        try:
            return result(lambda: self.chat.ainvoke(messages, **how), gone).response_metadata
        except StoppedError:
            raise
        except Exception as error:  # see above
            raise LLMError(_in_plain_words(self.name, error)) from error

    def _limit(self, max_tokens: int) -> dict[str, Any]:
        if self.provider == "ollama":
            return {"options": {"num_predict": max_tokens, "temperature": 0}}
        return {"max_tokens": max_tokens}

    def complete(self, messages: list[BaseMessage], max_tokens: int, gone: Gone = never) -> str:
        """The whole reply."""
        return "".join(self.stream(messages, max_tokens, gone)).strip()


def _on_the_scale_of_words(weights: dict[str, float]) -> float:
    """The "yes" of a model that was trained to be sure, as sure as one that was not would say it.

    So the thresholds of `rag.abstain` hold for both.
    """
    odds = math.log((weights["yes"] + _LEAST) / (weights["no"] + _LEAST))
    return 1 / (1 + math.exp(-(_ADAPTED_SLOPE * odds + _ADAPTED_SHIFT)))


def open_llm(settings: Settings, progress: Progress = lambda done, total: None) -> LLM:
    """The model that the settings name.

    In this order: ``REEX_LLM`` as a path to a GGUF file or as ``provider:model``; without it the
    first model of the server at ``OPENAI_BASE_URL``; without that the packaged local model.

    Raises:
        LLMError: there is no such model, its key is missing, or its server is not there.
        ModelFileError, StorageError: the local model cannot be assembled.
    """
    if uses_packaged_model(settings):
        return _local(model_file.assemble(settings.cache_dir, progress), settings, local_llm.ADAPTERS)
    if settings.llm.lower().endswith(".gguf"):
        path = Path(settings.llm).expanduser()
        if not path.is_file():
            raise LLMError(f"There is no model file {path}: check REEX_LLM.")
        return _local(path.resolve(), settings)
    return _remote(settings.llm or f"openai:{_first_model(settings)}", settings)


def uses_packaged_model(settings: Settings) -> bool:
    """Whether the settings name the local model that comes in packages."""
    return settings.llm == "local" or not (settings.llm or settings.openai_base_url)


def runs_here(settings: Settings) -> bool:
    """Whether the model runs in this process, on the processor that everything else needs too."""
    return uses_packaged_model(settings) or settings.llm.lower().endswith(".gguf")


def name_of(settings: Settings) -> str:
    """The model's name for people, without opening it."""
    if uses_packaged_model(settings):
        return f"local:{model_file.NAME}"
    return settings.llm or f"the first model of {settings.openai_base_url}"


def _local(path: Path, settings: Settings, adapters: Sequence[Path] = ()) -> LLM:
    chat = local_chat(local_llm.serve(path, adapters), path.stem, settings)
    return LLM(f"local:{path.stem}", chat, "local", adapted=bool(adapters))


def local_chat(url: str, model: str, settings: Settings) -> BaseChatModel:
    """A model of a server on this computer, which closes a connection that nobody has used for five seconds.

    Each request takes a connection of its own, a fraction of a millisecond here: one that is kept may be
    closed at the moment when the next request is sent on it, which then fails.
    """
    from langchain_openai import ChatOpenAI

    how: dict[str, Any] = {"limits": httpx.Limits(max_keepalive_connections=0), "trust_env": False}
    return ChatOpenAI(
        base_url=url,
        api_key=SecretStr("local"),
        model=model,
        temperature=0,
        stream_usage=True,  # so that evals can count tokens
        timeout=settings.llm_timeout_s,
        max_retries=0,
        http_client=httpx.Client(**how),
        http_async_client=httpx.AsyncClient(**how),
    )


def _remote(name: str, settings: Settings) -> LLM:
    from langchain.chat_models import init_chat_model

    provider, colon, model = name.partition(":")
    if not colon or not model:
        raise LLMError(
            f"REEX_LLM={name!r} names no provider: write it as provider:model, such as openai:gpt-4o-mini "
            "or ollama:qwen2.5, or as the path of a .gguf file."
        )
    # No temperature for hosted models: several refuse any but their own.
    options: dict[str, Any] = {"timeout": settings.llm_timeout_s, "max_retries": 1}
    if provider == "openai":
        key = settings.openai_api_key.get_secret_value()
        if settings.openai_base_url:
            options["base_url"] = settings.openai_base_url
            options["api_key"] = key or "none"  # local servers ask for none, the client insists on one
        elif key:
            options["api_key"] = key
        else:
            raise LLMError(_missing_key(name, provider))
    elif provider == "anthropic":
        options["api_key"] = settings.anthropic_api_key.get_secret_value()
        if not options["api_key"]:
            raise LLMError(_missing_key(name, provider))
    elif provider == "ollama":
        options = {"client_kwargs": {"timeout": settings.llm_timeout_s}}
        if settings.ollama_base_url:
            options["base_url"] = settings.ollama_base_url
    try:
        return LLM(name, init_chat_model(model, model_provider=provider, **options), provider)
    except ImportError as error:
        raise LLMError(f"The provider {provider!r} needs a package: {error}.") from error
    except Exception as error:  # an open set of vendors, see above
        raise LLMError(_in_plain_words(name, error)) from error


def _missing_key(name: str, provider: str) -> str:
    return f"The model {name} needs a key: set {_KEYS[provider]} in the environment or in .env."


def _first_model(settings: Settings) -> str:
    url = settings.openai_base_url.rstrip("/") + "/models"
    key = settings.openai_api_key.get_secret_value() or "none"
    try:
        reply = httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=10)
        reply.raise_for_status()
        return str(reply.json()["data"][0]["id"])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LLMError(_in_plain_words(url, error)) from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise LLMError(f"{url} lists no model: set REEX_LLM=openai:NAME.") from error


def _in_plain_words(name: str, error: Exception) -> str:
    status = getattr(error, "status_code", None) or getattr(
        getattr(error, "response", None), "status_code", None
    )
    kind = type(error).__name__
    detail = " ".join(str(error).split())[:200]
    if status in (401, 403):
        return f"The model {name} refused the key ({detail}): check the key in the environment or in .env."
    if status == 404:
        return f"There is no model {name} ({detail}): check the name in REEX_LLM."
    if status == 429:
        return f"The model {name} is over its limit ({detail}): wait, or use another model."
    if "timeout" in kind.lower():
        return f"The model {name} did not answer in time: check its server or raise REEX_LLM_TIMEOUT_S."
    if status is None and ("connect" in kind.lower() or isinstance(error, OSError | httpx.TransportError)):
        return f"The model {name} cannot be reached ({detail}): check its address and that it is running."
    return f"The model {name} failed ({kind}: {detail})."
