"""FFCLIP's wires have colours of their own, which a palette of the user's goes before."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import combinations

import pytest
from browsing import CANVASES, DRAWN
from ffclip.ffclip_core.dev.comfyui import Server
from PIL import Image, ImageColor
from playwright.sync_api import Page

pytestmark = pytest.mark.slow

TYPES = [
    f"FFCLIP_{name}"
    for name in ("ENCODER", "TEXT_ENCODER", "MODULATOR", "GENERATOR", "LATENT", "EMBEDDING", "PLACEMENT")
]
COLOURS = """(types) => {
    const of = (colour) => Object.fromEntries(types.map((type) => [type, colour(type)]));
    return {
        wires: of((type) => window.app.canvas.constructor.link_type_colors[type]),
        slots: of((type) => window.app.canvas.default_connection_color_byType[type]),
        "Nodes 2.0": of((type) => getComputedStyle(document.body).getPropertyValue(`--color-datatype-${type}`).trim()),
    };
}"""
LOADER = "() => window.app.graph?.nodes.find((node) => node.type === 'FFCLIPLoadModels')"
# Where the outputs of the loader are on the page.
PLACES = (
    f"() => {{ const node = ({LOADER})();"
    + """
    return node.outputs.map((output, i) =>
        [output.type, ...window.app.canvasPosToClientPos([...node.getConnectionPos(false, i)])]);
}"""
)


@pytest.fixture
def palette(server_of: Callable[[str], Server], canvas: str) -> Iterator[None]:
    """A palette of the user's that gives one of our wires a colour, and a core wire another."""
    slots = {"FFCLIP_LATENT": "#123456", "IMAGE": "#654321"}
    own = {"id": "own", "name": "Own", "colors": {"node_slot": slots, "litegraph_base": {}, "comfy_base": {}}}
    server = server_of(canvas)
    server.post("/settings", {"Comfy.CustomColorPalettes": {"own": own}, "Comfy.ColorPalette": "own"})
    yield
    server.post("/settings", {"Comfy.CustomColorPalettes": {}, "Comfy.ColorPalette": "dark"})


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    linear = [
        (c / 255) / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in ImageColor.getrgb(colour)[:3]
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("canvas", CANVASES)
def test_every_wire_has_a_colour_that_is_told_from_the_others(open_template: Callable[..., Page], canvas: str) -> None:
    page = open_template("edit-by-text")
    found = page.evaluate(COLOURS, TYPES)
    assert found["wires"] == found["slots"] == found["Nodes 2.0"]
    colours = found["wires"].values()
    for colour in colours:
        on_dark = (luminance(colour) + 0.05) / (luminance("#353535") + 0.05)
        on_light = (luminance("#f5f5f5") + 0.05) / (luminance(colour) + 0.05)
        assert on_dark > 3 and on_light > 2
    for one, other in combinations(map(ImageColor.getrgb, colours), 2):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) > 80**2

    # As they are drawn; Nodes 2.0 take them from the page's style, which was compared above.
    if canvas == CANVASES[2]:
        return
    page.evaluate(DRAWN)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for kind, x, y in page.evaluate(PLACES):
        near = {picture.getpixel((round(x) + dx, round(y) + dy)) for dx in range(-3, 4) for dy in range(-3, 4)}
        assert ImageColor.getrgb(found["slots"][kind]) in near


@pytest.mark.parametrize("canvas", [CANVASES[0], CANVASES[2]])
def test_a_palette_of_the_user_s_goes_before(palette: None, open_template: Callable[..., Page], canvas: str) -> None:
    page = open_template("edit-by-text", elsewhere=True, anew=True)
    page.wait_for_function("() => window.app.canvas.constructor.link_type_colors.IMAGE === '#654321'")
    found = page.evaluate(COLOURS, TYPES)
    assert {kind: colours["FFCLIP_LATENT"] for kind, colours in found.items()} == dict.fromkeys(found, "#123456")
    assert found["wires"]["FFCLIP_ENCODER"] == found["Nodes 2.0"]["FFCLIP_ENCODER"] != ""
    # With another palette ours are there again.
    page.evaluate("() => window.app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")
    page.wait_for_function("() => window.app.canvas.constructor.link_type_colors.IMAGE !== '#654321'")
    page.wait_for_timeout(200)
    after = page.evaluate(COLOURS, TYPES)
    assert "#123456" not in after["wires"].values() and "" not in after["wires"].values()
    assert after["wires"] == after["slots"] == after["Nodes 2.0"]
