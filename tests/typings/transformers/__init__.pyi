# For pyright alone: open_clip and ComfyUI import transformers, the pack does not. Its thousands of names, looked up for
# nothing, would take half of pyright's time.
from typing import Any

def __getattr__(name: str) -> Any: ...
