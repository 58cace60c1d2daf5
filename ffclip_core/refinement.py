"""Refining an inversion: first the codes, then a few of the generator's weights, are brought closer to the pictures.

The codes as Abdal et al. embed pictures (Image2StyleGAN, ICCV 2019; multi-scale squared error by Adam), held near those
of the encoder, since that is where edits are trained. The weights by pivotal tuning (Roich et al., "Pivotal Tuning for
Latent-based Editing of Real Images", ACM TOG 2022), but of few: the affine layers that make styles, all biases, the
noises' strengths and to_rgb, a sixth of a generator of 1024 px. All that convolutions know stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import InputError
from .execution.generator import FastGenerator
from .execution.precision import without_autocast
from .finite import require_finite
from .ordinary import ordinary_tensors
from .pictures import check_mask, check_pictures, prepare, to_images
from .tuned_weights import plain, tuned, with_weights

Progress = Callable[[int, int, Tensor], object]
Perceptual = Callable[[Tensor, Tensor], Tensor]

CODE_RATE, WEIGHT_RATE = 0.1, 0.01
_AFFINE = 0.15  # Of that rate: each output of an affine layer has hundreds of weights that all push.
_FALLING = 0.3  # The last part of the steps, over which the learning rate falls to 0.
_TIE, _LOOSER = 3.0, 1e-3  # The weight of (w - the encoder's w)² at closeness 0, and its part at closeness 1.
_SCALES = (1, 2, 4)  # Squared errors are summed over the picture and its halves.
_TOGETHER = 4  # Pictures up to 256 px; one from 512 px on: what gradients need is kept of each layer.
_LARGEST = 2**31


@dataclass(frozen=True, kw_only=True, eq=False)
class Refinement:
    """w: the codes [B, L, D] float32. generator: the one that was given, or a new one with a few weights of its own,
    which shares all others with it. before, after: root mean square errors in [0, 1] of each picture, [B].

    steps: how far it came of `of`; less where progress ended it, then refine() goes on from here. taken: the steps that
    were really made, fewer where time was up. raised: what progress raised, if that ended it.
    """

    w: Tensor
    generator: FastGenerator
    before: Tensor
    after: Tensor
    steps: int
    of: int
    taken: int
    raised: Exception | None = None

    @property
    def complete(self) -> bool:
        return self.steps == self.of


def refine(
    generator: FastGenerator,
    w: Tensor,
    pictures: Tensor | np.ndarray,
    *,
    steps: int = 40,
    tuning: int = 0,
    closeness: float = 0.5,
    seconds: float | None = None,
    fit: str = "crop",
    mask: Tensor | np.ndarray | None = None,
    proportions: tuple[int, int] = (1, 1),
    perceptual: Perceptual | None = None,
    progress: Progress | None = None,
    start: Refinement | None = None,
) -> Refinement:
    """Bring the encoder's codes w [B, L, D] closer to the pictures [B, H, W, C] in [0, 1] that they are of.

    steps: of each picture's codes; 40 bring them about as close as they get. tuning: steps after that of the
    generator's weights, for all pictures together, such as those of one person. closeness, 0 to 1: how little codes are
    tied to the encoder's, on a logarithmic scale; the looser, the less a modulator knows of them. seconds: the time for
    all of it; steps that it does not reach for are left out, of each picture as many. fit, mask and proportions (height
    to width): how the encoder got the pictures, see ffclip_core.pictures.prepare and to_images. perceptual: a further
    distance of pictures [b, 3, h, w] in [-1, 1], to [b].

    progress(step, of, picture): called after each step with the best picture so far, [1, H, W, 3] in [0, 1]. Where it
    returns False or raises, the best so far is given at once; start, such a result, with all else the same, goes on.
    Nothing is random: the same input gives the same result on one machine, where time is not up. Memory goes by four
    pictures of 256 px or one of 1024 px, for any batch. Raises InputError for what does not go together.
    """
    _check_settings(steps, tuning, closeness, seconds)
    with ordinary_tensors(), without_autocast(w.device if isinstance(w, Tensor) else _CPU):
        generator.check(w, "const", None)
        images = check_pictures(pictures)
        if len(images) != len(w):
            raise InputError(f"{len(w)} codes are refined by as many pictures, not by {len(images)}: give one of each.")
        masks = None if mask is None else check_mask(mask, len(images))
        task = _Task(generator, w, images, fit, masks, proportions, perceptual, _TIE * _LOOSER**closeness)
        course = _Course(len(task.pieces) * steps + tuning, seconds, progress)
        if start is not None:
            task.resume(start, course)
        for i, piece in enumerate(task.pieces):
            task.find_codes(piece, course.stretch(i * steps, steps), course)
        if tuning:
            task.tune(course.stretch(len(task.pieces) * steps, tuning), course)
        return task.result(course)


_CPU = torch.device("cpu")


class _Course:
    """The steps of a call: how far it is, how long it may take, who is told, and whether that one has had enough."""

    def __init__(self, of: int, seconds: float | None, progress: Progress | None) -> None:
        self.of, self.done, self.taken = of, 0, 0
        self.ended, self.raised = False, None
        self._until = None if seconds is None else monotonic() + seconds
        self._progress = progress

    def stretch(self, first: int, count: int) -> Iterator[float]:
        """By what to multiply the learning rate in each step from the first on that is still to be made; time, if it is
        short, is dealt out by steps."""
        begun, allowed = monotonic(), math.inf
        if self._until is not None and self.of > self.done:
            allowed = max(0.0, self._until - begun) * (first + count - self.done) / (self.of - self.done)
        for step in range(max(0, self.done - first), count):
            spent = (monotonic() - begun) / allowed if allowed else 1.0
            if self.ended or spent >= 1:
                break
            yield min(1.0, (1 - max(step / count, spent)) / _FALLING)
        if not self.ended:
            self.done = max(self.done, first + count)

    def tell(self, picture: Tensor, step: bool = True) -> bool:
        """A step was made, or a part of one, and this is the best picture. Whether to go on."""
        self.done, self.taken = self.done + step, self.taken + step
        if self._progress is not None:
            try:
                self.ended = self._progress(self.done, self.of, picture) is False
            except Exception as error:
                self.ended, self.raised = True, error
        return not self.ended


class _Task:
    """The codes and weights as they are by now."""

    def __init__(
        self,
        generator: FastGenerator,
        w: Tensor,
        images: Tensor,
        fit: str,
        mask: Tensor | None,
        proportions: tuple[int, int],
        perceptual: Perceptual | None,
        tie: float,
    ) -> None:
        self.given, self.start = generator, w.detach().float().clone()
        self.images, self.fit, self.mask, self.proportions = images.detach(), fit, mask, proportions
        self.perceptual, self.tie = perceptual, tie
        self.network = plain(generator)
        self.weights: dict[str, Tensor] = {}
        self.last: tuple[slice, Tensor] | None = None
        self.best = self.start.clone()
        together = max(1, min(_TOGETHER, (512 // generator.size) ** 2))
        self.pieces = [slice(i, min(i + together, len(w))) for i in range(0, len(w), together)]
        self.size = generator.size
        while self.size > 16 and self.size > max(images.shape[1:3]):
            self.size //= 2  # A small picture is compared at its own size: enlarged, it would ask for blur.

    def resume(self, start: Refinement, course: _Course) -> None:
        """From where an earlier call was ended."""
        if start.w.shape != self.start.shape or start.of != course.of:
            raise InputError(
                f"This start is of {list(start.w.shape)} codes and {start.of} steps, not of {list(self.start.shape)} "
                f"and {course.of}: give the result of a call with the same codes and steps."
            )
        self.best = start.w.to(self.start).clone()
        course.done, course.taken = start.steps, start.taken
        if start.generator is not self.given:
            state = start.generator.state_dict()
            self.weights = {name: state[name].to(self.start).clone() for name in tuned(self.network)}

    def find_codes(self, piece: slice, factors: Iterator[float], course: _Course) -> None:
        """Those of a piece of the pictures, by gradients through the network as it is written."""
        if (factor := next(factors, None)) is None:
            return
        target, start = self.target(piece), self.start[piece]
        w = self.best[piece].clone()
        least = torch.full((len(w),), math.inf, dtype=torch.float32, device=w.device)
        adam, best = _Adam([w], [CODE_RATE]), None  # best: the first picture of the piece
        while True:
            with torch.set_grad_enabled(factor is not None):
                w.requires_grad_(factor is not None)
                y = self.network(w)
                loss = self.loss(y, target) + self.tie * (w - start).square().mean((1, 2))
                gradient = None if factor is None else torch.autograd.grad(loss.sum(), w)
            better = loss.detach() < least
            least = torch.where(better, loss.detach(), least)
            self.best[piece] = torch.where(better[:, None, None], w.detach(), self.best[piece])
            if best is None or better[0]:
                best = y[:1].detach()
            if factor is None or gradient is None:
                return
            w = w.detach()
            adam.step(gradient, factor)
            if not course.tell(to_images(best, self.proportions)):
                return
            factor = next(factors, None)

    def tune(self, factors: Iterator[float], course: _Course) -> None:
        """The weights, for all pictures together, one piece's gradients after the other's."""
        if (factor := next(factors, None)) is None:
            return
        state = self.network.state_dict()
        names = tuned(self.network)
        weights = {name: (self.weights or state)[name].clone() for name in names}
        adam, least = _Adam(list(weights.values()), [_rate(name) for name in names]), math.inf
        best = self.network(self.best[:1])
        while True:
            total, first, sums = 0.0, None, [torch.zeros_like(value) for value in weights.values()]
            for piece in self.pieces:
                with torch.set_grad_enabled(factor is not None):
                    leaves = {name: value.requires_grad_(factor is not None) for name, value in weights.items()}
                    drawn = torch.func.functional_call(self.network, leaves, (self.best[piece],))
                    loss = self.loss(drawn, self.target(piece)).sum() / len(self.best)
                    if factor is not None:
                        for gradient, part in zip(sums, torch.autograd.grad(loss, list(leaves.values())), strict=True):
                            gradient += part
                total += float(loss)
                first = drawn[:1].detach() if first is None else first
                if piece.stop < len(self.best) and not course.tell(to_images(best, self.proportions), step=False):
                    return
            weights = {name: value.detach() for name, value in weights.items()}
            if total < least and first is not None:
                least, best = total, first
                self.weights = {name: value.clone() for name, value in weights.items()}
            if factor is None:
                return
            adam.step(sums, factor)
            if not course.tell(to_images(best, self.proportions)):
                return
            factor = next(factors, None)

    def target(self, piece: slice) -> Tensor:
        """[b, 3, h, w] in [-1, 1]. The last is kept."""
        if self.last is not None and self.last[0] == piece:
            return self.last[1]
        rows = round(self.size * self.proportions[0] / self.proportions[1])
        mask = self.mask if self.mask is None or len(self.mask) == 1 else self.mask[piece]
        made = prepare(self.images[piece], (rows, self.size), self.fit, mask).to(self.start)
        self.last = piece, made
        return made

    def compared(self, y: Tensor, target: Tensor) -> Tensor:
        """The picture's rows of a drawn square, at the target's size."""
        rows = round(y.shape[-1] * self.proportions[0] / self.proportions[1])
        top = (y.shape[-2] - rows) // 2
        y = y[:, :, top : top + rows]
        return y if y.shape == target.shape else F.adaptive_avg_pool2d(y, (target.shape[-2], target.shape[-1]))

    def loss(self, y: Tensor, target: Tensor) -> Tensor:
        """[b]"""
        y = self.compared(y, target)
        difference = y - target
        loss = torch.stack([F.avg_pool2d(difference, k).square().mean((1, 2, 3)) for k in _SCALES]).sum(0)
        return loss if self.perceptual is None else loss + self.perceptual(y, target).flatten()

    def errors(self, w: Tensor, generator: FastGenerator) -> Tensor:
        """Of the pictures as the fast way draws them."""
        found = []
        for piece in self.pieces:
            target = self.target(piece)
            drawn = self.compared(generator(w[piece]).to(target).clamp(-1, 1), target)
            found.append((drawn - target).square().mean((1, 2, 3)).sqrt() / 2)
        return torch.cat(found)

    def result(self, course: _Course) -> Refinement:
        generator = with_weights(self.given, self.weights) if self.weights else self.given
        require_finite(self.best, "The refined codes", "picture", "layer", "channel")
        return Refinement(
            w=self.best,
            generator=generator,
            before=self.errors(self.start, self.given),
            after=self.errors(self.best, generator),
            steps=course.done,
            of=course.of,
            taken=course.taken,
            raised=course.raised,
        )


class _Adam:
    """Kingma and Ba 2015, on the numbers as they lie there: torch.optim heeds global defaults and hooks."""

    def __init__(self, values: list[Tensor], rates: list[float]) -> None:
        self.values, self.rates, self.steps = values, rates, 0
        self.first = [torch.zeros_like(value) for value in values]
        self.second = [torch.zeros_like(value) for value in values]

    def step(self, gradients: Any, factor: float) -> None:
        """factor: of the learning rates."""
        self.steps += 1
        factor /= 1 - 0.9**self.steps
        every = zip(self.values, self.rates, gradients, self.first, self.second, strict=True)
        for value, rate, gradient, first, second in every:
            first.lerp_(gradient, 0.1)
            second.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            size = (second / (1 - 0.999**self.steps)).sqrt_().add_(1e-8)
            value.detach().addcdiv_(first, size, value=-rate * factor)


def _rate(name: str) -> float:
    return WEIGHT_RATE * (_AFFINE if name.endswith("modulation.weight") else 1)


def _check_settings(steps: Any, tuning: Any, closeness: Any, seconds: Any) -> None:
    for name, value in (("The steps", steps), ("The tuning steps", tuning)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not 0 <= value < _LARGEST:
            raise InputError(f"{name} are a whole number such as 40, not {str(value)[:80]}.")
    if not steps + tuning:
        raise InputError("There are 0 steps to take: give at least one.")
    if not isinstance(closeness, (int, float, np.number)) or isinstance(closeness, bool) or not 0 <= closeness <= 1:
        raise InputError(f"The closeness is a number from 0 to 1, not {str(closeness)[:80]}.")
    if seconds is not None and (
        not isinstance(seconds, (int, float, np.number)) or isinstance(seconds, bool) or not seconds > 0
    ):
        raise InputError(f"The seconds are a number above 0, or None, not {str(seconds)[:80]}.")
