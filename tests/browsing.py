"""ComfyUI's page as the tests drive it; the fixtures open_template and screenshot of tests/server/pages use it."""

from __future__ import annotations

import itertools
from typing import Any

from playwright.sync_api import Page

CANVASES = ["own page", "newer page", "newer page, Nodes 2.0"]
VERSIONS = dict(zip(CANVASES, ("1.32.9", "1.58.1", "1.58.1"), strict=True))
SIZES = [(1366, 768), (1600, 900), (1920, 1080)]
# Below, the classic canvas leaves texts out (at 57 % with its standard setting), or they are too small to be read.
LEGIBLE = 0.64
READY = """() => window.app?.vueAppReady && window.app.graph && window.LiteGraph?.registered_node_types?.SaveImage
    && window.app.api.clientId && window.app.graph.nodes.some(node => node.type.startsWith('FFCLIP'))"""
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Workflow.Persist": False,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.Minimap.Visible": False,
    # The page checks the workflow file against its schema, and complains in a toast.
    "Comfy.Validation.Workflows": True,
    "Comfy.Locale": "en",
}
# Before the page's own scripts. Some of its complaints vanish after three seconds.
PREPARE = """() => {
    localStorage.setItem('vueNodesBannerDismissed', 'true');
    window.complaints = [];
    new MutationObserver(() => {
        for (const toast of document.querySelectorAll('.p-toast-message-error, .p-toast-message-warn'))
            if (!window.complaints.includes(toast.innerText)) window.complaints.push(toast.innerText);
    }).observe(document, {childList: true, subtree: true});
}"""
# As the page opens a template, without loading all of itself again.
OPEN = """async ([pack, name]) => {
    const answer = await fetch(window.app.api.apiURL(`/workflow_templates/${pack}/${name}.json`));
    window.app.canvas.ds.scale = 1;
    await window.app.loadGraphData(await answer.json(), true, true, name, {openSource: 'template'});
}"""
LISTEN = """() => {
    window.finished = null;
    for (const kind of ['execution_success', 'execution_error', 'execution_interrupted'])
        window.app.api.addEventListener(kind, event =>
            window.finished ??= {kind, message: event.detail?.exception_message ?? ''}, {once: true});
}"""
# Every picture of the nodes that show some.
PICTURES = """() => window.app.graph.nodes.filter(
        node => /^((Save|Preview)Image|FFCLIPEditPicture)$/.test(node.type)).every(node => {
    const shown = window.LiteGraph.vueNodesMode
        ? [...document.querySelectorAll(`[data-node-id="${node.id}"] img`)] : node.imgs ?? [];
    return shown.length && shown.every(picture => picture.complete);
})"""
# Where each node is drawn, in px of the page: left, top, right, bottom; once it stays for a tenth of a second. Nodes
# 2.0 are laid out after the workflow was read, and the page then moves to them.
DRAWN = """async () => {
    const draw = () => {
        const cards = [...document.querySelectorAll('[data-node-id]')].filter(card => card.offsetParent);
        const boxes = window.LiteGraph.vueNodesMode
            ? cards.map(card => card.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])
            : window.app.graph.nodes.map(node => {
                const [x, y, width, height] = node.boundingRect;
                return [...window.app.canvasPosToClientPos([x, y]),
                        ...window.app.canvasPosToClientPos([x + width, y + height])];
            });
        return {boxes, scale: window.app.canvas.ds.scale};
    };
    let found = draw(), since = performance.now();
    for (const begun = since; performance.now() < begun + 5000;) {
        await new Promise(requestAnimationFrame);
        const now = draw();
        if (JSON.stringify(now) !== JSON.stringify(found)) [found, since] = [now, performance.now()];
        const whole = found.boxes.length === window.app.graph.nodes.length && found.scale !== 1;
        if (whole && performance.now() > since + 100) break;
    }
    return found;
}"""
TOLD = """([type, wanted]) => {
    const graphs = [window.app.graph, ...window.app.graph.subgraphs.values()];
    const node = graphs.flatMap(graph => graph.nodes).find(node => node.type === type);
    const text = node.widgets.find(widget => widget.name === 'told')?.element.textContent ?? '';
    return wanted === null || text.includes(wanted) ? {text} : null;
}"""
SET = """([type, values]) => {
    const node = window.app.graph.nodes.find(node => node.type === type);
    for (const [name, value] of Object.entries(values))
        node.widgets.find(widget => widget.name === name).value = value;
}"""


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


def run_well(page: Page) -> None:
    assert run_to_the_end(page) == {"kind": "execution_success", "message": ""}


def told(page: Page, node: str, wanted: str | None = None) -> str:
    """What the one node of a kind says on its face, at once or when it says what is wanted."""
    if wanted is not None:
        page.wait_for_function(TOLD, arg=[node, wanted], timeout=10_000)
    return page.evaluate(TOLD, [node, None])["text"]


def set_values(page: Page, node: str, **values: Any) -> None:
    page.evaluate(SET, [node, values])


def assert_apart(page: Page) -> dict[str, Any]:
    """No node covers another; where they are."""
    found = page.evaluate(DRAWN)
    assert len(found["boxes"]) == page.evaluate("() => window.app.graph.nodes.length")
    for a, b in itertools.combinations(found["boxes"], 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3], (a, b)
    return found


def assert_readable(page: Page, width: int, height: int) -> None:
    """All of the graph is on the screen, large enough to be read, and no node covers another."""
    found = assert_apart(page)
    assert found["scale"] >= LEGIBLE
    for left, top, right, bottom in found["boxes"]:
        assert left >= 0 and top >= 0 and right <= width and bottom <= height
