"""The gallery in Chromium, opened from disk: it filters, sorts, copies and shows, for eyes, fingers and keys."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml3zoo import list_losses
from ml3zoo.zoo.gallery.page import PAGE, write_gallery
from ml3zoo.zoo.names import resolve

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
WIDE, PHONE = (1280, 900), (390, 844)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs pip install 'ml3zoo[browser]'")
playwright = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of the bundled zoo."""
    folder = tmp_path_factory.mktemp("of-all") / "gallery"
    write_gallery(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


Opened = Callable[..., playwright.Page]


@pytest.fixture
def opened(browser: playwright.Browser, gallery: Path) -> Iterator[Opened]:
    """Opens the page; at the end of the test nothing may have gone to the console, and nothing to a network."""
    contexts, complaints = [], []

    def open_page(size: tuple[int, int] = WIDE, scheme: str = "light", script: bool = True) -> playwright.Page:
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=script)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith("file:") or complaints.append(asked.url))
        page.goto((gallery / PAGE).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def names(page: playwright.Page) -> list[str]:
    """The losses that are seen, in order."""
    return page.locator(".loss:visible h2").all_inner_texts()


def data(page: playwright.Page, key: str) -> list[float]:
    return [float(loss.get_attribute(f"data-{key}")) for loss in page.locator(".loss:visible").all()]


def test_filters_by_problem_and_by_words(opened):
    page = opened()
    assert sorted(names(page)) == list_losses()
    page.get_by_role("radio", name="classification").check()
    assert sorted(names(page)) == ["classification", "digits-pairs", "label-noise", "long-tail"]
    page.get_by_label("Find").fill("wrong LABELS")
    assert "label-noise" in names(page)
    assert len(names(page)) < 4
    assert page.locator("output").inner_text() == f"{len(names(page))} of {len(list_losses())} losses"
    page.get_by_label("Find").fill("nothing is like that")
    assert names(page) == []
    assert page.locator(".empty").is_visible()


@pytest.mark.parametrize(("key", "order"), [("gain", -1), ("balance", -1), ("cost", 1)])
def test_sorts(opened, key, order):
    page = opened()
    page.get_by_label("Sort by").select_option("name")
    assert names(page) == list_losses()
    page.get_by_label("Sort by").select_option(key)
    found = data(page, key)
    assert found == sorted(found, key=lambda value: order * value)


def test_copies_the_cards_snippet(opened):
    page = opened()
    page.get_by_label("Copy the snippet of long-tail").click()
    page.get_by_text("Copied").wait_for()
    card = (resolve("long-tail") / "README.md").read_text(encoding="utf-8")
    assert page.evaluate("navigator.clipboard.readText()") == re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]


def test_everything_is_done_by_keys_alone(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert set(names(page)) == {name for name in list_losses() if problem(name) == "regression"}
    page.keyboard.press("/")
    page.keyboard.type("adam")
    assert names(page) == ["sine-regression-adam"]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    first = dialog.locator("img").get_attribute("src")
    page.keyboard.press("ArrowRight")
    assert dialog.locator("img").get_attribute("src") != first
    page.keyboard.press("ArrowLeft")
    assert dialog.locator("img").get_attribute("src") == first
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert "picture" in page.evaluate("document.activeElement.className")


def problem(name: str) -> str:
    return json.loads((resolve(name) / "config.json").read_text())["problem_type"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_is_accessible_and_fits(opened, size, scheme):
    page = opened(size, scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.get_by_role("radio", name="classification").check()  # all of them take a minute
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    page.locator("a.picture:visible").first.click()
    assert axe.Axe().run(page, context="dialog").violations_count == 0


def test_shows_all_without_scripts(opened):
    page = opened(script=False)
    assert sorted(names(page)) == list_losses()
    assert not page.locator("form").is_visible()
