"""How far a graph has come, for the one who waits."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """Shows which node is at work: one line that moves in a terminal, one line per node elsewhere."""

    def __init__(self, graph: dict[str, Any], object_info: dict[str, Any]) -> None:
        classes = {key: node["class_type"] for key, node in graph.items()}
        self.names = {key: object_info[kind]["display_name"] or kind for key, kind in classes.items()}
        self.begun: list[str] = []
        self.in_terminal = sys.stdout.isatty()

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        node = data.get("node")
        if kind == "executing" and node in self.names and node not in self.begun:
            self.begun.append(node)
            self._show(node, "" if self.in_terminal else "\n")
        elif kind == "progress" and node in self.names and self.in_terminal:
            self._show(node, f" {data['value']}/{data['max']}")
        elif kind == "execution_success" and self.in_terminal:
            print(flush=True)

    def _show(self, node: str, ending: str) -> None:
        line = f"[{len(self.begun):2}/{len(self.names)}] {self.names[node]}{ending}"
        print(f"\r{line:<60}" if self.in_terminal else line, end="", flush=True)
