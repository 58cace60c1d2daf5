"""Running a network over a long batch, a few pictures at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import comfy.model_management
import comfy.utils

from ..ffclip_core.errors import FFCLIPError, InputError
from .wires import ModelPart

Result = TypeVar("Result")

# An interrupt lands between two chunks, so a chunk has to stay well below a second even on a slow CPU.
LARGEST_CHUNK = 4
AREA_PER_CHUNK = LARGEST_CHUNK * 256**2
# The widest feature maps (64 channels, float32, four of them alive at once), spread over the area they cover.
BYTES_PER_AREA = 64 * 4 * 4


def run_in_chunks(part: ModelPart[Any], count: int, area: int, forward: Callable[[slice], Result]) -> list[Result]:
    """Call forward(slice of the batch) until count items are done; the results in order.

    area is what one item covers, in px of its largest feature map: it decides the size of a chunk and the memory asked
    for. Before each chunk the part is brought to its device, after each the progress bar moves (which is where an
    interrupt is raised). When memory runs out the chunk is halved and tried again.

    Raises InputError for an empty batch and FFCLIPError when not even one item fits.
    """
    if count == 0:
        raise InputError("The batch is empty (0 pictures): connect a node that gives at least one picture.")
    progress = comfy.utils.ProgressBar(count)
    results: list[Result] = []
    done = 0
    chunk = max(1, min(LARGEST_CHUNK, AREA_PER_CHUNK // area))
    while done < count:
        stop = min(done + chunk, count)
        # Loaded anew for each chunk: whatever ran in between may have evicted the part. Without force_full_load
        # ComfyUI may leave half of a plain network on the CPU.
        try:
            comfy.model_management.load_models_gpu(
                [part.patcher], memory_required=(stop - done) * area * BYTES_PER_AREA, force_full_load=True
            )
            results.append(forward(slice(done, stop)))
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if stop - done == 1:
                raise FFCLIPError(
                    f"Not even one picture fits in the memory of {part.load_device}: close other programs that use "
                    "this memory, or, in StyleGAN Synthesize, choose a smaller output size."
                ) from error
            chunk = (stop - done) // 2
        else:
            done = stop
            progress.update_absolute(done)
            continue
        # Outside of the except block, where the failed pass's tensors are no longer held by the exception.
        comfy.model_management.soft_empty_cache()
    return results


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out, on whatever device; only some allocators have an exception of their own for it."""
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "not enough memory"))
