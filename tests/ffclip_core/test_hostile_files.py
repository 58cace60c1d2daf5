"""Files made to do harm: nothing in them runs, none takes long or much memory, each is refused in one sentence."""

from __future__ import annotations

import os
import time
from pathlib import Path

import fresh
import hostile
import memory
import pytest
import trees
from ffclip.ffclip_core import CheckpointError, load_encoder, load_generator, load_modulator, load_text_encoder
from hypothesis import HealthCheck, given, reject, settings
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
import time, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import hostile, memory
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
    before = memory.now()
    start = time.process_time()  # Other programs' share of the processor is not the file's fault.
    # All of them read a file alike: one is enough for those whose size is what takes long.
    for load in (load_generator, load_encoder, load_modulator, load_text_encoder)[: 1 if len(content) > 20_000 else 4]:
        watching = True
        try:
            load(path)
            print("LOADED", name, load.__name__)
        except CheckpointError as error:
            message = str(error)
            if not (message.isprintable() and message.endswith(".") and len(message) < 600 and path.name in message):
                print("MESSAGE", name, message)
        except BaseException as error:
            print("ESCAPED", name, type(error), str(error)[:200])
        finally:
            watching = False
    took = time.process_time() - start
    grown = memory.peak() - before
    if took > 60: print("SLOW", name, took)
    if grown > 300_000_000: print("MEMORY", name, grown)
print("files", len(files))
"""


@pytest.mark.slow
def test_the_corpus(tmp_path: Path) -> None:
    tests = Path(hostile.__file__).parent
    *complaints, last = fresh.run(GUARD + RUN, tmp_path, tests, cwd=tmp_path).splitlines() or [""]
    assert complaints == []
    assert int(last.removeprefix("files ")) > 60
    assert [path.name for path in tmp_path.iterdir() if "ran" in path.name] == []


SMALL = {name: content for name, content in hostile.pickled() if len(content) < 5000}
# The ten-minute round: FFCLIP_FUZZ_EXAMPLES=20000 pytest tests/ffclip_core/test_hostile_files.py -k random
EXAMPLES = os.environ.get("FFCLIP_FUZZ_EXAMPLES")
PLACES = st.floats(0, 1)
BYTES = st.tuples(
    st.sampled_from(("flip", "replace", "delete", "repeat", "number", "cut")),
    PLACES,
    st.sampled_from((64, 4096, 10**9)),
    st.booleans(),
    st.integers(0, 255),
)
VALUES = st.tuples(st.sampled_from(trees.KINDS), PLACES, PLACES, st.integers(0, 999))


def fuzzing(share: float) -> settings:
    """The same examples in every run, but new ones in a long round."""
    return settings(
        max_examples=int(share * int(EXAMPLES or 200)),
        deadline=None,
        derandomize=EXAMPLES is None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def check(path: Path) -> None:
    """Every loader gives a model or says in a sentence what is wrong, soon, and without much memory."""
    before, start = memory.now(), time.process_time()
    for load in LOADERS:
        try:
            load(path)
        except CheckpointError as error:
            message = str(error)
            assert message.isprintable() and message.endswith(".") and len(message) < 600, message
    assert time.process_time() - start < 20
    assert memory.peak() - before < 300_000_000


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return {**hostile.models(tmp_path_factory.mktemp("good")), **SMALL}


@fuzzing(1)
@given(
    which=st.sampled_from(list(hostile.WRITERS)) | st.sampled_from(list(SMALL)),
    changes=st.lists(BYTES, min_size=1, max_size=12),
)
def test_random_bytes_end_in_a_checkpoint_error_or_a_model(
    good: dict[str, bytes], tmp_path: Path, which: str, changes: list[tuple[str, float, int, bool, int]]
) -> None:
    content, path = bytearray(good[which]), tmp_path / "fuzzed"
    for change in changes:
        alter(content, *change)
    path.write_bytes(content)
    check(path)


@pytest.mark.slow
@fuzzing(0.4)
@given(layout=st.sampled_from(trees.LAYOUTS), changes=st.lists(VALUES, min_size=1, max_size=5))
def test_random_values_end_in_a_checkpoint_error_or_a_model(
    tmp_path: Path, layout: str, changes: list[trees.Change]
) -> None:
    path = tmp_path / "fuzzed"
    try:
        trees.write(path, layout, changes)
    except Exception:  # What can't be written is not to be read.
        reject()
    check(path)


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
