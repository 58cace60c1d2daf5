// Gives FFCLIP's wires and slots colours of their own, on the classic canvas and in Nodes 2.0. A palette of the user's
// that names such a type wins.
import { app } from "/scripts/app.js";

// Far from each other, and to be seen on dark and on light nodes.
const COLOURS = {
    FFCLIP_ENCODER: "#26a69a",
    FFCLIP_TEXT_ENCODER: "#c8a415",
    FFCLIP_MODULATOR: "#8f7fe0",
    FFCLIP_GENERATOR: "#e5484d",
    FFCLIP_LATENT: "#e17bd0",
    FFCLIP_EMBEDDING: "#6aa84f",
    FFCLIP_PLACEMENT: "#0084f0",
};

// The page clears the colours of types that its palette lacks each time a palette is chosen: what is clear is ours.
function fill(table) {
    for (const [type, colour] of Object.entries(COLOURS)) {
        let chosen = table[type];
        Object.defineProperty(table, type, {
            get: () => chosen || colour,
            set: (value) => (chosen = value),
            enumerable: true,
            configurable: true,
        });
    }
}

app.registerExtension({
    name: "FFCLIP.WireColours",
    setup() {
        const canvas = app.canvas;
        if (!canvas) return;
        fill(canvas.default_connection_color_byType); // slots
        fill(canvas.constructor.link_type_colors); // wires
        // Nodes 2.0: a palette is set on elements themselves, which goes before a rule.
        const style = document.createElement("style");
        const rules = Object.entries(COLOURS).map(([type, colour]) => `--color-datatype-${type}: ${colour};`);
        style.textContent = `:where(:root) { ${rules.join(" ")} }`;
        document.head.append(style);
    },
});
