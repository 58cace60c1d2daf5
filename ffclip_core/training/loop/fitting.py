"""The one loop by which everything is trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch

from .checkpoint import Checkpoint
from .learner import Learner, NotFiniteError
from .log import Log
from .players import Player
from .processes import any_of
from .run import Run, seeded
from .stopping import StoppedError, asked_to_stop
from .storage import alone, storing


def fit(
    run: Run,
    players: Sequence[Player],
    *,
    sheet: Callable[[int], None] | None = None,
    export: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Train until run.steps are done, from where the run in run.folder was left. In each step each player has its turn:
    losses, gradient, clipping, optimiser, schedule, running mean.

    What is to be used of a player is in its `averages`, at all times and afterwards. sheet draws a sample sheet, every
    run.sheet_every steps and at the end; export writes what is usable already, after every checkpoint. Both get the
    number of steps done, are called in the first process alone, without gradients, with all networks in eval mode.
    stop is asked after each step whether to end there; progress gets the number of steps done after each.

    A checkpoint is written at the start, every run.save_every seconds, at the end, and when the run is asked to end. A
    run that was killed at any moment, and is called again, gives the same weights and the same log to the last bit, on
    the same machine. It may be called where gradients are off, and leaves torch's own state as it was.

    Raises:
        InputError: another run works in the folder.
        StoppedError: SIGINT or SIGTERM came, or stop() said so; the state is saved.
        StorageError: the folder can't be written to; the last checkpoint stays.
        CheckpointError: the checkpoint is damaged or of other settings.
        NotFiniteError: a loss or a gradient is no finite number; the last checkpoint stays.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(seeded(run.seed, run.device))
        asked = stack.enter_context(asked_to_stop(stop))
        if run.rank == 0:
            with storing(run.folder):
                run.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(alone(run.folder))
        learners = [Learner(player, run) for player in players]
        checkpoint = Checkpoint(run, learners)
        start, state = checkpoint.load()
        for learner in learners:
            learner.player.train()
            learner.join()
            learner.switch(False)
            stack.callback(learner.player.eval)
            stack.callback(learner.switch, True)
        with storing(run.folder):
            log = Log(run, start, state)
        stack.callback(log.close)

        def show(call: Callable[[int], None] | None, done: int) -> None:
            if call and run.rank == 0:
                with at_rest(players), storing(run.folder, f"; {checkpoint.kept()}"):
                    call(done)

        saved = time.monotonic()
        for done in range(start + 1, run.steps + 1):
            values = _step(learners, checkpoint, done - 1)
            with storing(log.path, f"; {checkpoint.kept()}"):
                log.add(done, values)
            if progress:
                progress(done)
            last, ending = done == run.steps, any_of(asked(), run.device)
            if done % run.sheet_every == 0 or last:
                show(sheet, done)
            if run.rank == 0 and (last or ending or time.monotonic() - saved >= run.save_every):
                checkpoint.save(done, log.state())
                if not last:
                    show(export, done)
                saved = time.monotonic()
            if ending and not last:
                raise StoppedError(f"{run.name} stopped after step {done} of {run.steps}; run again to go on there.")
        show(export, run.steps)


def _step(learners: Sequence[Learner], checkpoint: Checkpoint, step: int) -> dict[str, float]:
    values: dict[str, float] = {}
    for learner in learners:
        learner.switch(True)
        try:
            values |= learner.take_turn(step)
        except NotFiniteError as error:
            raise NotFiniteError(
                f"{error}; {checkpoint.kept()}: run again with a lower learning rate or clip, or in float32."
            ) from None
        learner.switch(False)
    return values


@contextmanager
def at_rest(players: Sequence[Player]) -> Iterator[None]:
    """No gradients, and all networks of the players and their averages in eval mode; afterwards as before."""
    networks = [*players, *(network for player in players for network in player.averages.values())]
    training = {module: module.training for network in networks for module in network.modules()}
    for network in networks:
        network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, was in training.items():
            module.training = was
