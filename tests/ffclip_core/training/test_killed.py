"""A training that is killed over and over, in whatever stage, ends with the losses and parts of one that is not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import fresh
import pytest
import torch
from ffclip.ffclip_core.families import PARTS
from safetensors.torch import load_file

# Trains once, then again in forks that are killed, each at a random moment, until one has ended by itself. What torch
# loads late the first has loaded; on one thread it starts no other.
KILLED = """
import os, random, signal, sys, threading, time
from pathlib import Path
import numpy as np
import torch
from tqdm import tqdm
from ffclip.ffclip_core.training.settings import read_settings
from ffclip.ffclip_core.training.sources import Example
from ffclip.ffclip_core.training import training
from ffclip.ffclip_core.training.training import Task, train

folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
moments = random.Random(seed)
torch.set_num_threads(1)
training.evaluate = lambda work: "measured elsewhere"
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 230), "white": (240, 240, 240)}

def pictures():
    for i in range(40):
        inner, outer = list(COLOURS)[i % 4], list(COLOURS)[i // 4 % 4]
        picture = np.full((16, 16, 3), COLOURS[outer], np.uint8)
        picture[4:12, 4:12] = COLOURS[inner]
        yield Example(picture=picture, captions=(f"{inner} square, {outer} ground",))

class Squares:
    fingerprint = "squares"

    def __iter__(self):
        return pictures()

def run(name):
    stages = ("text", "autoencoder", "generator", "encoder", "modulator")
    stage = {"steps": 4, "batch": 4, "save_every": 0.1}
    settings = read_settings(size=16, workers=1, device="cpu", **{name: stage for name in stages})
    said = lambda sentence: None
    out = folder / name / "squares"
    train(Task(pictures=Squares(), out=out, config=settings, tell=said))
    files = {kind: out / f"{kind}.safetensors" for kind in ("generator", "text_encoder", "image_encoder")}
    train(Task(pictures=Squares(), out=folder / name / "b", config=settings, files=files, tell=said))

def play(until=None):
    child = os.fork()
    if not child:
        tqdm.set_lock(threading.RLock())  # Its own is shared by forks, and one that is killed may hold it.
        run("killed")
        os._exit(0)
    if until is not None:
        time.sleep(until)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def finished(out):
    return sum(1 for _ in out.rglob("finished.json"))

begun = time.monotonic()
run("whole")
lasted = time.monotonic() - begun
while kills:
    status = play(moments.uniform(0.02, 0.5) * lasted)
    print(status, "stages finished:", finished(folder / "killed"), flush=True)
    if status == 0:
        break
    kills -= 1
assert play() == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="forks")
def test_killed_in_any_stage_it_ends_with_the_same_losses_and_parts_to_the_last_bit(tmp_path: Path) -> None:
    """All stages: text, auto-encoder, generator, blocks; and an encoder for the generator, and blocks again."""
    found = fresh.run(KILLED, tmp_path, 2, 1).splitlines()
    assert sum(line.startswith("-9") for line in found) >= 1, found
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    logs = sorted(path.relative_to(whole) for path in whole.rglob("log.csv"))
    assert len(logs) == 6
    parts = sorted(path.relative_to(whole) for path in whole.glob("*/*.safetensors"))
    assert {path.stem for path in parts} == {*PARTS, "image_encoder"} and len(parts) == 10
    for file in logs:
        assert (whole / file).read_bytes() == (killed / file).read_bytes(), file
    for file in parts:
        one, other = (load_file(folder / file) for folder in (whole, killed))
        assert one.keys() == other.keys()
        assert all(torch.equal(value, other[name]) for name, value in one.items()), file
