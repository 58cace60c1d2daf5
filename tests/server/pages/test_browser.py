"""The page as a user sees it: each shipped workflow opened as a template and run with the Run button.

On ComfyUI's own page and on today's, there on the classic canvas and with Nodes 2.0. Screenshots go to the folder that
FFCLIP_SCREENSHOTS names, if it does.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from browsing import (
    CANVASES,
    PICTURES,
    SIZES,
    assert_apart,
    assert_readable,
    run_to_the_end,
    run_well,
    set_values,
    told,
)
from ffclip.ffclip_core.dev import WORKFLOWS
from playwright.sync_api import Page

pytestmark = pytest.mark.slow

NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
NEED_FILES = ("edit-a-face", "edit-a-photo")
NEED_VIDEO = "edit-a-video"
LEARNS = "distil-an-edit"
# More than has room, on every node that can speak, as a run brings it.
SPEAK = """() => {
    const lines = Array.from({length: 9}, (_, i) => `${i}: a sentence that goes on for more than one line of the node`);
    for (const node of window.app.graph.nodes)
        if (/^FFCLIP(LoadModels|EncodePrompt|SemanticModulate|EditPicture|EditVideo)$/.test(node.type))
            node.onExecuted({ffclip: lines});
}"""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("canvas", CANVASES)
def test_a_workflow_opens_readable_as_a_template_and_runs_with_the_run_button(
    workflow: Callable, open_template: Callable[[str], Page], screenshot: Callable, canvas: str, name: str
) -> None:
    page = open_template(name)
    missing = "() => window.app.graph.nodes.filter(node => !window.LiteGraph.registered_node_types[node.type])"
    assert page.evaluate(f"({missing})().map(node => node.type)") == []
    assert_readable(page, *SIZES[0])
    screenshot(page, f"{name}, {SIZES[0][0]}, opened")

    # What the page makes of a saved workflow is what run.py makes of it.
    queued = json.loads(page.evaluate("async () => JSON.stringify((await window.app.graphToPrompt()).output)"))
    assert {key: {"class_type": node["class_type"], "inputs": node["inputs"]} for key, node in queued.items()} == (
        workflow(name)
    )
    if name in NEED_FILES:
        page.get_by_text("Missing Models" if canvas == CANVASES[0] else "issues found").first.wait_for()
        if canvas != CANVASES[0]:
            page.get_by_text("View details").first.click()
        # Said by the page, beside what the workflow's own note says of it.
        for file in ("e4e_ffhq_encode.pt", "ffclip_faces.pt", "ViT-B-32.pt"):
            page.get_by_text(file).filter(visible=True).first.wait_for()
        screenshot(page, f"{name}, files")
        page.keyboard.press("Escape")  # Older pages show no second dialog while the first is there.
    elif name != NEED_VIDEO:
        if name == LEARNS:
            set_values(page, "FFCLIPEncodePrompt", text="Bald")
            set_values(page, "FFCLIPTrainModulator", steps=2)
        run_well(page)
        page.wait_for_function(PICTURES)
        assert_apart(page)
        screenshot(page, f"{name}, {SIZES[0][0]}, ran")
        assert page.evaluate("() => window.complaints") == []
    page.evaluate(SPEAK)
    if name not in NEED_FILES or canvas != CANVASES[2]:  # There Load Image grows while it has no picture.
        assert_apart(page)
    screenshot(page, f"{name}, {SIZES[0][0]}, much was said")


@pytest.mark.parametrize("canvas", CANVASES)
def test_the_workflows_open_readable_on_larger_screens(
    open_template: Callable[..., Page], screenshot: Callable, canvas: str
) -> None:
    """Each of them on two of the canvases, on one at each size."""
    first = CANVASES.index(canvas)
    for size, names in ((SIZES[1], NAMES[first::3]), (SIZES[2], NAMES[(first + 1) % 3 :: 3])):
        for name in names:
            page = open_template(name, size)
            assert_readable(page, *size)
            screenshot(page, f"{name}, {size[0]}, opened")


@pytest.mark.parametrize("canvas", CANVASES)
def test_the_drop_down_lists_tell_what_each_file_is(
    open_template: Callable[[str], Page], screenshot: Callable, canvas: str
) -> None:
    page = open_template("edit-by-text")
    assert_readable(page, *SIZES[0])
    if canvas == CANVASES[2]:
        page.locator('[data-widget-name="encoder"] [role="combobox"]').click()
        entries = page.get_by_role("option")
    else:
        x, y = page.evaluate("""() => {
            const node = window.app.graph.nodes.find(node => node.type === 'FFCLIPLoadModels');
            const widget = node.widgets.find(widget => widget.name === 'encoder');
            const middle = [node.pos[0] + node.size[0] / 2, node.pos[1] + widget.last_y + 10];
            return [...window.app.canvasPosToClientPos(middle)];
        }""")
        page.mouse.click(x, y)
        entries = page.locator(".litecontextmenu .litemenu-entry")
    entries.first.wait_for()
    screenshot(page, "file descriptions")
    shown = [text.strip() for text in entries.all_inner_texts()]
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


@pytest.mark.parametrize("canvas", CANVASES[:2])
def test_an_error_is_shown_with_its_sentence_first(
    open_template: Callable[[str], Page], screenshot: Callable, canvas: str
) -> None:
    page = open_template("edit-by-text")
    set_values(page, "FFCLIPEncodePrompt", text=" ")
    finished = run_to_the_end(page)
    assert finished["kind"] == "execution_error"
    sentence = "The prompt is empty: write what the picture should show, such as 'Purple hair'."
    assert finished["message"].startswith(sentence)
    assert told(page, "FFCLIPEncodePrompt", sentence) == sentence
    page.get_by_text("The prompt is empty").filter(visible=True).first.wait_for()
    screenshot(page, "error")
    assert "custom_nodes" not in page.evaluate("() => document.body.innerText")
    page.keyboard.press("Escape")
    set_values(page, "FFCLIPEncodePrompt", text="bald")
    run_well(page)
    assert told(page, "FFCLIPEncodePrompt") == ""
