"""The page as a user sees it: each shipped workflow opened by its template address and run with the Run button.

Screenshots go to the folder that FFCLIP_SCREENSHOTS names, otherwise to pytest's temporary folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ffclip import run
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = sorted(path.stem for path in run.WORKFLOWS.glob("*.json"))
READY = "!!(window.app?.vueAppReady && window.app.graph && window.LiteGraph?.registered_node_types?.SaveImage)"
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.InstalledVersion": "1.32.9",
    "Comfy.Workflow.Persist": False,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.Minimap.Visible": False,
    # The page checks the workflow file against its schema, and complains in a toast.
    "Comfy.Validation.Workflows": True,
    "Comfy.Locale": "en",
}
# Some of the page's complaints vanish after three seconds.
COLLECT = """() => {
    window.complaints = [];
    new MutationObserver(() => {
        for (const toast of document.querySelectorAll('.p-toast-message-error, .p-toast-message-warn'))
            if (!window.complaints.includes(toast.innerText)) window.complaints.push(toast.innerText);
    }).observe(document, {childList: true, subtree: true});
}"""
LISTEN = """() => {
    window.finished = null;
    for (const kind of ['execution_success', 'execution_error', 'execution_interrupted'])
        window.app.api.addEventListener(kind, event =>
            window.finished ??= {kind, message: event.detail?.exception_message ?? ''});
}"""


@pytest.fixture(scope="module")
def browser(browser_program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Root, as in a container, may start Chromium only without its sandbox.
        browser = playwright.chromium.launch(executable_path=browser_program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("FFCLIP_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def open_template(server: run.Server, browser: Browser) -> Iterator[Callable[[str], Page]]:
    """The page with one of the pack's workflows, by name."""
    server.post("/settings", SETTINGS)
    page = browser.new_page(viewport={"width": 1600, "height": 900})
    page.set_default_timeout(120_000)

    def open_it(name: str) -> Page:
        page.add_init_script("localStorage.setItem('vueNodesBannerDismissed', 'true')")
        page.add_init_script(f"({COLLECT})()")
        page.goto(f"{server.address}/?template={name}&source={run.PACK}")
        page.wait_for_function(READY)
        # Its nodes, and not those of the page's own first workflow.
        page.wait_for_function("() => window.app.graph.nodes.some(node => node.type === 'FFCLIPLoadModels')")
        return page

    yield open_it
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_opens_from_its_template_and_runs_with_the_run_button(
    workflow: Callable, open_template: Callable[[str], Page], screenshots: Path, name: str
) -> None:
    page = open_template(name)
    missing = "() => window.app.graph.nodes.filter(node => !window.LiteGraph.registered_node_types[node.type])"
    assert page.evaluate(f"({missing})().map(node => node.type)") == []

    # What the page makes of a saved workflow is what run.py makes of it.
    queued = json.loads(page.evaluate("async () => JSON.stringify((await window.app.graphToPrompt()).output)"))
    assert {key: {"class_type": node["class_type"], "inputs": node["inputs"]} for key, node in queued.items()} == (
        workflow(name)
    )

    page.evaluate(LISTEN)
    page.get_by_test_id("queue-button").get_by_role("button", name="Run").first.click()
    page.wait_for_function("() => window.finished !== null", timeout=180_000)
    assert page.evaluate("() => window.finished") == {"kind": "execution_success", "message": ""}

    page.evaluate("() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    page.wait_for_timeout(2000)
    page.screenshot(path=screenshots / f"{name}.png")
    assert page.evaluate("() => window.complaints") == []


def test_the_drop_down_lists_tell_what_each_file_is(open_template: Callable[[str], Page], screenshots: Path) -> None:
    page = open_template(NAMES[0])
    page.evaluate("() => window.app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    page.wait_for_timeout(1000)
    x, y = page.evaluate("""() => {
        const node = window.app.graph.nodes.find(node => node.type === 'FFCLIPLoadModels');
        const widget = node.widgets.find(widget => widget.name === 'encoder');
        const middle = [node.pos[0] + node.size[0] / 2, node.pos[1] + widget.last_y + 10];
        return [...window.app.canvasPosToClientPos(middle)];
    }""")
    page.mouse.click(x, y)
    entries = page.locator(".litecontextmenu .litemenu-entry")
    entries.first.wait_for()
    page.screenshot(path=screenshots / "file descriptions.png")
    shown = entries.all_inner_texts()
    assert "avatars (embedded): encoder of 64×64 px, 10 layers (avatars)" in shown
    assert "other-family.safetensors: encoder of 64×64 px, 12 layers (others)" in shown
    assert any(text.startswith("page.safetensors is a web page") for text in shown)
    assert any(text.startswith("markup-encoder.safetensors: encoder") and "img src=" in text for text in shown)
    assert page.evaluate("() => window.ran") is None
    # What is chosen, queued and saved is the file's name alone.
    entries.filter(has_text="other-family").click()
    assert (
        page.evaluate("""() => {
        const node = window.app.graph.nodes.find(node => node.type === 'FFCLIPLoadModels');
        return node.serialize().widgets_values[0];
    }""")
        == "other-family.safetensors"
    )


def test_what_files_say_of_themselves_is_no_markup_in_the_loader_either(open_template: Callable[[str], Page]) -> None:
    page = open_template("edit-by-text")
    page.evaluate("""() => {
        const node = window.app.graph.nodes.find(node => node.type === 'FFCLIPLoadModels');
        for (const widget of node.widgets)
            if (widget.name !== 'precision') widget.value = `markup-${widget.name}.safetensors`;
    }""")
    page.evaluate(LISTEN)
    page.get_by_test_id("queue-button").get_by_role("button", name="Run").first.click()
    page.wait_for_function("() => window.finished !== null", timeout=180_000)
    assert page.evaluate("() => window.finished") == {"kind": "execution_success", "message": ""}
    page.get_by_text("markup-generator.safetensors: generator, 64 px, 10 layers (‹img").first.wait_for()
    assert page.evaluate("() => window.ran") is None
