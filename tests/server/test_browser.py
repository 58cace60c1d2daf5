"""The page as a user sees it: each shipped workflow opened by its template address and run with the Run button.

On ComfyUI's own page and on today's, there on the classic canvas and with Nodes 2.0. Screenshots go to the folder that
FFCLIP_SCREENSHOTS names, otherwise to pytest's temporary folder.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ffclip.ffclip_core.dev import PACK, WORKFLOWS
from ffclip.ffclip_core.dev.comfyui import Server
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = pytest.mark.slow

NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
NEEDS_FILES = "edit-a-face"
CANVASES = ["own page", "newer page", "newer page, Nodes 2.0"]
SIZES = [(1366, 768), (1600, 900), (1920, 1080)]
# Below, the classic canvas leaves texts out (at 57 % with its standard setting), or they are too small to be read.
LEGIBLE = 0.64
READY = "!!(window.app?.vueAppReady && window.app.graph && window.LiteGraph?.registered_node_types?.SaveImage)"
SETTINGS = {
    "Comfy.TutorialCompleted": True,
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

# Where each node is drawn, in px of the page: left, top, right, bottom.
DRAWN = """() => {
    const cards = [...document.querySelectorAll('[data-node-id]')].filter(card => card.offsetParent);
    const boxes = window.LiteGraph.vueNodesMode
        ? cards.map(card => card.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])
        : window.app.graph.nodes.map(node => {
            const [x, y, width, height] = node.boundingRect;
            return [...window.app.canvasPosToClientPos([x, y]),
                    ...window.app.canvasPosToClientPos([x + width, y + height])];
        });
    return {boxes, scale: window.app.canvas.ds.scale};
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
def canvas() -> str:
    return CANVASES[0]


@pytest.fixture
def open_template(request: pytest.FixtureRequest, browser: Browser, canvas: str) -> Iterator[Callable[[str], Page]]:
    """The page with one of the pack's workflows, by name."""
    server: Server = request.getfixturevalue("server" if canvas == CANVASES[0] else "newer_server")
    version = "1.32.9" if canvas == CANVASES[0] else "1.58.1"
    server.post("/settings", {**SETTINGS, "Comfy.InstalledVersion": version, "Comfy.VueNodes.Enabled": "2.0" in canvas})
    page = browser.new_page(viewport={"width": SIZES[0][0], "height": SIZES[0][1]})
    page.set_default_timeout(120_000)

    def open_it(name: str) -> Page:
        page.add_init_script("localStorage.setItem('vueNodesBannerDismissed', 'true')")
        page.add_init_script(f"({COLLECT})()")
        page.goto(f"{server.address}/?template={name}&source={PACK}")
        page.wait_for_function(READY)
        # Its nodes, and not those of the page's own first workflow.
        page.wait_for_function("() => window.app.graph.nodes.some(node => node.type === 'FFCLIPLoadModels')")
        return page

    yield open_it
    page.close()


def press_run(page: Page) -> None:
    """Newer pages give the button itself the name by which older ones call what lies around it."""
    named = page.get_by_test_id("queue-button")
    named.first.wait_for()
    inner = named.get_by_role("button", name="Run")
    (inner if inner.count() else named).first.click()


def run_to_the_end(page: Page) -> dict[str, str]:
    page.evaluate(LISTEN)
    press_run(page)
    page.wait_for_function("() => window.finished !== null", timeout=180_000)
    return page.evaluate("() => window.finished")


def assert_readable(page: Page, width: int, height: int) -> None:
    """All of the graph is on the screen, large enough to be read, and no node covers another."""
    count = page.evaluate("() => window.app.graph.nodes.length")
    # Nodes 2.0 are laid out after the workflow was read, and the page then moves to them.
    found: dict[str, Any] = {"scale": None}
    for _ in range(50):
        before, found = found, page.evaluate(DRAWN)
        if before == found and len(found["boxes"]) == count and found["scale"] != 1:
            break
        page.wait_for_timeout(100)
    assert len(found["boxes"]) == count
    assert found["scale"] >= LEGIBLE
    for left, top, right, bottom in found["boxes"]:
        assert left >= 0 and top >= 0 and right <= width and bottom <= height
    for a, b in itertools.combinations(found["boxes"], 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3], (a, b)


@pytest.mark.parametrize(("canvas", "name"), [*itertools.product(CANVASES[:2], NAMES), (CANVASES[2], "edit-by-text")])
def test_a_workflow_opens_readable_from_its_template_and_runs_with_the_run_button(
    workflow: Callable, open_template: Callable[[str], Page], screenshots: Path, canvas: str, name: str
) -> None:
    page = open_template(name)
    missing = "() => window.app.graph.nodes.filter(node => !window.LiteGraph.registered_node_types[node.type])"
    assert page.evaluate(f"({missing})().map(node => node.type)") == []
    assert_readable(page, *SIZES[0])
    page.screenshot(path=screenshots / f"{name}, {canvas}, {SIZES[0][0]}, opened.png")

    # What the page makes of a saved workflow is what run.py makes of it.
    queued = json.loads(page.evaluate("async () => JSON.stringify((await window.app.graphToPrompt()).output)"))
    assert {key: {"class_type": node["class_type"], "inputs": node["inputs"]} for key, node in queued.items()} == (
        workflow(name)
    )
    if name == NEEDS_FILES:
        page.get_by_text("Missing Models" if canvas == CANVASES[0] else "issues found").first.wait_for()
        if canvas != CANVASES[0]:
            page.get_by_text("View details").first.click()
        # Said by the page, beside what the workflow's own note says of it.
        for file in ("e4e_ffhq_encode.pt", "ffclip_faces.pt", "ViT-B-32.pt"):
            page.get_by_text(file).filter(visible=True).first.wait_for()
        page.screenshot(path=screenshots / f"{name}, {canvas}, files.png")
        return
    assert run_to_the_end(page) == {"kind": "execution_success", "message": ""}
    page.wait_for_timeout(1000)
    page.screenshot(path=screenshots / f"{name}, {canvas}, {SIZES[0][0]}, ran.png")
    assert page.evaluate("() => window.complaints") == []


@pytest.mark.parametrize("canvas", CANVASES)
def test_the_workflows_open_readable_on_every_screen(
    open_template: Callable[[str], Page], screenshots: Path, canvas: str
) -> None:
    page = open_template(NAMES[0])
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"() => window.app.canvas.canvas.clientWidth === {width}")
        for name in NAMES:
            page.evaluate("() => { window.app.canvas.ds.scale = 1; }")
            # As the template dialog does, without loading the whole page again.
            page.evaluate(
                "graph => window.app.loadGraphData(graph, true, true, null, {openSource: 'template'})",
                json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8")),
            )
            assert_readable(page, width, height)
            if (width, height) == SIZES[-1]:
                page.screenshot(path=screenshots / f"{name}, {canvas}, {width}, opened.png")


@pytest.mark.parametrize("canvas", CANVASES[:2])
def test_the_drop_down_lists_tell_what_each_file_is(
    open_template: Callable[[str], Page], screenshots: Path, canvas: str
) -> None:
    page = open_template("edit-by-text")
    assert_readable(page, *SIZES[0])
    x, y = page.evaluate("""() => {
        const node = window.app.graph.nodes.find(node => node.type === 'FFCLIPLoadModels');
        const widget = node.widgets.find(widget => widget.name === 'encoder');
        const middle = [node.pos[0] + node.size[0] / 2, node.pos[1] + widget.last_y + 10];
        return [...window.app.canvasPosToClientPos(middle)];
    }""")
    page.mouse.click(x, y)
    entries = page.locator(".litecontextmenu .litemenu-entry")
    entries.first.wait_for()
    page.screenshot(path=screenshots / f"file descriptions, {canvas}.png")
    shown = entries.all_inner_texts()
    assert "avatars (embedded): encoder of 64×64 px, 10 layers (avatars)" in shown
    assert "other-family.safetensors: encoder of 64×64 px, 12 layers (others)" in shown
    assert not any(text.startswith("page.safetensors") for text in shown), "it holds no encoder"
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


TOLD = """type => {
    const node = window.app.graph.nodes.find(node => node.type === type);
    return node.widgets.find(widget => widget.name === 'told')?.element.textContent ?? null;
}"""


@pytest.mark.parametrize("canvas", CANVASES)
def test_what_a_node_says_stays_on_it(
    open_template: Callable[[str], Page], screenshots: Path, request: pytest.FixtureRequest, canvas: str
) -> None:
    """After the run, after one that had nothing to do, and where the run is opened again from the history."""
    page = open_template("edit-by-text")
    before = page.evaluate("() => JSON.stringify(window.app.graph.serialize().nodes.map(node => node.widgets_values))")
    precision = dict(zip(CANVASES, ("float32", "float16", "bfloat16"), strict=True))[canvas]  # Each loads anew.
    page.evaluate(
        """precision => {
        for (const node of window.app.graph.nodes) {
            const named = name => node.widgets?.find(widget => widget.name === name);
            if (node.type === 'FFCLIPEncodePrompt') named('text').value = `${precision}: purple hair and `.repeat(40);
            if (node.type !== 'FFCLIPLoadModels') continue;
            for (const widget of node.widgets)
                widget.value = widget.name === 'precision' ? precision : `markup-${widget.name}.safetensors`;
        }
    }""",
        precision,
    )
    for _ in range(2):
        assert run_to_the_end(page) == {"kind": "execution_success", "message": ""}
        page.wait_for_timeout(500)
        loader, prompt = page.evaluate(TOLD, "FFCLIPLoadModels"), page.evaluate(TOLD, "FFCLIPEncodePrompt")
        assert "markup-generator.safetensors: generator, 64 px, 10 layers (<img" in loader
        assert "StyleGAN2's operators: plain PyTorch" in loader
        assert prompt.startswith(f"The end was cut off, only 77 tokens are read: {precision}: purple hair and")
    page.get_by_text("The end was cut off").filter(visible=True).first.wait_for()
    page.screenshot(path=screenshots / f"messages, {canvas}.png")
    assert page.evaluate("() => window.ran") is None, "what a file says of itself is no markup"

    # A message is no value of the graph.
    after = page.evaluate("() => window.app.graph.serialize().nodes.map(node => node.widgets_values?.length ?? 0)")
    assert after == [len(values or []) for values in json.loads(before)]

    # As the page's history opens a run again: the workflow, then what its nodes gave.
    server: Server = request.getfixturevalue("server" if canvas == CANVASES[0] else "newer_server")
    *_, last = server.get_json("/history").values()
    page.evaluate(
        """async ([graph, outputs]) => {
        await window.app.loadGraphData(graph);
        window.app.nodeOutputs = outputs;
    }""",
        [last["prompt"][3]["extra_pnginfo"]["workflow"], last["outputs"]],
    )
    page.wait_for_timeout(500)
    assert page.evaluate(TOLD, "FFCLIPLoadModels") == loader
    assert page.evaluate(TOLD, "FFCLIPEncodePrompt") == prompt


@pytest.mark.parametrize("canvas", CANVASES[:2])
def test_an_error_is_shown_with_its_sentence_first(
    open_template: Callable[[str], Page], screenshots: Path, canvas: str
) -> None:
    page = open_template("edit-by-text")
    page.evaluate("""() => {
        const node = window.app.graph.nodes.find(node => node.type === 'FFCLIPEncodePrompt');
        node.widgets.find(widget => widget.name === 'text').value = ' ';
    }""")
    finished = run_to_the_end(page)
    assert finished["kind"] == "execution_error"
    assert finished["message"].startswith("The prompt is empty")
    page.wait_for_timeout(1000)
    page.screenshot(path=screenshots / f"error, {canvas}.png")
    sentence = "The prompt is empty: write what the picture should show, such as 'Purple hair'."
    assert page.evaluate(TOLD, "FFCLIPEncodePrompt") == sentence
    assert "custom_nodes" not in page.evaluate("() => document.body.innerText")
    page.keyboard.press("Escape")
    page.evaluate("""() => {
        const node = window.app.graph.nodes.find(node => node.type === 'FFCLIPEncodePrompt');
        node.widgets.find(widget => widget.name === 'text').value = 'bald';
    }""")
    assert run_to_the_end(page)["kind"] == "execution_success"
    assert page.evaluate(TOLD, "FFCLIPEncodePrompt") == ""
