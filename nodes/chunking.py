"""Running a network over a long batch, as many pictures at a time as memory and the wish to interrupt allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.model_management
import comfy.utils
import torch

from ..ffclip_core.errors import FFCLIPError, InputError
from .wires import ModelPart

# An interrupt lands between two chunks, so a chunk has to stay well below a second even on a slow CPU.
LARGEST_CHUNK = 4
AREA_PER_CHUNK = LARGEST_CHUNK * 256**2
# A GPU is quicker: there free memory decides, up to so many times more.
GPU_FACTOR = 8
# The widest feature maps (64 channels, float32, four of them alive at once), spread over the area they cover.
BYTES_PER_AREA = 64 * 4 * 4


def run_in_chunks(
    part: ModelPart[Any], count: int, area: int, forward: Callable[[slice], tuple[torch.Tensor, ...]]
) -> tuple[torch.Tensor, ...]:
    """Call forward(slice of the batch) until count items are done; its tensors for the whole batch.

    area is what one item covers, in px of its largest feature map: with the memory that is free it decides the size of
    a chunk. Results are written where they belong as they come, so that nothing is held twice. Before each chunk the
    part is brought to its device, after each the progress bar moves (which is where an interrupt is raised). When
    memory runs out the chunk is halved and tried again.

    Raises InputError for an empty batch and FFCLIPError when not even one item fits, or not all results.
    """
    if count == 0:
        raise InputError("The batch is empty (0 pictures): connect a node that gives at least one picture.")
    progress = comfy.utils.ProgressBar(count)
    results: tuple[torch.Tensor, ...] = ()
    done = 0
    chunk = _chunk(part.load_device, area)
    while done < count:
        stop = min(done + chunk, count)
        # Loaded anew for each chunk: whatever ran in between may have evicted the part. Without force_full_load
        # ComfyUI may leave half of a plain network on the CPU.
        try:
            comfy.model_management.load_models_gpu(
                [part.patcher], memory_required=(stop - done) * area * BYTES_PER_AREA, force_full_load=True
            )
            made = forward(slice(done, stop))
            results = results or _room_for(made, count)
            for result, tensor in zip(results, made, strict=True):
                result[done:stop] = tensor
        except RuntimeError as error:
            if not is_out_of_memory(error):
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


def _room_for(made: tuple[torch.Tensor, ...], count: int) -> tuple[torch.Tensor, ...]:
    """Empty tensors for the whole batch, by those of a piece."""
    try:
        return tuple(tensor.new_empty(count, *tensor.shape[1:]) for tensor in made)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        size = sum(tensor[0].numel() * tensor.element_size() for tensor in made) * count / 2**30
        raise FFCLIPError(
            f"All {count} results together take {size:.1f} GiB of the memory of {made[0].device}, which has less left: "
            "give fewer pictures at once."
        ) from error


def _chunk(device: torch.device, area: int) -> int:
    """How many items at a time."""
    factor = 1 if device.type == "cpu" else GPU_FACTOR
    free = int(comfy.model_management.get_free_memory(device))  # pyright: ignore[reportArgumentType]
    return max(1, min(factor * LARGEST_CHUNK, factor * AREA_PER_CHUNK // area, free // (area * BYTES_PER_AREA)))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether memory ran out, on whatever device; only some allocators have an exception of their own for it."""
    return any(words in str(error) for words in ("out of memory", "can't allocate memory", "not enough memory"))
