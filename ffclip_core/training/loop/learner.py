"""A player at work: its gradients, optimiser, schedule and running means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from ...errors import FFCLIPError
from .players import Player
from .processes import mean
from .run import Run, Share, reseed


class NotFiniteError(FFCLIPError):
    """A loss or a gradient that is no finite number."""


class Learner:
    """player, on the run's device, with all that its weights are learnt with."""

    def __init__(self, player: Player, run: Run) -> None:
        self.player, self.run = player.to(run.device), run
        learning = player.learning
        self.parameters = [p for p in player.parameters() if p.requires_grad]
        groups: dict[float, list[nn.Parameter]] = {}
        for name, parameter in player.named_parameters():
            if parameter.requires_grad:
                factor = next((f for part, f in learning.rates.items() if part in name), 1.0)
                groups.setdefault(factor, []).append(parameter)
        self.optimizer = torch.optim.Adam(
            [{"params": group, "initial_lr": learning.learning_rate * factor} for factor, group in groups.items()],
            betas=learning.betas,
            fused=True,
        )
        self.means = {
            name: AveragedModel(network, multi_avg_fn=self._follow, use_buffers=True).requires_grad_(False).eval()
            for name, network in player.named_children()
            if learning.ema
        }
        player.averages = {
            name: self.means[name].module if name in self.means else network
            for name, network in player.named_children()
        }
        self.schedule = self._schedule(0)
        self.shared: nn.Module = player

    def join(self) -> None:
        """Begin to average gradients over all processes; the starting weights are those of the first."""
        if self.run.world > 1:
            # Buckets stay as they are, and so does the order of sums, only where unused parameters are looked for.
            self.shared = DistributedDataParallel(self.player, find_unused_parameters=True)

    def state(self) -> dict[str, Any]:
        return {
            "player": self.player.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "means": {name: average.state_dict() for name, average in self.means.items()},
        }

    def restore(self, state: dict[str, Any], step: int) -> None:
        """As it was before this step; rates and the like are those of now."""
        self.player.load_state_dict(state["player"])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state["optimizer"]})
        for parameter, kept in self.optimizer.state.items():
            for name, value in kept.items():
                # As the parameter lies in memory, which may not be how it lay: fused steps take both in the same order.
                if value.shape == parameter.shape and value.stride() != parameter.stride():
                    kept[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        for name, average in self.means.items():
            average.load_state_dict(state["means"][name])
        self.schedule = self._schedule(step)

    def take_turn(self, step: int) -> dict[str, float]:
        """Learn from a step's batch; the losses, as means over the whole batch."""
        values: dict[str, float] = {}
        for phase in self.player.phases:
            values |= self._learn(step, phase)
        self.schedule.step()
        for name, average in self.means.items():
            average.update_parameters(self.player.get_submodule(name))
        return values

    def switch(self, on: bool) -> None:
        """Let the weights take gradients, or not, as while another player has its turn."""
        for parameter in self.parameters:
            parameter.requires_grad_(on)

    def _learn(self, step: int, phase: str) -> dict[str, float]:
        self.optimizer.zero_grad()
        sums: dict[str, Tensor] = {}
        for micro in range(self.run.accumulate):
            share = Share(run=self.run, step=step, micro=micro, phase=phase)
            reseed(share.seed_of(self.player.name, phase, share.first), self.run.device)
            last = micro + 1 == self.run.accumulate
            ddp = self.shared
            with ddp.no_sync() if isinstance(ddp, DistributedDataParallel) and not last else nullcontext():
                losses = self.shared(share)
                if not losses:
                    return {}
                (torch.stack(list(losses.values())).sum() / self.run.accumulate).backward()
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss.detach() / self.run.accumulate
        norm = nn.utils.clip_grad_norm_(self.parameters, self.player.learning.clip)
        *means, norm = mean(torch.stack([*sums.values(), norm])).tolist()
        values = dict(zip(sums, means, strict=True))
        for name, value in {**values, "gradient": norm}.items():
            if not math.isfinite(value):
                what = f"loss {name!r}" if name in values else f"gradient of {self.player.name!r}"
                raise NotFiniteError(f"The {what} is {value} in step {step + 1} of {self.run.name}")
        self.optimizer.step()
        return values

    def _schedule(self, step: int) -> torch.optim.lr_scheduler.LambdaLR:
        steps, learning = self.run.steps, self.player.learning
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        return torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda done: learning.factor(done, steps), last_epoch=step - 1
        )

    def _follow(self, means: Sequence[Tensor], values: Sequence[Tensor], count: Tensor | int) -> None:
        """mean = decay · mean + (1 − decay) · value, with a decay that is less at first; counters are copied."""
        decay = min(self.player.learning.ema, (1 + int(count)) / (10 + int(count)))
        if means[0].is_floating_point():
            torch._foreach_lerp_(list(means), list(values), 1 - decay)  # pyright: ignore[reportPrivateImportUsage]
        else:
            torch._foreach_copy_(list(means), list(values))  # pyright: ignore[reportPrivateImportUsage]
