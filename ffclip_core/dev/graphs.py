"""Saved workflows (UI format) as what ComfyUI runs (API format)."""

from __future__ import annotations

from typing import Any


def to_api(workflow: dict[str, Any], object_info: dict[str, Any]) -> dict[str, Any]:
    """Turn a saved workflow (UI format) into what ComfyUI runs (API format), as its page does.

    object_info is ComfyUI's answer to /object_info: which inputs a node has, and which of them are widgets. The saved
    widget values are only a list, in the order of these inputs; some widgets bring a second value along.
    Nodes that ComfyUI does not know (notes) and muted ones are left out.
    """
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    graph = {}
    for node in workflow["nodes"]:
        known = object_info.get(node["type"])
        if known is None or node.get("mode", 0) != 0:
            continue
        linked = {slot["name"]: slot.get("link") for slot in node.get("inputs", [])}
        values = iter(node.get("widgets_values", []))
        inputs: dict[str, Any] = {}
        for kind in ("required", "optional"):
            for name in known["input_order"].get(kind, []):
                wire, settings = [*known["input"][kind][name], {}][:2]
                is_widget = isinstance(wire, list) or wire in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
                if is_widget and not settings.get("forceInput"):
                    inputs[name] = next(values, settings.get("default"))
                    # The choice of what happens to a seed after a run, and the upload button, are values too.
                    if any(settings.get(key) for key in ("control_after_generate", "image_upload", "video_upload")):
                        next(values, None)
                if linked.get(name) is not None:
                    inputs[name] = sources[linked[name]]
        graph[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return graph
