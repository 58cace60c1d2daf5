"""ComfyUI's page in a real browser. One browser for all tests here, and one page for each canvas: to load one takes
seconds. Playwright keeps asyncio's loop to itself while it is there, so the browser goes after the last of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import CANVASES, OPEN, PREPARE, READY, SETTINGS, SIZES, VERSIONS
from ffclip.ffclip_core.dev import PACK
from ffclip.ffclip_core.dev.comfyui import Server
from playwright.sync_api import Browser, Page, sync_playwright


@pytest.fixture(scope="package")
def browser(browser_program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Root, as in a container, may start Chromium only without its sandbox.
        browser = playwright.chromium.launch(executable_path=browser_program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def canvas() -> str:
    return CANVASES[0]


@pytest.fixture(scope="package")
def server_of(server: Server, request: pytest.FixtureRequest) -> Callable[[str], Server]:
    """The server of a canvas; the newer page's starts when it is needed."""
    return lambda canvas: server if canvas == CANVASES[0] else request.getfixturevalue("newer_server")


@pytest.fixture(scope="package")
def pages() -> dict[tuple[str, bool], Page]:
    """The pages that stay open, by canvas and whether they are elsewhere; of one canvas at a time, as open pages are
    never idle: tests/conftest.py lets a canvas' tests follow one another."""
    return {}


@pytest.fixture
def open_template(
    browser: Browser, pages: dict[tuple[str, bool], Page], server_of: Callable[[str], Server], canvas: str
) -> Callable[..., Page]:
    """The page with one of the pack's workflows, by name; elsewhere: in another browser; anew: loaded again."""

    def load(name: str, size: tuple[int, int]) -> Page:
        server = server_of(canvas)
        chosen = {"Comfy.InstalledVersion": VERSIONS[canvas], "Comfy.VueNodes.Enabled": "2.0" in canvas}
        server.post("/settings", {**SETTINGS, **chosen})
        page = browser.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.set_default_timeout(60_000)
        page.add_init_script(f"({PREPARE})()")
        page.goto(f"{server.address}/?template={name}&source={PACK}")
        page.wait_for_function(READY)
        return page

    def open_it(name: str, size: tuple[int, int] = SIZES[0], elsewhere: bool = False, anew: bool = False) -> Page:
        key = canvas, elsewhere
        for other in list(pages):
            if other[0] != canvas or (anew and other == key):
                pages.pop(other).close()
        if key not in pages:
            pages[key] = load(name, size)
            return pages[key]
        page = pages[key]
        page.keyboard.press("Escape")  # what an earlier test left open
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_function(f"() => window.app.canvas.canvas.clientWidth === {size[0]}")
        page.evaluate(OPEN, [PACK, name])
        page.evaluate("() => { window.complaints = []; }")
        return page

    return open_it


@pytest.fixture
def screenshot(canvas: str) -> Callable[[Page, str], None]:
    """Into the folder that FFCLIP_SCREENSHOTS names, if it does."""
    named = os.environ.get("FFCLIP_SCREENSHOTS")

    def take(page: Page, title: str) -> None:
        if named:
            page.screenshot(path=Path(named) / f"{title}, {canvas}.png")

    return take
