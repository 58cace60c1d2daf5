// Shows on a node what it says of its last run, which ComfyUI's own progress text forgets when the job ends.
import { app } from "/scripts/app.js";

const NAME = "told";

function widgetOf(node) {
    const found = node.widgets?.find((widget) => widget.name === NAME);
    if (found) return found;
    const element = document.createElement("div");
    element.className = "ffclip-told";
    element.style.cssText =
        "overflow-y: auto; box-sizing: border-box; padding: 4px 8px; font-size: 11px; line-height: 1.35; " +
        "white-space: pre-wrap; overflow-wrap: anywhere; user-select: text; color: var(--descrip-text, #999);";
    const widget = node.addDOMWidget(NAME, "ffclip-told", element, {
        serialize: false,
        hideOnZoom: false,
        getMinHeight: () => 60,
    });
    widget.serialize = false; // It says what was, and is no setting that a graph keeps.
    return widget;
}

function show(node, output) {
    const lines = output?.ffclip;
    if (!Array.isArray(lines) || (!lines.length && !node.widgets?.some((widget) => widget.name === NAME))) return;
    const widget = widgetOf(node);
    widget.element.textContent = lines.join("\n"); // Text, whatever a file says of itself.
    const least = node.computeSize();
    node.setSize([Math.max(node.size[0], least[0]), Math.max(node.size[1], least[1])]);
    app.graph?.setDirtyCanvas(true, true);
}

app.registerExtension({
    name: "FFCLIP.Messages",
    nodeCreated(node) {
        if (!node.comfyClass?.startsWith("FFCLIP")) return;
        const before = node.onExecuted;
        node.onExecuted = function (output) {
            before?.apply(this, arguments);
            show(this, output);
        };
    },
    // A run that is opened again from the history.
    onNodeOutputsUpdated(outputs) {
        for (const [id, output] of Object.entries(outputs ?? {})) {
            const node = app.graph?.getNodeById(Number(id));
            if (node) show(node, output);
        }
    },
});
