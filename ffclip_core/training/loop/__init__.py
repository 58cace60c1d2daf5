"""How anything is trained: players that take turns, checkpoints, logs, processes. It knows of no pictures.

A stage makes its networks, gives them with their losses to players, and calls fit(run, players), in as many processes
as launch() starts.
"""

from .fitting import fit
from .players import Learning, Player, decay_of
from .processes import Process, choose_device, gather, launch, mean, wait_for_all, workers_for
from .run import Run, Share, seeded
from .stopping import StoppedError

__all__ = [
    "Learning",
    "Player",
    "Process",
    "Run",
    "Share",
    "StoppedError",
    "choose_device",
    "decay_of",
    "fit",
    "gather",
    "launch",
    "mean",
    "seeded",
    "wait_for_all",
    "workers_for",
]
