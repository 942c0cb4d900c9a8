"""The environment beats `.env`, which beats the defaults; wrong values are named, secrets never shown."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from corpus.errors import UsageError
from rag.settings import Settings, load_settings, variable_of

NOT_OURS = {"OPENAI_API_BASE", "HF_HUB_OFFLINE"}
VARIABLES = {name: variable_of(name) for name in Settings.model_fields}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # An empty working directory, and an environment without any setting, as it is afterwards too.
    before = dict(os.environ)
    for variable in (*VARIABLES.values(), "OPENAI_API_BASE"):
        os.environ.pop(variable, None)
    os.environ |= {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_CACHE_HOME": ""}
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def test_the_defaults_need_no_configuration(folder: Path) -> None:
    found = load_settings()
    assert (found.data_dir, found.cache_dir) == (folder / ".local/share/reex", folder / ".cache/reex")
    assert (found.llm, found.embedding_model, found.top_k) == ("", "all-MiniLM-L6-v2", 10)
    assert (found.host, found.port, found.sign_in) == ("127.0.0.1", 7860, False)
    assert (found.log, found.log_content, found.refresh_minutes) == ("warnings", False, 0.0)


def test_folders_follow_the_xdg_variables(folder: Path) -> None:
    os.environ |= {"XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "/cache"}
    found = load_settings()
    assert (found.data_dir, found.cache_dir) == (Path("/data/reex"), Path("/cache/reex"))


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("llm", "openai:gpt-4o-mini", "openai:gpt-4o-mini"),
        ("data_dir", "/somewhere", Path("/somewhere")),
        ("catalogue_url", "sqlite:////x", SecretStr("sqlite:////x")),
        ("state_url", "sqlite:////y", SecretStr("sqlite:////y")),
        ("cache_dir", "/elsewhere", Path("/elsewhere")),
        ("sign_in", "1", True),
        ("public_url", "https://answers.example", "https://answers.example"),
        ("oidc_issuer", "https://id.example", "https://id.example"),
        ("oidc_client_id", "reex", "reex"),
        ("oidc_client_secret", "secret", SecretStr("secret")),
        ("oidc_role", "staff", "staff"),
        ("oidc_claim", "groups", "groups"),
        ("oidc_roles", "editors=staff", "editors=staff"),
        ("api_questions", "5/minute", "5/minute"),
        ("api_searches", "50/minute", "50/minute"),
        ("embedding_model", "other", "other"),
        ("top_k", "7", 7),
        ("evidence_tokens", "500", 500),
        ("answer_tokens", "99", 99),
        ("llm_timeout_s", "1.5", 1.5),
        ("answer_limit_s", "20", 20.0),
        ("parallel_answers", "4", 4),
        ("line_per_user", "2", 2),
        ("line_in_all", "9", 9),
        ("line_wait_s", "60", 60.0),
        ("searches_at_once", "3", 3),
        ("answer_cache", "0", 0),
        ("log", "json", "json"),
        ("log_file", "/var/log/reex.log", Path("/var/log/reex.log")),
        ("log_content", "1", True),
        ("stale_days", "30", 30),
        ("retire_after_days", "0.5", 0.5),
        ("desk_self_approve", "true", True),
        ("refresh_minutes", "60", 60),
        ("nli_model", "some/nli", "some/nli"),
        ("host", "0.0.0.0", "0.0.0.0"),
        ("port", "8000", 8000),
        ("openai_base_url", "http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
        ("ollama_base_url", "http://127.0.0.1:2", "http://127.0.0.1:2"),
        ("openai_api_key", "secret", SecretStr("secret")),
        ("anthropic_api_key", "secret", SecretStr("secret")),
    ],
)
def test_every_setting_has_a_variable_that_sets_it(name: str, given: str, wanted: Any) -> None:
    os.environ[VARIABLES[name]] = given
    assert getattr(load_settings(), name) == wanted


def test_the_variables_are_the_documented_ones() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    first_cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    documented = {name for cell in first_cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert set(VARIABLES.values()) - documented == set()
    assert documented - set(VARIABLES.values()) <= NOT_OURS


def test_overrides_beat_the_environment_which_beats_the_file_which_beats_the_default(folder: Path) -> None:
    (folder / ".env").write_text("RAG_TOP_K=20\n")
    assert load_settings().top_k == 20
    os.environ["RAG_TOP_K"] = "30"
    assert load_settings().top_k == 30
    assert load_settings(top_k=40).top_k == 40
    assert load_settings(top_k=None).top_k == 30


def test_the_file_is_read_with_comments_and_quotes_and_also_sets_what_the_vendors_read(folder: Path) -> None:
    (folder / ".env").write_text(
        "# keys\nexport OPENAI_API_KEY='from file'\n\nREEX_LLM=\"openai:a b\" # why\n"
    )
    found = load_settings()
    assert (found.llm, found.openai_api_key.get_secret_value()) == ("openai:a b", "from file")
    assert os.environ["OPENAI_API_KEY"] == "from file"


def test_an_empty_variable_leaves_the_default_and_unknown_ones_do_no_harm() -> None:
    os.environ |= {"RAG_TOP_K": "", "REEX_LLM": "", "REEX_UNKNOWN": "1"}
    found = load_settings()
    assert (found.top_k, found.llm) == (10, "")


def test_the_older_name_of_the_server_address_is_read_and_the_newer_one_beats_it() -> None:
    os.environ["OPENAI_API_BASE"] = "http://old/v1"
    assert load_settings().openai_base_url == "http://old/v1"
    os.environ["OPENAI_BASE_URL"] = "http://new/v1"
    assert load_settings().openai_base_url == "http://new/v1"


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("top_k", "many"),
        ("top_k", "0"),
        ("top_k", "101"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "http"),
        ("llm_timeout_s", "0"),
        ("answer_limit_s", "0"),
        ("stale_days", "0"),
        ("retire_after_days", "-1"),
        ("refresh_minutes", "-1"),
        ("llm_timeout_s", "soon"),
        ("answer_tokens", "1"),
        ("evidence_tokens", "99"),
    ],
)
@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_wrong_value_is_an_error_that_names_the_variable(
    folder: Path, name: str, bad: str, where: str
) -> None:
    if where == "environment":
        os.environ[VARIABLES[name]] = bad
    else:
        (folder / ".env").write_text(f"{VARIABLES[name]}={bad}\n")
    with pytest.raises(UsageError, match=f"^The setting {VARIABLES[name]} is wrong: .*[^.]\\.$"):
        load_settings()


def test_a_wrong_override_is_an_error_that_names_it() -> None:
    with pytest.raises(UsageError, match=r"^The setting PORT is wrong: .*less than or equal to 65535"):
        load_settings(port=65536)


def test_secrets_are_never_shown() -> None:
    os.environ |= {"OPENAI_API_KEY": "hush-1", "ANTHROPIC_API_KEY": "hush-2"}
    found = load_settings()
    assert found.openai_api_key.get_secret_value() == "hush-1"
    for shown in (repr(found), str(found), repr(found.model_dump()), found.model_dump_json(), f"{found!r}"):
        assert "hush" not in shown


def test_a_wrong_setting_shows_no_secret() -> None:
    os.environ |= {"OPENAI_API_KEY": "hush-1", "RAG_TOP_K": "many"}
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert "hush" not in str(caught.value)
