"""The loop on networks of a few numbers, whose every step can be followed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import games
import golden
import numpy as np
import pytest
import torch
from ffclip.ffclip_core.errors import InputError
from ffclip.ffclip_core.execution.precision import has_bfloat16
from ffclip.ffclip_core.training.loop import Learning, Player, Run, Share, decay_of, fit, seeded
from ffclip.ffclip_core.training.loop.log import LOG
from torch import Tensor, nn

RATE = 0.01


class Numbers(nn.Module):
    """Two parameters, and buffers as a normalisation has them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(1))
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("count", torch.tensor(0))


def falling(model: Numbers, seen: list[float] | None = None) -> Callable[[Share], dict[str, Tensor]]:
    """Losses whose slope is always 1, so that Adam moves every number by the learning rate."""

    def losses(share: Share) -> dict[str, Tensor]:
        if seen is not None:
            seen.append(float(model.second.detach()))
        model.get_buffer("mean").fill_(share.step)
        model.get_buffer("count").fill_(share.step)
        return {"first": model.first.sum(), "second": model.second.sum()}

    return losses


def learn(
    folder: Path, steps: int, losses: Callable[[Share], dict[str, Tensor]], model: nn.Module, **how: object
) -> nn.Module:
    """What is used of the model after so many steps."""
    player = Player.of("numbers", model, losses, Learning(**{"learning_rate": RATE, **how}))  # pyright: ignore
    fit(Run(folder=folder, steps=steps, batch=1), [player])
    return player.averages["network"]


def test_what_is_used_is_the_running_mean_of_the_weights(tmp_path: Path) -> None:
    model, seen = Numbers(), []
    average = learn(tmp_path, 40, falling(model, seen), model, ema=0.8)
    after = [*seen[1:], float(model.second.detach())]
    expected, mean = after[0], 0.0
    for step, value in list(enumerate(after))[1:]:
        decay = min(0.8, (1 + step) / (10 + step))  # At first it forgets soon, what it began with above all.
        expected, mean = decay * expected + (1 - decay) * value, decay * mean + (1 - decay) * step
    same = golden.rounding(1, layers=40)
    assert isinstance(average, Numbers) and average is not model
    assert golden.error(average.second, torch.tensor([expected])) < same
    assert golden.error(average.get_buffer("mean"), torch.tensor([mean])) < same
    assert int(average.get_buffer("count")) == 39
    assert after[-1] < expected < 0, "the mean comes after the weights, which fall"
    assert not average.training and not average.first.requires_grad


def test_without_averaging_the_network_itself_is_used(tmp_path: Path) -> None:
    model = Numbers()
    found = learn(tmp_path, 5, falling(model), model)
    assert found is model and not model.training and float(model.first.detach().max()) < 0


def test_half_of_a_running_mean_is_new_after_its_half_life() -> None:
    assert decay_of(10_000, 8) ** (10_000 / 8) == pytest.approx(0.5)
    assert decay_of(0, 8) == 0


def steps_of(folder: Path, steps: int, **how: object) -> Tensor:
    """By how much the second number falls in each step, float64 [steps]."""
    model, seen = Numbers(), []
    learn(folder, steps, falling(model, seen), model, **how)
    return -torch.tensor([*seen, float(model.second.detach())], dtype=torch.float64).diff()


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        (
            {"schedule": "cosine", "warm_up": 100},
            lambda i: min(1, (i + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * i / 200)) / 2),
        ),
        ({"schedule": "halving"}, lambda i: 0.5 ** ((i >= 100) + (i >= 150) + (i >= 180) + (i >= 190))),
        ({"schedule": "constant", "warm_up": 2}, lambda i: 0.5 if i == 0 else 1.0),
    ],
)  # fmt: skip
def test_the_learning_rate_goes_as_the_schedule_says(how: dict, wanted: Callable[[int], float], tmp_path: Path) -> None:
    expected = torch.tensor([RATE * wanted(i) for i in range(200)], dtype=torch.float64)
    # Each is the difference of two float32 of up to the sum of all.
    assert golden.largest_error(steps_of(tmp_path, 200, **how), expected) < golden.rounding(200, layers=200)


def test_parts_may_learn_slower_and_gradients_are_clipped(tmp_path: Path) -> None:
    model = Numbers()
    learn(tmp_path, 3, falling(model), model, rates={"sec": 0.25}, clip=0.5)
    assert golden.error(model.second.detach(), 0.25 * model.first[:1].detach()) < golden.rounding(1, layers=3)
    gradients = torch.cat([p.grad for p in model.parameters() if p.grad is not None])
    assert golden.error(gradients, torch.full((4,), 0.25)) < 1e-5  # All four as long as 0.5.


def adam(slopes: list[float], rates: list[float], betas: tuple[float, float]) -> float:
    """Where it leads from 0; Kingma and Ba, ICLR 2015, algorithm 1."""
    number, mean, square = 0.0, 0.0, 0.0
    for step, (slope, rate) in enumerate(zip(slopes, rates, strict=True)):
        mean, square = betas[0] * mean + (1 - betas[0]) * slope, betas[1] * square + (1 - betas[1]) * slope**2
        number -= (
            rate * (mean / (1 - betas[0] ** (step + 1))) / (math.sqrt(square / (1 - betas[1] ** (step + 1))) + 1e-8)
        )
    return number


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.0, 0.999)])
def test_adam_is_as_its_authors_have_it(betas: tuple[float, float], tmp_path: Path) -> None:
    model = Numbers()
    slopes = list(np.random.default_rng(0).uniform(-1, 3, 20))
    learn(
        tmp_path, 20, lambda share: {"loss": (slopes[share.step] * model.first).sum()}, model,
        betas=betas, schedule="constant",
    )  # fmt: skip
    expected = torch.full((3,), adam(slopes, [RATE] * 20, betas))
    assert golden.error(model.first.detach(), expected) < golden.rounding(20, layers=10)


class Phased(Player):
    """A main loss, and another one in every third step."""

    phases = ("main", "lazy")

    def __init__(self, log: list[tuple[int, str]]) -> None:
        super().__init__("phased", Learning(learning_rate=RATE, betas=(0.5, 0.9), ema=0.5, schedule="constant"))
        self.network, self.log = Numbers(), log

    def forward(self, share: Share) -> dict[str, Tensor]:
        self.log.append((share.step, share.phase))
        if share.phase == "main":
            return {"main": self.network.first.sum()}
        return {"lazy": -2 * self.network.first.sum()} if share.step % 3 == 0 else {}


def test_phases_have_their_own_steps_of_the_same_adam(tmp_path: Path) -> None:
    log: list[tuple[int, str]] = []
    player = Phased(log)
    fit(Run(folder=tmp_path, steps=5, batch=1, log_every=1), [player])
    slopes = [1.0, -2.0, 1.0, 1.0, 1.0, -2.0, 1.0]
    expected = torch.full((3,), adam(slopes, [RATE] * 7, (0.5, 0.9)))
    assert golden.error(player.network.first.detach(), expected) < golden.rounding(7, layers=7)
    assert log == [(step, phase) for step in range(5) for phase in ("main", "lazy")]


def test_players_take_turns_and_each_moves_its_own_weights_alone(tmp_path: Path) -> None:
    one, other = Numbers(), Numbers()
    order: list[str] = []

    def losses(name: str) -> Callable[[Share], dict[str, Tensor]]:
        def found(share: Share) -> dict[str, Tensor]:
            order.append(name)
            mine, others = (one, other) if name == "one" else (other, one)
            assert mine.first.requires_grad and not others.first.requires_grad
            return {name: (mine.first * (1 + others.first)).sum() + others.second.sum()}

        return found

    seen = Player.of("one", one, losses("one"), Learning(learning_rate=RATE))
    both = [seen, Player.of("other", other, losses("other"), Learning(learning_rate=RATE / 2))]
    fit(Run(folder=tmp_path, steps=2, batch=1), both)
    assert order == ["one", "other"] * 2
    assert not one.second.any() and not other.second.any(), "which only the other one's loss is about"
    assert float(one.first.detach().max()) < float(other.first.detach().max()) < 0
    assert one.first.requires_grad and other.first.requires_grad, "as before"


def test_weights_that_are_frozen_stay_so(tmp_path: Path) -> None:
    model = Numbers()
    model.second.requires_grad_(False)
    learn(tmp_path, 3, lambda share: {"loss": (model.first + model.second).sum()}, model, ema=0.5)
    assert not model.second.any() and not model.second.requires_grad and model.first.requires_grad


def test_accumulated_parts_are_as_one_large_batch(tmp_path: Path) -> None:
    ends = []
    for parts in (1, 4):
        table = games.players("game", remember=False)
        fit(games.run_of(tmp_path / str(parts), accumulate=parts), table)
        rows = np.genfromtxt(tmp_path / str(parts) / LOG, delimiter=",", skip_header=1, filling_values=0.0)
        ends.append({**games.weights(table), "log": torch.from_numpy(rows)})
    # Adam divides by gradients' sizes, small ones as well, so each of 20 steps adds what rounding does to one.
    for key, value in ends[0].items():
        assert golden.error(ends[1][key].double(), value.double()) < golden.rounding(8, layers=20 * 8), key


def test_every_step_draws_its_own_random_numbers_for_the_whole_batch() -> None:
    def share(step: int = 3, micro: int = 0, **others: int) -> Share:
        return Share(run=Run(folder=Path(), steps=9, batch=12, **others), step=step, micro=micro)  # pyright: ignore

    def drawn(share: Share, name: str = "z") -> Tensor:
        return share.of(torch.randn(share.batch, 2, generator=share.stream(name)))

    whole = drawn(share())
    parts = [drawn(share(micro=m, rank=r, world=2, accumulate=3)) for m in range(3) for r in range(2)]
    assert torch.equal(torch.cat(parts), whole) and {len(part) for part in parts} == {2}
    for other in (drawn(share(step=4)), drawn(share(), "y"), drawn(share(seed=1))):
        assert not set(whole.flatten().tolist()) & set(other.flatten().tolist())
    rows = [share(rank=r, world=2).rows(1000) for r in range(2)]
    assert np.array_equal(np.concatenate(rows), share().rows(1000)) and len(set(np.concatenate(rows))) > 6
    assert share().rng("a", 1).random() == share().rng("a", 1).random() != share().rng("a", 2).random()


def test_a_batch_that_cannot_be_dealt_evenly_is_told() -> None:
    with pytest.raises(InputError, match="A batch of 10 can't be dealt evenly to 2 processes × 3 parts .* 6 or 12"):
        Run(folder=Path(), steps=1, batch=10, world=2, accumulate=3)
    with pytest.raises(InputError, match="take a batch that 4 divides, such as 4."):
        Run(folder=Path(), steps=1, batch=3, world=4)


def test_bfloat16_is_for_the_networks_where_it_is_asked_for() -> None:
    def kinds(precision: str, enabled: bool = True) -> torch.dtype:
        run = Run(folder=Path(), steps=1, batch=1, precision=precision)  # pyright: ignore[reportArgumentType]
        with Share(run=run, step=0, micro=0).autocast(enabled):
            return nn.Linear(2, 2)(torch.ones(1, 2)).dtype

    assert kinds("bfloat16") == torch.bfloat16
    assert kinds("auto") == (torch.bfloat16 if has_bfloat16(torch.device("cpu")) else torch.float32)
    assert kinds("bfloat16", enabled=False) == kinds("float32") == torch.float32


def test_a_training_in_bfloat16_is_near_that_in_float32(tmp_path: Path) -> None:
    ends = {}
    for precision in ("float32", "bfloat16"):
        table = games.players("pairs")
        fit(games.run_of(tmp_path / precision, precision=precision), table)
        ends[precision] = games.weights(table)["pairs.one.0.weight"]
    assert 0 < golden.error(ends["bfloat16"], ends["float32"]) < 0.1


def test_sheets_and_exports_see_networks_at_rest(tmp_path: Path) -> None:
    table = games.players("game", dropout=0.5)
    seen: list[tuple[str, int]] = []

    def look(name: str) -> Callable[[int], None]:
        def call(step: int) -> None:
            networks = [*table, *(network for player in table for network in player.averages.values())]
            assert not torch.is_grad_enabled() and not any(m.training for n in networks for m in n.modules())
            seen.append((name, step))

        return call

    modes: list[bool] = []
    fit(
        games.run_of(tmp_path, steps=7, sheet_every=3, save_every=-1), table,
        sheet=look("sheet"), export=look("export"),
        progress=lambda step: modes.append(all(m.training for player in table for m in player.modules())),
    )  # fmt: skip
    assert [step for name, step in seen if name == "sheet"] == [3, 6, 7]
    assert [step for name, step in seen if name == "export"] == [1, 2, 3, 4, 5, 6, 7]
    assert modes == [True] * 7, "and go on learning as before"
    assert not any(module.training for player in table for module in player.modules())


def test_what_is_done_already_is_only_exported(tmp_path: Path) -> None:
    fit(games.run_of(tmp_path), games.players("game"))
    table, seen = games.players("game"), []
    fit(games.run_of(tmp_path), table, sheet=seen.append, export=seen.append, progress=seen.append)
    again = games.players("game")
    fit(games.run_of(tmp_path / "other"), again)
    assert seen == [20] and games.same(games.weights(table), games.weights(again))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_trains_where_gradients_are_off_and_leaves_torch_as_it_was(mode: type, tmp_path: Path) -> None:
    expected = games.players("game")
    fit(games.run_of(tmp_path / "plain"), expected)
    table = games.players("game")
    before = torch.get_rng_state()
    with mode():
        fit(games.run_of(tmp_path / "off"), table)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), before) and torch.is_grad_enabled()
    assert games.same(games.weights(table), games.weights(expected))


def test_torchs_own_random_numbers_do_not_depend_on_what_was_drawn_before(tmp_path: Path) -> None:
    ends = []
    for draws in (0, 5):
        torch.rand(draws)
        table = games.players("game", dropout=0.5)
        fit(games.run_of(tmp_path / str(draws)), table)
        ends.append(games.weights(table))
    assert games.same(*ends)
    with seeded(3):
        first = torch.rand(2)
    with seeded(3):
        assert torch.equal(torch.rand(2), first)
