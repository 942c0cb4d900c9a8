"""Everything that a person may set, in one place.

Environment variables beat the file ``.env`` in the working directory, which beats the defaults.
Only the entry points load settings; everything else receives values.
"""

import os
from pathlib import Path
from typing import Literal

from dotenv import load_dotenv
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from corpus.errors import UsageError


def _home(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable)  # XDG Base Directory Specification 0.8
    return Path(base) if base else Path.home() / fallback


def default_cache_dir() -> Path:
    """Where models are kept when no setting says so."""
    return _home("XDG_CACHE_HOME", ".cache") / "reex"


def _either(*names: str) -> AliasChoices:
    return AliasChoices(*names, *(name.lower() for name in names))


class Settings(BaseSettings):
    """Effective settings. The alias of each field is the environment variable that sets it."""

    model_config = SettingsConfigDict(populate_by_name=True, env_ignore_empty=True, extra="ignore")

    llm: str = Field(
        default="",
        validation_alias=_either("REEX_LLM"),
        description="`provider:model` for LangChain, a path to a GGUF file, or empty for the local model",
    )
    data_dir: Path = Field(
        default_factory=lambda: _home("XDG_DATA_HOME", ".local/share") / "reex",
        validation_alias=_either("REEX_DATA_DIR"),
        description="where one corpus keeps its catalogue and index",
    )
    catalogue_url: SecretStr = Field(
        default=SecretStr(""),  # it may hold a password
        validation_alias=_either("REEX_CATALOGUE_URL"),
        description="the database of the catalogue, in SQLAlchemy's form; empty for a file in data_dir",
    )
    chroma_url: str = Field(
        default="",
        validation_alias=_either("CHROMA_URL"),
        description="a Chroma server that holds vectors and passages; empty for the embedded one in data_dir",
    )
    chroma_token: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_either("CHROMA_TOKEN"),
        description="what the Chroma server, or the proxy before it, wants as a bearer token",
    )
    state_url: SecretStr = Field(
        default=SecretStr(""),  # it may hold a password
        validation_alias=_either("REEX_STATE_URL"),
        description="the database of accounts, conversations and the desk; empty for a file in data_dir",
    )
    cache_dir: Path = Field(
        default_factory=default_cache_dir,
        validation_alias=_either("REEX_CACHE_DIR"),
        description="where models are kept, assembled and converted, shared by all corpora",
    )
    embedding_model: str = Field(
        default="all-MiniLM-L6-v2",
        validation_alias=_either("REEX_EMBEDDING_MODEL"),
        description="the packaged model, or a name or folder that sentence-transformers can load",
    )
    top_k: int = Field(
        default=10,
        ge=1,
        le=100,
        validation_alias=_either("RAG_TOP_K"),
        description="how many passages are retrieved, for each side of a comparison",
    )
    evidence_tokens: int = Field(
        default=300,
        ge=100,
        le=20_000,
        validation_alias=_either("REEX_EVIDENCE_TOKENS"),
        description="token budget for the passages in the prompt",
    )
    answer_tokens: int = Field(
        default=220,
        ge=20,
        le=8_000,
        validation_alias=_either("REEX_ANSWER_TOKENS"),
        description="the longest answer that the model may write, in tokens",
    )
    llm_timeout_s: float = Field(
        default=120.0,
        gt=0,
        validation_alias=_either("REEX_LLM_TIMEOUT_S"),
        description="seconds without a word from the model after which it counts as unreachable",
    )
    answer_limit_s: float = Field(
        default=90.0,
        gt=0,
        validation_alias=_either("REEX_ANSWER_LIMIT_S"),
        description="seconds after which the model is stopped and passages are quoted for the rest",
    )
    parallel_answers: int = Field(
        default=0,
        ge=0,
        le=1_000,
        validation_alias=_either("REEX_PARALLEL_ANSWERS"),
        description="how many questions the model answers at once; 0 for 1 on this machine and 8 elsewhere",
    )
    line_per_user: int = Field(
        default=5,
        ge=1,
        validation_alias=_either("REEX_LINE_PER_USER"),
        description="how many questions of one person may wait for the model",
    )
    line_in_all: int = Field(
        default=0,
        ge=0,
        validation_alias=_either("REEX_LINE_IN_ALL"),
        description="how many questions may wait for the model together; 0 for 20 for each answered at once",
    )
    line_wait_s: float = Field(
        default=480.0,
        gt=0,
        validation_alias=_either("REEX_LINE_WAIT_S"),
        description="a question that would probably wait longer for the model, in seconds, is refused",
    )
    searches_at_once: int = Field(
        default=32,
        ge=1,
        validation_alias=_either("REEX_SEARCHES_AT_ONCE"),
        description="how many searches of programs are under way at once; one more is refused",
    )
    answer_cache: int = Field(
        default=200,
        ge=0,
        validation_alias=_either("REEX_ANSWER_CACHE"),
        description="how many answers are kept in memory for who asks the same again; 0 for none",
    )
    log: Literal["off", "warnings", "text", "json"] = Field(
        default="warnings",
        validation_alias=_either("REEX_LOG"),
        description="what is logged: `off`, `warnings`, or every request and answer as `text` or `json`",
    )
    log_file: Path | None = Field(
        default=None,
        validation_alias=_either("REEX_LOG_FILE"),
        description="where the log goes; to standard error without it",
    )
    log_content: bool = Field(
        default=False,
        validation_alias=_either("REEX_LOG_CONTENT"),
        description="also log what is asked and answered",
    )
    nli_model: str = Field(
        default="",
        validation_alias=_either("REEX_NLI_MODEL"),
        description="an NLI cross-encoder for a second opinion on each sentence; off by default",
    )
    stale_days: int = Field(
        default=365,
        ge=1,
        validation_alias=_either("REEX_STALE_DAYS"),
        description="an answer whose newest cited article is older than this many days says so",
    )
    retire_after_days: float = Field(
        default=7,
        ge=0,
        validation_alias=_either("REEX_RETIRE_AFTER_DAYS"),
        description="days that an article stays which is gone from its site; from a folder it leaves at once",
    )
    contact: str = Field(
        default="",
        validation_alias=_either("REEX_CONTACT"),
        description="a web or mail address that sites are told when their articles are read",
    )
    private_hosts: str = Field(
        default="",
        validation_alias=_either("REEX_PRIVATE_HOSTS"),
        description="hosts with private addresses that may be read all the same, separated by commas",
    )
    desk_self_approve: bool | None = Field(
        default=None,
        validation_alias=_either("REEX_DESK_SELF_APPROVE"),
        description="whether staff may approve a draft of their own; if not set, only where nobody signs in",
    )
    refresh_minutes: float = Field(
        default=0,
        ge=0,
        validation_alias=_either("REEX_REFRESH_MINUTES"),
        description="minutes between two updates of the corpus while the page is served; 0 for none",
    )
    host: str = Field(
        default="127.0.0.1",
        validation_alias=_either("GRADIO_SERVER_NAME"),
        description="address that the chat page listens on",
    )
    port: int = Field(
        default=7860,
        ge=1,
        le=65_535,
        validation_alias=_either("GRADIO_SERVER_PORT"),
        description="port of the chat page; the next free one when it is taken",
    )
    sign_in: bool = Field(
        default=False,
        validation_alias=_either("REEX_SIGN_IN"),
        description="whether people must sign in; needed wherever others than this computer reach the page",
    )
    session_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_either("REEX_SESSION_SECRET"),
        description="what signs the cookies of sessions, one for all replicas; empty for a file in data_dir",
    )
    public_url: str = Field(
        default="",
        validation_alias=_either("REEX_PUBLIC_URL"),
        description="the address that people type, when a proxy stands in front",
    )
    oidc_issuer: str = Field(
        default="",
        validation_alias=_either("REEX_OIDC_ISSUER"),
        description="an OpenID Connect provider that people may sign in with",
    )
    oidc_client_id: str = Field(
        default="",
        validation_alias=_either("REEX_OIDC_CLIENT_ID"),
        description="what the OpenID provider calls us",
    )
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_either("REEX_OIDC_CLIENT_SECRET"),
        description="the secret shared with the OpenID provider",
    )
    oidc_role: Literal["reader", "staff", "admin"] = Field(
        default="reader",
        validation_alias=_either("REEX_OIDC_ROLE"),
        description="the role of people whom the OpenID provider sends, unless a claim says more",
    )
    oidc_claim: str = Field(
        default="",
        validation_alias=_either("REEX_OIDC_CLAIM"),
        description="the claim that decides on roles, such as groups",
    )
    oidc_roles: str = Field(
        default="",
        validation_alias=_either("REEX_OIDC_ROLES"),
        description="which value of the claim gives which role, such as `editors=staff, it=admin`",
    )
    api_questions: str = Field(
        default="30/minute; 1000/day",
        validation_alias=_either("REEX_API_QUESTIONS"),
        description="how many questions each user may ask through the API",
    )
    api_searches: str = Field(
        default="600/minute",
        validation_alias=_either("REEX_API_SEARCHES"),
        description="how many searches each user may make through the API",
    )
    openai_base_url: str = Field(
        default="",
        validation_alias=_either("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        description="any OpenAI-compatible server; used by itself when REEX_LLM is not set",
    )
    ollama_base_url: str = Field(
        default="",
        validation_alias=_either("OLLAMA_BASE_URL"),
        description="address of an Ollama server",
    )
    openai_api_key: SecretStr = Field(
        default=SecretStr(""), validation_alias=_either("OPENAI_API_KEY"), description="key for OpenAI"
    )
    anthropic_api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=_either("ANTHROPIC_API_KEY"),
        description="key for Anthropic",
    )

    @property
    def hosts_allowed(self) -> list[str]:
        """The hosts in ``private_hosts``, one by one."""
        return [host.strip() for host in self.private_hosts.split(",") if host.strip()]


def load_settings(**overrides: object) -> Settings:
    """Read the environment and ``.env``; ``overrides`` that are not None win over both.

    Raises:
        UsageError: a value does not fit its setting.
    """
    load_dotenv(Path.cwd() / ".env")  # into the environment, where the vendors' clients look too
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        raise UsageError(f"The setting {name} is wrong: {first['msg']}.") from error


def variable_of(field: str) -> str:
    """The environment variable that sets a field."""
    alias = Settings.model_fields[field].validation_alias
    assert isinstance(alias, AliasChoices)
    return str(alias.choices[0])
