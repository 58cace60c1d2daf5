"""Workflows as the page saves them, made into what ComfyUI runs."""

from __future__ import annotations

from ffclip.ffclip_core.dev.graphs import to_api

OBJECT_INFO = {
    "Source": {
        "input": {"required": {"file": [["a.png"], {"image_upload": True}], "scale": ["FLOAT", {"default": 1.0}]}},
        "input_order": {"required": ["file", "scale"]},
    },
    "Draw": {
        "input": {
            "required": {
                "image": ["IMAGE", {}],
                "seed": ["INT", {"control_after_generate": True}],
                "size": ["COMBO", {"options": ["full"]}],
            },
            "optional": {"mask": ["MASK"], "text": ["STRING", {"default": "none"}]},
        },
        "input_order": {"required": ["image", "seed", "size"], "optional": ["mask", "text"]},
    },
}


def test_saved_widget_values_find_their_inputs() -> None:
    workflow = {
        "nodes": [
            {"id": 1, "type": "Note", "widgets_values": ["read me"]},
            {"id": 2, "type": "Source", "inputs": [], "widgets_values": ["a.png", "image", 0.5]},
            {
                "id": 3,
                "type": "Draw",
                "inputs": [{"name": "image", "link": 9}, {"name": "mask", "link": None}],
                "widgets_values": [7, "fixed", "full"],
            },
            {"id": 4, "type": "Draw", "mode": 2, "inputs": [], "widgets_values": [7, "fixed", "full"]},
        ],
        "links": [[9, 2, 0, 3, 0, "IMAGE"]],
    }
    assert to_api(workflow, OBJECT_INFO) == {
        "2": {"class_type": "Source", "inputs": {"file": "a.png", "scale": 0.5}},
        "3": {"class_type": "Draw", "inputs": {"image": ["2", 0], "seed": 7, "size": "full", "text": "none"}},
    }
