"""What the nodes say stays on them: after every run, on pages opened since, in the history, and inside of subgraphs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browsing import CANVASES, run_well, set_values, told
from ffclip.ffclip_core.dev.comfyui import Server
from playwright.sync_api import Page

LOADER, PROMPT = "FFCLIPLoadModels", "FFCLIPEncodePrompt"
PARTS = ("encoder", "text_encoder", "modulator", "generator")
MARKUP_FILES = {part: f"markup-{part}.safetensors" for part in PARTS}
EMBEDDED: dict[str, str] = dict.fromkeys(PARTS, "avatars (embedded)")
CUT = "The end was cut off, only 77 tokens are read: "
VALUES = "() => window.app.graph.serialize().nodes.map(node => node.widgets_values?.length ?? 0)"
INTO_A_SUBGRAPH = """() => {
    const graph = window.app.graph;
    const inner = graph.nodes.filter(node => /^FFCLIP(LoadModels|EncodePrompt)$/.test(node.type));
    graph.convertToSubgraph(new Set(inner));
    return [...graph.subgraphs.values()].map(subgraph => subgraph.nodes.length);
}"""


@pytest.mark.parametrize("canvas", CANVASES)
def test_what_a_node_says_stays_on_it(
    open_template: Callable[..., Page], screenshot: Callable, server_of: Callable[[str], Server], canvas: str
) -> None:
    """After the run, after one that had nothing to do, and where the run is opened again from the history."""
    page = open_template("edit-by-text")
    values = page.evaluate(VALUES)
    long = f"{canvas}: purple hair and " * 40
    precision = dict(zip(CANVASES, ("float32", "float16", "bfloat16"), strict=True))[canvas]  # Each loads anew.
    for _ in range(2):
        set_values(page, LOADER, **MARKUP_FILES, precision=precision)
        set_values(page, PROMPT, text=long)
        run_well(page)
        loader, prompt = told(page, LOADER, "markup-generator"), told(page, PROMPT, CUT)
        assert "markup-generator.safetensors: generator, 64 px, 10 layers (<img" in loader
        assert "StyleGAN2's operators: plain PyTorch" in loader
        assert prompt.startswith(f"{CUT}{canvas}: purple hair and")
    page.get_by_text("The end was cut off").filter(visible=True).first.wait_for()
    screenshot(page, "messages")
    assert page.evaluate("() => window.ran") is None, "what a file says of itself is no markup"
    assert page.evaluate(VALUES) == values, "a message is no value of the graph"

    # As the page's history opens a run again: the workflow, then what its nodes gave.
    *_, last = (
        entry for entry in server_of(canvas).get_json("/history").values() if prompt in str(entry["outputs"].values())
    )
    page.evaluate(
        """async ([graph, outputs]) => {
        await window.app.loadGraphData(graph);
        window.app.nodeOutputs = outputs;
    }""",
        [last["prompt"][3]["extra_pnginfo"]["workflow"], last["outputs"]],
    )
    assert told(page, LOADER, loader) == loader
    assert told(page, PROMPT, prompt) == prompt


@pytest.mark.parametrize("canvas", [CANVASES[0], CANVASES[2]])
def test_a_page_that_did_not_see_a_node_run_shows_what_it_said(
    open_template: Callable[..., Page], screenshot: Callable, canvas: str
) -> None:
    """And never what it said of other inputs, whichever page had them computed."""
    page, other = open_template("edit-by-text"), open_template("edit-by-text", elsewhere=True)
    long = f"seen from elsewhere, {canvas}: " + "purple hair and " * 40

    def run_with(page: Page, files: dict[str, str], text: str) -> None:
        set_values(page, LOADER, **files)
        set_values(page, PROMPT, text=text)
        run_well(page)

    run_with(page, MARKUP_FILES, long)
    loader, prompt = told(page, LOADER, "markup-generator"), told(page, PROMPT, CUT)
    assert told(other, LOADER) == told(other, PROMPT) == ""
    run_with(other, MARKUP_FILES, long)
    assert told(other, LOADER, "markup-generator") == loader
    assert told(other, PROMPT, CUT) == prompt
    screenshot(other, "messages, elsewhere")

    run_with(other, EMBEDDED, "bald")
    assert told(other, LOADER).startswith("StyleGAN2's operators") and told(other, PROMPT) == ""
    assert told(page, LOADER) == loader, "no run of its own"
    run_with(page, EMBEDDED, "bald")
    page.wait_for_function("text => !document.body.innerText.includes(text)", arg=CUT)
    assert told(page, LOADER) == told(other, LOADER)
    assert told(page, PROMPT) == ""


@pytest.mark.parametrize("canvas", CANVASES[:2])
def test_nodes_inside_of_a_subgraph_speak_too(open_template: Callable[..., Page], canvas: str) -> None:
    page = open_template("edit-by-text")
    run_well(page)
    loader = told(page, LOADER, "StyleGAN2's operators")
    page = open_template("edit-by-text")
    set_values(page, PROMPT, text=f"subgraph, {canvas}: " + "curls " * 99)
    assert page.evaluate(INTO_A_SUBGRAPH) == [2]
    run_well(page)
    assert told(page, PROMPT, CUT).startswith(f"{CUT}subgraph, {canvas}"), "it ran"
    assert told(page, LOADER, loader) == loader, "it did not run again"
