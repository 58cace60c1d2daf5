"""Files made to do harm: nothing in them runs, none takes long or much memory, each is refused in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hostile
import pytest
from ffclip.ffclip_core import CheckpointError, load_encoder, load_generator, load_modulator, load_text_encoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LOADERS = (load_generator, load_encoder, load_modulator, load_text_encoder)
# What reading a file may never do. The hook stays, so this runs in a process of its own.
GUARD = """
import sys
FORBIDDEN = ("os.", "subprocess.", "socket.", "ctypes.", "exec", "compile", "shutil.", "webbrowser.")
ALLOWED = ("os.listdir", "os.scandir")
watching = False
def guard(event, arguments):
    if not watching:
        return
    if event.startswith(FORBIDDEN) and event not in ALLOWED or event == "import" or (
        event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    ):
        print("RAN", event, repr(arguments)[:200], flush=True)
sys.addaudithook(guard)
"""
RUN = """
import gc, resource, time, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import hostile
from ffclip.ffclip_core import CheckpointError, load_generator, load_encoder, load_modulator, load_text_encoder
folder = Path(sys.argv[1])
warnings.simplefilter("ignore")
path = folder / "hostile.bin"
files = list(hostile.corpus(folder))
path.write_bytes(files[0][1])
for load in (load_generator, load_encoder, load_modulator, load_text_encoder):
    try: load(path)
    except CheckpointError: pass
for name, content in files:
    path.write_bytes(content)
    size = len(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    for load in (load_generator, load_encoder, load_modulator, load_text_encoder):
        watching = True
        try:
            load(path)
            print("LOADED", name, load.__name__)
        except CheckpointError as error:
            message = str(error)
            if "\\n" in message or not message.endswith(".") or len(message) > 600 or path.name not in message:
                print("MESSAGE", name, message)
        except BaseException as error:
            print("ESCAPED", name, type(error), str(error)[:200])
        finally:
            watching = False
    took = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if took > 60: print("SLOW", name, took)
    if grown > 300_000: print("MEMORY", name, grown)
print("files", len(files))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="memory is measured with the module resource, which Windows lacks")
def test_the_corpus(tmp_path: Path) -> None:
    tests = Path(hostile.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", GUARD + RUN, str(tmp_path), str(tests)],
        capture_output=True, text=True, timeout=900, cwd=tmp_path,
    )  # fmt: skip
    *complaints, last = done.stdout.splitlines() or [""]
    assert done.returncode == 0, done.stderr[-2000:]
    assert complaints == []
    assert int(last.removeprefix("files ")) > 60
    assert [path.name for path in tmp_path.iterdir() if "ran" in path.name] == []


SMALL = [content for _, content in hostile.pickled() if len(content) < 5000]
# The ten-minute round: FFCLIP_FUZZ_EXAMPLES=50000 pytest tests/ffclip_core/test_hostile_files.py -k random
EXAMPLES = int(os.environ.get("FFCLIP_FUZZ_EXAMPLES", "300"))
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("flip", "replace", "delete", "repeat", "number", "cut")),
        st.floats(0, 1),
        st.sampled_from((64, 4096, 10**9)),
        st.booleans(),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return [*hostile.models(tmp_path_factory.mktemp("good")).values(), *SMALL]


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(which=st.integers(0, 6) | st.integers(7, len(SMALL) + 6), changes=CHANGES)
def test_random_changes_end_in_a_checkpoint_error_or_a_model(
    good: list[bytes], tmp_path: Path, which: int, changes: list[tuple[str, float, int, bool, int]]
) -> None:
    content, path = bytearray(good[which]), tmp_path / "fuzzed"
    for change in changes:
        alter(content, *change)
    path.write_bytes(content)
    for load in LOADERS:
        try:
            load(path)
        except CheckpointError as error:
            assert "\n" not in str(error) and str(error).endswith(".")


def alter(content: bytearray, kind: str, place: float, span: int, start: bool, value: int) -> None:
    """One change: of bits, of bytes, of pieces. Mostly at the start or end, where programs and headers are."""
    if not content:
        return
    at = min(int(place * min(span, len(content))), len(content) - 1)
    at = at if start else len(content) - 1 - at
    if kind == "flip":
        content[at] ^= 1 << value % 8
    elif kind == "replace":
        content[at] = value
    elif kind == "delete":
        del content[at : at + 1 + value % 9]
    elif kind == "repeat":
        content[at:at] = content[at : at + value]
    elif kind == "number":
        content[at : at + 8] = (1 << value % 63).to_bytes(8, "little")
    else:
        del content[at:]
