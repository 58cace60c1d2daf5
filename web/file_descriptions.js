// Shows beside each model file's name what the file holds, in the drop-down lists of the nodes that take files.
import { app } from "/scripts/app.js";
import { api } from "/scripts/api.js";

const NODES = ["FFCLIPLoadModels", "FFCLIPConvertCheckpoint"];
const WIDTH = 520; // px, in which most descriptions fit
let labels = {};

function label(input, value) {
    // The page takes the entries of a list for markup, and what a file says of itself is anybody's: it stays text.
    return String(labels[input]?.[value] ?? value ?? "").replaceAll("<", "‹");
}

async function readLabels() {
    const response = await api.fetchApi("/ffclip/model-files");
    if (!response.ok) return; // The names alone do as well.
    labels = await response.json();
    app.graph?.setDirtyCanvas(true, true);
}

app.registerExtension({
    name: "FFCLIP.FileDescriptions",
    setup: readLabels,
    refreshComboInNodes: readLabels,
    nodeCreated(node) {
        if (!NODES.includes(node.comfyClass)) return;
        node.setSize([Math.max(node.size[0], WIDTH), node.size[1]]); // A saved node takes its own size after this.
        for (const widget of node.widgets ?? []) {
            if (widget.type === "combo") widget.options.getOptionLabel = (value) => label(widget.name, value);
        }
    },
});
