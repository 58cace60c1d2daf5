"""kernels.cu → machine code for a GPU, by the NVRTC that comes with PyTorch, kept in the user's cache."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import logging
import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import torch

from .errors import KernelError

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("kernels.cu")
DIGEST_SIZE = hashlib.sha256().digest_size


class Nvrtc:
    """NVIDIA's runtime compiler, loaded from one library file. Raises OSError or KernelError if that is none."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        pointer, size = ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)
        signatures = {
            "nvrtcVersion": (ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)),
            "nvrtcGetNumSupportedArchs": (ctypes.POINTER(ctypes.c_int),),
            "nvrtcGetSupportedArchs": (ctypes.POINTER(ctypes.c_int),),
            "nvrtcCreateProgram": (
                ctypes.POINTER(pointer),
                ctypes.c_char_p,
                ctypes.c_char_p,
                ctypes.c_int,
                pointer,
                pointer,
            ),
            "nvrtcCompileProgram": (pointer, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)),
            "nvrtcDestroyProgram": (ctypes.POINTER(pointer),),
        }
        for what in ("ProgramLog", "CUBIN", "PTX"):
            signatures[f"nvrtcGet{what}Size"] = (pointer, size)
            signatures[f"nvrtcGet{what}"] = (pointer, ctypes.c_char_p)
        for name, types in signatures.items():
            try:
                function = getattr(self._library, name)
            except AttributeError:
                raise KernelError(f"{path.name} has no {name}") from None
            function.argtypes, function.restype = types, ctypes.c_int
        self._library.nvrtcGetErrorString.argtypes = (ctypes.c_int,)
        self._library.nvrtcGetErrorString.restype = ctypes.c_char_p
        major, minor, count = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", major, minor)
        self.version = f"{major.value}.{minor.value}"
        self._call("nvrtcGetNumSupportedArchs", count)
        architectures = (ctypes.c_int * count.value)()
        self._call("nvrtcGetSupportedArchs", architectures)
        self.architectures = sorted(architectures)

    def target(self, architecture: int) -> str:
        """The name to compile for: sm_XX, or for a GPU newer than this compiler the portable compute_XX of the newest.

        architecture: 90 for compute capability 9.0. Raises KernelError for a GPU older than all that it knows.
        """
        known = [each for each in self.architectures if each <= architecture]
        if not known:
            raise KernelError(f"NVRTC {self.version} knows no GPU as old as sm_{architecture}")
        return f"sm_{architecture}" if known[-1] == architecture else f"compute_{known[-1]}"

    def compile(self, source: str, target: str) -> bytes:
        """CUDA C → cubin (target sm_XX) or PTX (compute_XX). Raises KernelError with the compiler's log."""
        program = ctypes.c_void_p()
        self._call("nvrtcCreateProgram", program, source.encode(), SOURCE.name.encode(), 0, None, None)
        try:
            options = (ctypes.c_char_p * 1)(f"--gpu-architecture={target}".encode())
            try:
                self._call("nvrtcCompileProgram", program, len(options), options)
            except KernelError as error:
                raise KernelError(f"{error}: {self._get('ProgramLog', program).decode(errors='replace')}") from None
            return self._get("CUBIN" if target.startswith("sm_") else "PTX", program)
        finally:
            self._call("nvrtcDestroyProgram", program)

    def _get(self, what: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, size)
        content = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, content)
        return content.raw

    def _call(self, name: str, *arguments: object) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            raise KernelError(f"{name}: {self._library.nvrtcGetErrorString(code).decode()}")


@lru_cache(maxsize=1)
def nvrtc() -> Nvrtc:
    """The NVRTC of this Python's PyTorch. Raises KernelError if there is none that loads."""
    failure = "PyTorch came without NVRTC"
    for path in _libraries():
        try:
            return Nvrtc(path)
        except (OSError, KernelError) as error:
            failure = f"NVRTC does not load: {error}"
    raise KernelError(failure)


def build(architecture: int) -> tuple[bytes, str]:
    """The kernels' image for a GPU (90 for compute capability 9.0), and the version of the NVRTC that made it.

    Raises KernelError if it cannot be compiled. A cache that cannot be read or written costs one line in the log.
    """
    compiler = nvrtc()
    target = compiler.target(architecture)
    source = SOURCE.read_text(encoding="utf-8")
    name = f"{hashlib.sha256(source.encode()).hexdigest()[:16]}-{target}-nvrtc{compiler.version}.bin"
    try:
        path = cache_folder() / name
        stored = path.read_bytes() if path.is_file() else None
    except (OSError, RuntimeError) as error:
        logger.warning("The folder of compiled kernels cannot be used: %s", error)
        return compiler.compile(source, target), compiler.version
    if stored is not None:
        image = stored[DIGEST_SIZE:]
        if hashlib.sha256(image).digest() == stored[:DIGEST_SIZE]:
            return image, compiler.version
        logger.warning("%s is damaged: compiling the kernels again.", path)
    image = compiler.compile(source, target)
    try:
        _write(path, hashlib.sha256(image).digest() + image)
    except OSError as error:
        logger.warning("The compiled kernels cannot be kept: %s", error)
    return image, compiler.version


def cache_folder() -> Path:
    """Where compiled kernels are kept. Raises RuntimeError for a user without a home."""
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ffclip-comfyui" / "kernels"


def _write(path: Path, content: bytes) -> None:
    """The whole file at once: another process reads all of it or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _libraries() -> Iterator[Path]:
    """Files that may be NVRTC: in NVIDIA's wheels, in PyTorch's folder, and what PyTorch itself loads it through."""
    torch_libraries = Path(torch.__file__).parent / "lib"
    wheels = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (wheels and wheels.submodule_search_locations) or ()]
    if os.name == "nt":
        major, found = f"nvrtc64_{_cuda_major()}", [torch_libraries.glob("nvrtc64_*.dll")]
        found += [folder.glob("*/bin/**/nvrtc64_*.dll") for folder in folders]
    else:
        major, found = f".so.{_cuda_major()}", [folder.glob("*/lib/libnvrtc*.so*") for folder in folders]
        found.append(torch_libraries.glob("libnvrtc*.so*"))
    paths = [path for each in found for path in each if "builtins" not in path.name and ".alt." not in path.name]
    yield from sorted(paths, key=lambda path: major not in path.name)
    for name in ("libtorch_cuda.so", "libcaffe2_nvrtc.so"):  # Their functions include those of what they load.
        yield from torch_libraries.glob(name)


def _cuda_major() -> str:
    return (torch.version.cuda or "").partition(".")[0]
