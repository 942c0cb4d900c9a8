"""Signing in and out, as browsers do it and as those who attack them would like it."""

import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from corpus.errors import UsageError
from rag.settings import Settings
from tests.ui.conftest import PASSWORD, Make, Product
from tests.ui.provider import CLIENT, SECRET, Provider, running
from ui.accounts import Accounts
from ui.server import serve
from ui.signin import local_path

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def product(make_product: Make) -> Product:
    return make_product(accounts=("reader", "staff", "admin"))


def sign_in(
    client: TestClient, name: str = "reader", password: str = PASSWORD, **more: str
) -> httpx.Response:
    return client.post("/login", data={"name": name, "password": password, **more})


def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(product: Product) -> None:
    client = product.client()
    sent = client.get("/library/?__theme=dark", headers=HTML)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/library/%3F__theme%3Ddark")
    form = client.get(sent.headers["location"])
    assert 'name="next" value="/library/?__theme=dark"' in form.text
    done = sign_in(client, "staff", next="/library/?__theme=dark")
    assert (done.status_code, done.headers["location"]) == (303, "/library/?__theme=dark")
    assert client.get("/library/").status_code == 200
    assert client.get("/login?next=/evals/").headers["location"] == "/evals/"


def test_programs_are_told_instead_of_led(product: Product) -> None:
    told = product.client().get("/gradio_api/info")
    assert (told.status_code, told.json()["error"]["type"]) == (401, "authentication_error")
    assert told.headers["www-authenticate"] == "Bearer"
    assert product.client().get("/gradio_api/info", headers=product.key("reader")).status_code == 200
    wrong = {"Authorization": "Bearer reex_00000000_nothing"}
    assert product.client("reader").get("/gradio_api/info", headers=wrong).status_code == 401


def test_who_may_not_is_told_why(product: Product) -> None:
    told = product.client("reader").get("/library/", headers=HTML)
    assert told.status_code == 403
    assert "This is for staff accounts, and reader has a reader account" in told.text
    assert 'action="/logout"' in told.text


def test_a_wrong_password_and_an_unknown_name_read_the_same(product: Product) -> None:
    known = sign_in(product.client(), "reader", "wrong")
    unknown = sign_in(product.client(), "nobody", "wrong")
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("reader", "nobody") == unknown.text
    assert "The name or the password is wrong." in known.text


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_out_of_reach(product: Product, scheme: str) -> None:
    client = TestClient(product.app, f"{scheme}://127.0.0.1", follow_redirects=False)
    cookie = sign_in(client).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert ("secure" in cookie) == cookie.startswith("__host-") == (scheme == "https")


def test_a_proxy_may_say_that_https_is_spoken(make_product: Make) -> None:
    product = make_product(pages={}, accounts=("reader",))
    with product.served() as url:
        given = {"name": "reader", "password": PASSWORD}
        done = httpx.post(f"{url}/login", data=given, headers={"X-Forwarded-Proto": "https"})
    assert done.headers["set-cookie"].startswith("__Host-")


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/login?next=/login",
        "/logout",
        "/" + "a" * 3000,
    ],
)
def test_signing_in_leads_nowhere_else(product: Product, wanted: str) -> None:
    assert local_path(wanted) == "/"
    assert sign_in(product.client(), next=wanted).headers["location"] == "/"


def test_signing_out_ends_the_session_even_for_who_copied_it(product: Product) -> None:
    client = product.client("reader")
    copied = dict(client.cookies)
    assert client.get("/").status_code == 200
    assert client.post("/logout").headers["location"] == "/login"
    assert client.get("/").status_code == 401
    thief = product.client()
    thief.cookies.update(copied)
    assert thief.get("/").status_code == 401
    assert product.client("reader").get("/").status_code == 200


def test_signing_out_ends_this_session_and_everywhere_all_of_them(product: Product) -> None:
    here, there, other = product.client("reader"), product.client("reader"), product.client("staff")
    here.post("/logout")
    assert [client.get("/").status_code for client in (here, there, other)] == [401, 200, 200]
    here = product.client("reader")
    here.post("/logout", data={"everywhere": "1"})
    assert [client.get("/").status_code for client in (here, there, other)] == [401, 401, 200]


def test_what_an_administrator_does_ends_a_session_at_once(product: Product) -> None:
    product.accounts.add("leaving", "staff", PASSWORD)
    client = product.client("leaving")
    assert client.get("/library/").status_code == 200
    product.accounts.set_role("leaving", "reader")
    assert client.get("/").status_code == 401
    client = product.client("leaving")
    product.accounts.set_disabled("leaving", True)
    assert client.get("/").status_code == 401
    assert sign_in(product.client(), "leaving").status_code == 401


def test_a_cookie_that_was_changed_opens_nothing(product: Product) -> None:
    client = product.client("reader")
    value = client.cookies["reex_session"]
    for changed in (value[:-2] + "xx", "x" + value, value.split(".")[0], ""):
        thief = product.client()
        thief.cookies.set("reex_session", changed)
        assert thief.get("/").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_cannot_act_for_somebody(product: Product, headers: dict[str, str]) -> None:
    client = product.client("reader")
    assert client.post("/logout", headers=headers).status_code == 403
    assert client.post("/gradio_api/queue/join", json={}, headers=headers).status_code == 403
    strange = product.client()
    given = {"name": "reader", "password": PASSWORD}
    assert strange.post("/login", data=given, headers=headers).status_code == 403
    assert client.get("/").status_code == 200
    assert client.post("/logout", headers={"Origin": "http://127.0.0.1"}).status_code == 303


def test_guessing_is_slowed_down_for_a_name_and_for_an_address(
    make_product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product(pages={}, accounts=("reader",))
    monkeypatch.setattr(Accounts, "check", lambda *_: None)  # sixty hashes take long

    def guess(name: str, address: str) -> httpx.Response:
        client = TestClient(product.app, "http://127.0.0.1", client=(address, 1), follow_redirects=False)
        return sign_in(client, name, "wrong")

    assert {guess("reader", f"10.0.0.{i}").status_code for i in range(10)} == {401}
    slowed = guess("READER", "10.0.1.1")
    assert slowed.status_code == 429
    assert 0 < int(slowed.headers["retry-after"]) <= 900
    assert "There were too many attempts." in slowed.text
    assert "Try again in" in slowed.text
    addresses = {guess(f"name{i}", f"2001:db8::{i:x}").status_code for i in range(50)}
    assert addresses == {401}
    assert guess("another", "2001:db8::ffff").status_code == 429


def test_who_signs_in_is_not_counted_as_guessing(make_product: Make) -> None:
    product = make_product(pages={}, accounts=("reader",))
    for _ in range(11):
        product.client("reader")


def test_a_form_that_is_none_is_refused(product: Product) -> None:
    client = product.client()
    assert client.post("/login", content=b"x" * 20_000).status_code == 413
    assert client.post("/login", content=b"&".join([b"a=b"] * 20)).status_code == 401
    assert client.post("/login", content=b"name=\xff\xfe%00&password=%ED%A0%80").status_code == 401


def test_what_was_typed_is_escaped(product: Product) -> None:
    told = sign_in(product.client(), "<script>alert(1)</script>", next='/"><script>')
    assert "<script>" not in told.text


def test_pages_say_what_browsers_may_do(product: Product) -> None:
    form = product.client().get("/login").headers
    page = product.client("reader").get("/").headers
    assert "default-src 'none'" in form["content-security-policy"]
    assert "'unsafe" not in form["content-security-policy"]
    assert "frame-ancestors 'self'" in page["content-security-policy"]
    assert "object-src 'none'" in page["content-security-policy"]
    for headers in (form, page):
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"


def test_the_secret_is_made_once_and_nobody_elses(make_product: Make, tmp_path: Path) -> None:
    first = make_product(tmp_path, pages={}, accounts=("reader",))
    client = first.client("reader")
    [secret] = [path for path in tmp_path.iterdir() if "secret" in path.name]
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    again = make_product(tmp_path, pages={}).client()
    again.cookies.update(dict(client.cookies))
    assert again.get("/v1/models").status_code == 200


def test_without_sign_in_everything_is_open_here_and_nowhere_else(make_product: Make) -> None:
    product = make_product(sign_in=False, public_url="https://answers.example/x")
    for host, status in {
        "127.0.0.1:7860": 200,
        "localhost": 200,
        "[::1]:7860": 200,
        "answers.example": 200,
        "rebound.example": 403,
        "192.168.1.7": 403,
    }.items():
        for path in ("/", "/library/", "/evals/"):
            assert product.client().get(path, headers={"Host": host}).status_code == status, host
    client = product.client()
    assert client.get("/login").headers["location"] == "/"
    evil = {"Origin": "https://evil.example"}
    assert client.post("/gradio_api/queue/join", json={}, headers=evil).status_code == 403


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "0.0.0.0"}, "set REEX_SIGN_IN=1"),
        ({"host": "0.0.0.0", "sign_in": True}, "there is no administrator"),
        ({"sign_in": True}, "there is no administrator"),
    ],
)
def test_it_is_not_served_to_others_unless_they_sign_in(
    product: Product, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        serve(product.service.chain, Settings(data_dir=tmp_path, **settings), print)  # type: ignore[arg-type]


# OpenID Connect


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running() as started:
        yield started


def with_provider(make_product: Make, provider: Provider, **more: object) -> Product:
    given = {"oidc_issuer": provider.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    return make_product(pages={}, **given, **more)


def go_there_and_back(client: TestClient, next: str = "/library/") -> httpx.Response:
    out = client.get("/login/provider", params={"next": next})
    assert out.status_code == 302, out.text
    back = httpx.get(out.headers["location"]).headers["location"]
    return client.get(f"{urlsplit(back).path}?{urlsplit(back).query}")


def test_a_provider_vouches_for_people(make_product: Make, provider: Provider) -> None:
    product = with_provider(make_product, provider)
    client = product.client()
    assert "Continue with 127.0.0.1" in client.get("/login").text
    done = go_there_and_back(client, "/?a=b")
    assert (done.status_code, done.headers["location"]) == (303, "/?a=b")
    assert client.get("/v1/models").status_code == 200
    assert [(a.name, a.role, a.outside) for a in product.accounts.list()] == [("anna", "reader", True)]
    go_there_and_back(product.client())
    assert len(product.accounts.list()) == 1


def test_a_claim_gives_and_takes_the_role(make_product: Make, provider: Provider) -> None:
    product = with_provider(
        make_product, provider, oidc_claim="groups", oidc_roles="editors=staff, it = admin"
    )
    for groups, role in ((["editors", "it"], "admin"), ("editors", "staff"), (["x", 1], "reader")):
        provider.claims["groups"] = groups
        go_there_and_back(product.client())
        assert [account.role for account in product.accounts.list()] == [role]


@pytest.mark.parametrize(
    "claims", [{"aud": "other"}, {"iss": "https://evil.example"}, {"exp": 1}, {"nonce": "x"}]
)
def test_a_token_that_is_not_for_us_opens_nothing(
    make_product: Make, provider: Provider, claims: dict[str, object]
) -> None:
    product = with_provider(make_product, provider)
    provider.claims |= claims
    client = product.client()
    assert go_there_and_back(client).status_code == 400
    assert client.get("/v1/models").status_code == 401
    assert product.accounts.list() == []


def test_a_forged_token_or_a_strange_state_opens_nothing(make_product: Make, provider: Provider) -> None:
    product = with_provider(make_product, provider)
    provider.forged = True
    assert go_there_and_back(product.client()).status_code == 400
    provider.forged = False
    client = product.client()
    assert client.get("/login/callback?code=x&state=y").status_code == 400
    assert "denied" in client.get("/login/callback?error=access_denied&error_description=denied").text
    assert client.get("/login/callback").status_code == 400
    assert product.accounts.list() == []


def test_a_disabled_account_is_not_let_in_by_its_provider(make_product: Make, provider: Provider) -> None:
    product = with_provider(make_product, provider)
    go_there_and_back(product.client())
    product.accounts.set_disabled("anna", True)
    assert go_there_and_back(product.client()).status_code == 403


def test_a_provider_that_is_away_is_told(make_product: Make) -> None:
    product = make_product(pages={}, oidc_issuer="http://127.0.0.1:9", oidc_client_id=CLIENT)
    told = product.client().get("/login/provider")
    assert told.status_code == 502
    assert "cannot be reached" in told.text


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"oidc_issuer": "https://x.example"}, "REEX_OIDC_CLIENT_ID"),
        ({"oidc_roles": "a=staff"}, "REEX_OIDC_CLAIM"),
        ({"oidc_roles": "a=king", "oidc_claim": "groups"}, "no role king"),
    ],
)
def test_half_of_the_settings_is_refused(make_product: Make, settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_product(pages={}, **settings)
