"""Who may use what: every route of the product, found in the application itself, asked for by everybody."""

import json
from collections.abc import Iterator, Sequence

import httpx
import pytest
import schemathesis
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from starlette.routing import BaseRoute, Mount

from tests.ui.conftest import Make, Product
from ui.accounts import ROLES

# The least role for each route, or for all routes below an application that is mounted there. A new route
# belongs into this table: without, the test fails.
LEAST = {
    "/login": "nobody",
    "/login/provider": "nobody",
    "/login/callback": "nobody",
    "/logout": "nobody",  # it does nothing for whom has no session
    "/health": "nobody",
    "/openapi.json": "nobody",
    "/library": "nobody",  # these four only lead to what is mounted there
    "/evals": "nobody",
    "/desk": "nobody",
    "/mcp": "nobody",
    "/v1/chat/completions": "reader",
    "/v1/models": "reader",
    "/v1/models/{model}": "reader",
    "/v1/search": "reader",
    "/v1/feedback": "reader",
    "/a/{token}": "reader",
    "/v1/desk/queries": "staff",
    "/v1/desk/queries/{id}": "staff",
    "/desk/…": "staff",
    "/mcp/…": "reader",
    "/library/…": "staff",
    "/evals/…": "staff",
    "/…": "reader",  # the chat page
}
PEOPLE = ("nobody", "disabled", *ROLES)

Asked = tuple[str, str, str]  # a row of the table, a method and a path


@pytest.fixture(scope="module")
def product(make_product: Make) -> Product:
    made = make_product(accounts=ROLES)
    made.accounts.add("disabled", "admin", "correct horse battery")
    return made


@pytest.fixture(scope="module")
def url(product: Product) -> Iterator[str]:
    with product.served() as address:
        yield address


@pytest.fixture(scope="module")
def keys(product: Product) -> dict[str, dict[str, str]]:
    made = {name: product.key(name) for name in PEOPLE if name != "nobody"}
    product.accounts.set_disabled("disabled", True)
    return {"nobody": {}, **made}


def routes_of(routes: Sequence[BaseRoute], below: str = "", row: str = "") -> Iterator[Asked]:
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, Mount):
            path = below + route.path
            # What is mounted in an application that is mounted belongs to it.
            inner = row or f"{path}/…"
            if route.routes:
                yield from routes_of(route.routes, path, inner)
            else:
                yield inner, "GET", f"{path}/x"
            continue
        path = below + str(context.path)
        for method in sorted(context.methods or {"GET"}):
            yield row or path, method, path


def filled(path: str) -> str:
    for name in ("{path:path}", "{url_path:path}", "{path_or_url:path}"):
        path = path.replace(name, "x")
    while "{" in path:
        begin, _, rest = path.partition("{")
        path = f"{begin}1{rest.partition('}')[2]}"
    return path


def refused(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> int:
    """401 or 403 where the gate refuses; 0 for anything that is said by what is behind it."""
    body = {} if method == "GET" else {"json": {}}
    with client.stream(method, filled(path), headers=headers, **body) as response:  # type: ignore[arg-type]
        if response.status_code not in (401, 403):
            return 0  # some streams never end
        told = response.read()
    try:
        code = json.loads(told)["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return 0
    return response.status_code if code in ("invalid_api_key", "insufficient_role") else 0


def test_every_route_is_open_to_its_least_role_and_to_nobody_below(
    product: Product, url: str, keys: dict[str, dict[str, str]]
) -> None:
    # HEAD goes where GET goes, and its answers have no text by which to tell them apart.
    everything = list(routes_of(product.app.routes))
    own = {(method, path) for row, method, path in everything if row == path}  # these stand before the mounts
    asked = [
        (row, method, path)
        for row, method, path in everything
        if method != "HEAD" and (row == path or (method, path) not in own)
    ]
    assert {path for _, method, path in everything if method == "HEAD"} <= {path for _, _, path in asked}
    assert {row for row, _, _ in asked} == set(LEAST), "a route is not in the table, or a row has no route"
    assert len(asked) > 150  # Gradio's own are among them
    wrong = []
    with httpx.Client(base_url=url, timeout=20) as client:
        for row, method, path in asked:
            for person in PEOPLE:
                got = refused(client, method, path, keys[person])
                if got != expected(LEAST[row], person):
                    wrong.append((method, path, person, got))
    assert wrong == []


def expected(least: str, person: str) -> int:
    if least == "nobody":
        return 0
    if person in ("nobody", "disabled"):
        return 401
    return 0 if ROLES.index(person) >= ROLES.index(least) else 403  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path",
    ["//library/", "/library//", "/./library/", "/x/../library/", "/%6cibrary/", "/library/%2e%2e/library/"],
)
def test_no_other_spelling_of_a_path_opens_a_page(
    url: str, keys: dict[str, dict[str, str]], path: str
) -> None:
    request = httpx.Request("GET", url, extensions={"target": path.encode()}, headers=keys["reader"])
    with httpx.Client() as client:
        told = client.send(request)
    assert "library-table" not in told.text
    assert 'elem_id":"library' not in told.text


def test_nothing_that_fits_the_specification_breaks_the_server(make_product: Make) -> None:
    product = make_product(pages={}, accounts=ROLES, api_questions="9999/hour", api_searches="9999/hour")
    schema = schemathesis.openapi.from_asgi("/openapi.json", product.app)
    headers = product.key("admin")
    seen = set()

    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=25,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def hold(case: schemathesis.Case) -> None:
            response = case.call(headers=headers)
            seen.add((case.operation.path, response.status_code))
            case.validate_response(response, checks=[not_a_server_error])

        hold()
    assert ("/v1/search", 200) in seen
    assert ("/v1/chat/completions", 400) in seen
