from __future__ import annotations

import gc
from typing import Any

import pytest
import torch


@pytest.fixture
def part(nodes: dict):  # noqa: ANN201
    from ffclip.nodes.wires import ModelPart

    return ModelPart.managed(torch.nn.Linear(1, 1), torch.device("cpu"))


@pytest.fixture
def progress(comfyui: object):  # noqa: ANN201
    """Values of the progress bar; restores ComfyUI's hook afterwards."""
    import comfy.utils

    values: list[tuple[int, int]] = []
    before = comfy.utils.PROGRESS_BAR_HOOK
    comfy.utils.set_progress_bar_global_hook(lambda value, total, preview, node_id=None: values.append((value, total)))
    yield values
    comfy.utils.set_progress_bar_global_hook(before)


def numbers(piece: slice) -> tuple[torch.Tensor]:
    """The places of a piece's items in the batch."""
    return (torch.arange(piece.start, piece.stop),)


def sizes(part: Any, count: int, area: int) -> list[int]:
    """The sizes of the chunks."""
    from ffclip.nodes.chunking import run_in_chunks

    found = []

    def forward(piece: slice) -> tuple[torch.Tensor]:
        found.append(piece.stop - piece.start)
        return numbers(piece)

    run_in_chunks(part, count, area, forward)
    return found


def test_a_long_batch_runs_in_small_chunks_in_order(part, progress) -> None:  # noqa: ANN001
    from ffclip.nodes.chunking import run_in_chunks

    (pieces,) = run_in_chunks(part, 10, 64**2, numbers)
    assert pieces.tolist() == list(range(10))
    assert progress == [(4, 10), (8, 10), (10, 10)]


def test_large_pictures_run_one_at_a_time(part) -> None:  # noqa: ANN001
    assert sizes(part, 3, 1024**2) == [1, 1, 1]


def test_free_memory_decides_on_a_gpu(part, monkeypatch) -> None:  # noqa: ANN001
    import comfy.model_management
    from ffclip.nodes import chunking

    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device: 3.5 * 64**2 * chunking.BYTES_PER_AREA)
    assert sizes(part, 7, 64**2) == [3, 3, 1]
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device: 1e12)
    assert sizes(part, 9, 64**2) == [4, 4, 1]
    assert chunking._chunk(torch.device("cuda"), 64**2) == 32
    assert chunking._chunk(torch.device("cuda"), 1024**2) == 2


def test_results_are_written_as_they_come(part) -> None:  # noqa: ANN001
    """Never is there a second copy of all of them."""
    from ffclip.nodes.chunking import run_in_chunks

    seen = []

    def forward(piece: slice) -> tuple[torch.Tensor, torch.Tensor]:
        # Room for all of the results is there after the first piece, and before it nothing.
        seen.append(sum(isinstance(x, torch.Tensor) and x.shape == (6, 333, 7) for x in gc.get_objects()))
        return torch.full((piece.stop - piece.start, 333, 7), piece.start), torch.zeros(piece.stop - piece.start)

    whole, zeros = run_in_chunks(part, 6, 64**2, forward)
    assert whole[:, 0, 0].tolist() == [0, 0, 0, 0, 4, 4] and zeros.shape == (6,)
    assert seen == [0, 1]


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
    ],
)
def test_out_of_memory_halves_the_chunk_and_loses_nothing(part, progress, error: RuntimeError) -> None:  # noqa: ANN001
    from ffclip.nodes.chunking import run_in_chunks

    tried = []

    def forward(piece: slice) -> tuple[torch.Tensor]:
        count = piece.stop - piece.start
        tried.append(count)
        if count > 1:
            raise error
        return numbers(piece)

    (found,) = run_in_chunks(part, 5, 64**2, forward)
    assert found.tolist() == [0, 1, 2, 3, 4]
    assert tried == [4, 2, 1, 1, 1, 1, 1]
    assert progress[-1] == (5, 5)


def test_another_error_is_not_taken_for_it(part) -> None:  # noqa: ANN001
    from ffclip.nodes.chunking import run_in_chunks

    def forward(piece: slice) -> tuple[torch.Tensor]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        run_in_chunks(part, 4, 64**2, forward)


def test_when_not_even_one_picture_fits_the_user_is_told(part) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import FFCLIPError
    from ffclip.nodes.chunking import run_in_chunks

    def forward(piece: slice) -> tuple[torch.Tensor]:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(FFCLIPError, match="Not even one picture fits in the memory of cpu: close other programs"):
        run_in_chunks(part, 4, 64**2, forward)


def test_more_results_than_there_is_memory_are_named(part) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import FFCLIPError
    from ffclip.nodes.chunking import run_in_chunks

    def forward(piece: slice) -> tuple[torch.Tensor]:  # 256 TiB, beyond what a process can ever address
        return (torch.zeros(1, 1).expand(piece.stop - piece.start, 2**42),)

    with pytest.raises(FFCLIPError, match="All 16 results together take 262144.0 GiB of the memory of cpu.*fewer"):
        run_in_chunks(part, 16, 64**2, forward)


def test_an_interrupt_stops_between_two_chunks(part, comfyui) -> None:  # noqa: ANN001
    import comfy.model_management
    import comfy.utils
    from ffclip.nodes.chunking import run_in_chunks

    done = []

    def forward(piece: slice) -> tuple[torch.Tensor]:
        done.append(piece.stop)
        if piece.stop == 8:
            comfy.model_management.interrupt_current_processing()
        return numbers(piece)

    def hook(value: int, total: int, preview: object, node_id: object = None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()

    before = comfy.utils.PROGRESS_BAR_HOOK
    comfy.utils.set_progress_bar_global_hook(hook)  # what ComfyUI's server sets
    try:
        with pytest.raises(comfy.model_management.InterruptProcessingException):
            run_in_chunks(part, 100, 64**2, forward)
    finally:
        comfy.utils.set_progress_bar_global_hook(before)
    assert done == [4, 8]


def test_an_empty_batch_is_refused(part) -> None:  # noqa: ANN001
    from ffclip.ffclip_core.errors import InputError
    from ffclip.nodes.chunking import run_in_chunks

    with pytest.raises(InputError, match="batch is empty"):
        run_in_chunks(part, 0, 64**2, numbers)


def test_every_chunk_has_its_network_loaded_whole(part, monkeypatch) -> None:  # noqa: ANN001
    import comfy.model_management
    from ffclip.nodes.chunking import run_in_chunks

    asked = []
    real = comfy.model_management.load_models_gpu

    def load(models: list, **options: Any) -> None:
        asked.append((models, options["force_full_load"]))
        real(models, **options)

    monkeypatch.setattr(comfy.model_management, "load_models_gpu", load)
    run_in_chunks(part, 6, 64**2, numbers)
    assert asked == [([part.patcher], True)] * 2
