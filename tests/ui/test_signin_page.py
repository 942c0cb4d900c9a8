"""Signing in and out in a real browser, and what axe thinks of the form."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import DESKTOP, PASSWORD, PHONE, Make, Product

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def product(make_product: Make) -> Product:
    return make_product(accounts=("reader", "staff"))


@pytest.fixture(scope="module")
def url(product: Product) -> Iterator[str]:
    with product.served() as address:
        yield address


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_sees_what_is_theirs_and_signs_out(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESKTOP)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(f"{url}/library/")
    sign_in(page, "staff", "a wrong password")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    expect(page.get_by_label("Name")).to_have_value("staff")
    sign_in(page, "staff")
    page.locator("#library-table").wait_for()
    assert page.url == f"{url}/library/"
    account = page.locator("#account")
    expect(account.locator(".who")).to_have_text("staff")
    expect(page.locator("#masthead nav a:visible")).to_have_count(4)
    account.locator("summary").click()
    page.keyboard.press("Escape")
    expect(account.get_by_role("button")).to_have_count(0)
    account.locator("summary").click()
    account.get_by_role("button", name="Sign out", exact=True).click()
    sign_in(page, "reader")
    page.locator("#question").wait_for()
    account.locator("summary").click()
    account.get_by_role("button", name="Sign out everywhere").click()
    sign_in(page, "reader")
    page.locator("#question").wait_for()
    expect(page.locator("#masthead nav a:visible")).to_have_attribute("href", "/")
    page.goto(f"{url}/evals/")
    expect(page.get_by_role("heading", name="This is not open to you")).to_be_visible()
    assert broken == []
    page.close()


def test_the_form_speaks_the_language_of_the_browser(browser: Browser, url: str) -> None:
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(url)
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    page.get_by_label("用户名").fill("reader")
    page.get_by_label("密码").fill("a wrong password")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_have_text("用户名或密码错误。")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.locator("#question").wait_for()
    page.goto(f"{url}/evals/")
    expect(page.get_by_role("heading", name="您无权访问此页面")).to_be_visible()
    page.context.close()


def test_a_session_that_ended_leads_back_to_the_form(browser: Browser, url: str, product: Product) -> None:
    page = browser.new_page(viewport=DESKTOP)
    page.goto(url)
    sign_in(page, "reader")
    box = page.locator("#question")
    box.fill("Who leads Baogang?")
    product.accounts.end_sessions("reader")
    box.press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=15_000)
    page.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_is_fit_for_everybody(browser: Browser, url: str, size: dict[str, int], theme: str) -> None:
    context = browser.new_context(viewport=size, color_scheme=theme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url}/login")
    sign_in(page, "reader", "a wrong password")
    found = Axe().run(page).response["violations"]
    assert [issue["id"] for issue in found] == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= size["width"]
    context.close()
