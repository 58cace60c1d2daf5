// Shows on a node what it says of its last run, or why that failed: ComfyUI's own progress text goes when the job ends,
// and newer pages keep an error's sentence behind a button.
import { app } from "/scripts/app.js";
import { api } from "/scripts/api.js";

const WIDGET = "told";
const PROPERTY = "ffclip_told"; // So that it is there again when the graph is opened again.
let failed = null;
let running = null; // the id of the run

// Two lines, however much is said, so that a node does not grow over the one below it; the rest is scrolled to, or
// shown where the pointer rests.
function widgetOf(node) {
    const found = node.widgets?.find((widget) => widget.name === WIDGET);
    if (found) return found;
    const element = document.createElement("div");
    element.className = "ffclip-told";
    element.style.cssText =
        "overflow-y: auto; contain: size; height: 100%; min-height: 36px; box-sizing: border-box; padding: 3px 8px; " +
        "font-size: 11px; line-height: 1.35; " +
        "white-space: pre-wrap; overflow-wrap: anywhere; user-select: text; color: var(--descrip-text, #999);";
    const widget = node.addDOMWidget(WIDGET, "ffclip-told", element, {
        serialize: false,
        hideOnZoom: false,
        getMinHeight: () => 40,
    });
    widget.serialize = false; // It says what was, and is no setting that a graph keeps.
    return widget;
}

function show(node, lines, kept = true) {
    if (!node?.comfyClass?.startsWith("FFCLIP") || !Array.isArray(lines)) return;
    if (kept && lines.length) node.properties[PROPERTY] = lines;
    else delete node.properties[PROPERTY];
    if (!lines.length && !node.widgets?.some((widget) => widget.name === WIDGET)) return;
    const { element } = widgetOf(node);
    element.textContent = element.title = lines.join("\n"); // Text, whatever a file says of itself.
    const least = node.computeSize();
    node.setSize([Math.max(node.size[0], least[0]), Math.max(node.size[1], least[1])]);
    app.graph?.setDirtyCanvas(true, true);
}

const nodeIn = (graph, id) => graph?.getNodeById(id) ?? graph?.getNodeById(Number(id));

// By its id: "3:5" inside of a subgraph as the server counts, "<id of the subgraph>:5" as the page keeps outputs.
function nodeOf(id) {
    const root = app.graph?.rootGraph ?? app.graph;
    const path = String(id).split(":");
    const inner = path.pop();
    const enter = (graph, step) => root?.subgraphs?.get(step) ?? nodeIn(graph, step)?.subgraph;
    return nodeIn(path.reduce(enter, root), inner);
}

// Of nodes whose results come from its cache the server sends nothing, and this page need not have seen them run.
async function showSaid({ detail }) {
    if (!detail.nodes?.some((id) => nodeOf(id)?.comfyClass?.startsWith("FFCLIP"))) return;
    const response = await api.fetchApi(`/ffclip/said?prompt_id=${encodeURIComponent(detail.prompt_id)}`);
    const said = response.ok ? await response.json() : null;
    if (!said || running !== detail.prompt_id) return; // Another run began.
    for (const id of detail.nodes) show(nodeOf(id), said[id] ?? []);
}

app.registerExtension({
    name: "FFCLIP.Messages",
    setup() {
        api.addEventListener("execution_start", ({ detail }) => {
            running = detail.prompt_id;
            show(failed, []);
            failed = null;
        });
        api.addEventListener("execution_cached", showSaid);
        api.addEventListener("execution_error", ({ detail }) => {
            if (!detail?.exception_type?.startsWith("FFCLIP.")) return;
            failed = nodeOf(detail.node_id);
            show(failed, [detail.exception_message.split("\n")[0]], false);
        });
    },
    nodeCreated(node) {
        if (!node.comfyClass?.startsWith("FFCLIP")) return;
        const before = node.onExecuted;
        node.onExecuted = function (output) {
            before?.apply(this, arguments);
            show(this, output?.ffclip);
        };
    },
    loadedGraphNode(node) {
        if (node.properties?.[PROPERTY]?.length) show(node, node.properties[PROPERTY]);
    },
    // A run that is opened again from the history.
    onNodeOutputsUpdated(outputs) {
        for (const [id, output] of Object.entries(outputs ?? {})) show(nodeOf(id), output?.ffclip);
    },
});
