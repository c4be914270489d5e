"""A learned loss in an environment, beside a policy gradient and a random search."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ml3zoo.apply.environment import apply_in_environment
from ml3zoo.apply.environment.baselines import PolicyGradient, advantages, random_search
from ml3zoo.apply.environment.evaluation import evaluate
from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.policies import parse_policy
from ml3zoo.apply.environment.training import train_under
from ml3zoo.apply.verdict import Difference, MetricFormat, verdict
from ml3zoo.errors import InputError, MissingExtraError, OutputError
from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig, read_config, write_config
from ml3zoo.format.environment import AffineScale, EnvironmentConfig
from ml3zoo.losses import build_loss
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.control.opening import open_vector_env
from ml3zoo.tasks.control.rollouts import Rollouts
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.zoo.loading import load_loss
from ml3zoo.zoo.store import save_loss
from tests.command import ml3zoo

gymnasium = pytest.importorskip("gymnasium")
FIELD, CAR = "tests/Field-v0", "ml3zoo.tasks.control.environments:ml3zoo/MountainCar-v0"
STEPS = 12


class Field(gymnasium.Env):
    """A point that moves in the plane. Observes its position, its goal and the offset between them."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(-9, 9, (6,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, render_mode: str | None = None, fault: str = "") -> None:
        self.render_mode, self.fault = render_mode, fault
        if fault == "mujoco":
            raise gymnasium.error.DependencyNotInstalled("MuJoCo is not installed")
        if fault == "broken":
            raise ValueError("no grass")
        if fault == "discrete":
            self.action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position, self.goal = np.zeros(2), self.np_random.uniform(-0.5, 0.5, 2)
        return self.observed(), {}

    def step(self, action):
        self.position = self.position + 0.1 * action
        return self.observed(), -float(np.linalg.norm(self.position - self.goal)), False, False, {}

    def observed(self):
        return np.concatenate([self.position, self.goal, self.position - self.goal]).astype(np.float32)

    def render(self):
        if self.fault == "blind":
            raise gymnasium.error.DependencyNotInstalled("a pencil is not installed")
        picture = np.full((40, 40, 3), 255, np.uint8)
        row, column = (20 + 12 * self.position).astype(int).clip(0, 39)
        picture[row, column] = 0
        return picture


for fault in ("", "mujoco", "broken", "discrete", "blind"):
    name = FIELD if not fault else f"tests/Field{fault.title()}-v0"
    gymnasium.register(name, Field, kwargs={"fault": fault}, max_episode_steps=99)


def field_config(**changes: Any) -> EnvironmentConfig:
    known = {"goal_at": (2, 3), "offset_at": (4, 5), "tolerance": 0.2}
    return EnvironmentConfig(
        id=FIELD,
        episode_steps=STEPS,
        observation_normaliser=(AffineScale(scale=0.5),) * 6,
        **(known | changes),
    )


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A folder with a loss that leads to the goal; arguments change its environment's config."""
    made = itertools.count()

    def make(**changes: Any) -> Path:
        environment = field_config(**changes)
        config = LossConfig(
            name="guide",
            summary="Aims straight at the goal.",
            family="trajectory",
            problem_type="trajectory",
            signals=tuple(SignalConfig(signal=signal) for signal in ("state", "action", "goal")),
            architecture={
                "state": [{}] * 6,
                "action": [{}] * 2,
                "goal": [{}] * (len(environment.goal) or 2),
                "hidden": [2],
            },
            inner=InnerConfig(optimizer="adam", lr=0.03, steps=15),
            environment=environment,
        )
        loss = build_loss(config)
        with torch.no_grad():
            for p in loss.parameters():
                p.zero_()
            first, last = (layer for layer in loss.network if isinstance(layer, nn.Linear))
            first.weight[[0, 1], [4, 5]] = -4.0
            last.weight[[1, 2], [0, 1]] = 2.0
        return save_loss(loss, tmp_path_factory.mktemp("losses") / f"guide-{next(made)}")

    return make


@contextmanager
def evaluator_of(config: EnvironmentConfig, count: int = 3) -> Iterator[Evaluator]:
    with open_vector_env(FIELD, count, config.episode_steps) as vector_env:
        yield Evaluator(vector_env, config, MLP((6, 16, 2), "tanh"))


@pytest.mark.parametrize("one_start", [True, False])
def test_policies_learn_under_the_loss_and_cost_is_reported(one_start: bool, guide: Callable[..., Path]) -> None:
    report = apply_in_environment(guide(one_start=one_start), FIELD, policy="16 tanh", seeds=4)
    learned, gradient, search = report.methods
    assert [one.label for one in report.methods] == ["learned loss", "REINFORCE", "random search"]
    assert learned.success >= 0.75
    assert learned.returns.mean > max(gradient.returns.mean, search.returns.mean)
    assert learned.distance.mean < 0.2
    assert [one.env_steps for one in report.methods] == [15 * STEPS, 15 * STEPS, 16 * STEPS]
    baseline = min((gradient, search), key=lambda one: one.distance.mean)
    assert report.baseline == baseline.label
    gap = learned.distance.mean - baseline.distance.mean
    assert report.difference.mean == pytest.approx(gap, abs=1e-4)
    assert ("helps: distance from the goal" in report.verdict) == (report.difference.high < 0)
    assert "Its return is" not in report.verdict
    assert ("one start" in report.lines()[0]) == one_start
    assert max(map(len, report.lines()[2:6])) <= 60


@pytest.mark.parametrize("one_start", [True, False])
def test_training_side_by_side_is_training_alone(one_start: bool, guide: Callable[..., Path]) -> None:
    """Policies side by side come out as from a plain PyTorch loop over each of them."""
    folder, steps = guide(one_start=one_start), 4
    with evaluator_of(read_config(folder).environment) as evaluator:
        together = train_under(
            load_loss(folder, reduction="none"), evaluator, steps, lambda step, snapshot: None
        ).policies
        for which in range(3):
            alone, loss = evaluator.fresh_policies().pick(which).trainable(), load_loss(folder, total_steps=steps)
            optimizer = loss.make_optimizer(alone.parameters())
            environment = gymnasium.make(FIELD, max_episode_steps=STEPS)
            for step in range(steps):
                state, _ = environment.reset(seed=evaluator.start_seed(step) + which)
                visited, over = [], False
                while not over:
                    visited.append(torch.tensor(state)[None])
                    with torch.no_grad():
                        state, _, _, over, _ = environment.step(alone(visited[-1])[0].clamp(-1, 1).numpy())
                states = torch.stack(visited)
                optimizer.zero_grad()
                loss(alone(states), states[..., 2:4], feature=states).backward()
                optimizer.step()
            for weight, expected in zip(together.pick(which).weights.values(), alone.parameters(), strict=True):
                torch.testing.assert_close(weight, expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("one_start", [True, False])
def test_starts_are_one_or_fresh_and_shared_by_methods(one_start: bool) -> None:
    with evaluator_of(field_config(one_start=one_start)) as evaluator:
        goals = [evaluator.roll_out(evaluator.fresh_policies(draw), draw).states[0, :, 2:4] for draw in range(3)]
        assert torch.equal(goals[0], evaluator.roll_out(evaluator.fresh_policies(9), 0).states[0, :, 2:4])
    assert torch.equal(goals[0], goals[1]) == torch.equal(goals[1], goals[2]) == one_start
    assert len(goals[0].unique(dim=0)) == 3


def test_the_policy_gradient_climbs() -> None:
    with evaluator_of(field_config(one_start=True), 6) as evaluator:
        before, after = (
            evaluate(
                PolicyGradient(0.005, 0.3).train(evaluator, steps).policies, evaluator, steps
            ).rollouts.returns.mean()
            for steps in (0, 40)
        )
    assert after > 0.7 * before


def test_a_random_search_finds_the_best_policy_of_each_environment() -> None:
    with evaluator_of(field_config(one_start=True)) as evaluator:
        tried = torch.stack([evaluator.roll_out(evaluator.fresh_policies(draw), draw).returns for draw in range(6)])
        best = random_search(evaluator, 5)
        assert torch.equal(evaluator.roll_out(best.policies, 7).returns, tried.amax(0))
        assert best.env_steps.tolist() == [6 * STEPS] * 3
    assert len(tried.argmax(0).unique()) > 1


def rollouts_of(rewards: torch.Tensor, alive: torch.Tensor) -> Rollouts:
    nothing = torch.zeros(*rewards.shape, 1)
    return Rollouts(nothing, nothing, rewards * alive, alive, nothing[0], alive[0])


def test_advantages_are_normalised_residuals_of_the_reward_to_come() -> None:
    alive = torch.arange(10)[:, None] < torch.tensor([10, 6, 1])
    rewards = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    found = advantages(rollouts_of(rewards, alive))
    assert not found[~alive].any()
    for episode, steps in ((0, 10), (1, 6)):
        torch.testing.assert_close(found[:steps, episode].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
        torch.testing.assert_close(found[:steps, episode].std(correction=0), torch.tensor(1.0))
        ahead = rewards[:steps, episode].flip(0).cumsum(0).flip(0).numpy()
        line = np.polynomial.Polynomial.fit(np.arange(steps), ahead, 1)(np.arange(steps))
        assert np.corrcoef(found[:steps, episode], ahead - line)[0, 1] == pytest.approx(1, abs=1e-5)
    assert not advantages(rollouts_of(torch.full((10, 3), -0.1), alive)).any()


def test_what_is_saved_is_the_best_policy_the_report_and_pictures(guide: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    out, folder = tmp_path / "out", guide(one_start=True)
    report = apply_in_environment(folder, FIELD, policy="16-8 ReLU", steps=7, seeds=2, out=out, record=True)
    assert report.film == "rendered by the environment"
    names = {"policy.safetensors", "report.json", "trajectories.png", "trajectories.gif"}
    assert {path.name for path in out.iterdir()} == names
    written = json.loads((out / "report.json").read_text())
    assert written.pop("sha256").keys() == names - {"report.json"}
    assert written == report.as_dict()
    with Image.open(out / "trajectories.png") as picture, Image.open(out / "trajectories.gif") as film:
        assert picture.width > 3 * picture.height
        assert film.n_frames > STEPS / 2
    policy = written["policy"]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(policy["sizes"]):
        layers += [nn.Linear(before, after), getattr(nn, policy["activation"])()]
    network = nn.Sequential(*layers[:-1])
    network.load_state_dict(load_file(out / "policy.safetensors"))
    environment = gymnasium.make(FIELD, max_episode_steps=STEPS)
    state, _ = environment.reset(seed=policy["start"])
    normaliser = policy["observation_normaliser"]
    for _ in range(STEPS):
        seen = [(value - one["shift"]) / one["scale"] for value, one in zip(state, normaliser, strict=True)]
        action = network(torch.tensor(np.array(seen), dtype=torch.float32)).clamp(-1, 1)
        state, *_ = environment.step(action.detach().numpy())
    assert report.methods[0].distance is not None
    mean, std = report.methods[0].distance.mean, report.methods[0].distance.std
    assert np.linalg.norm(state[4:]) == pytest.approx(mean - std / 2**0.5, abs=1e-3)  # the nearer one of two


@pytest.mark.parametrize(("env", "reason"), [("tests/FieldBlind-v0", "a pencil is not installed"), (CAR, "no mode")])
def test_where_nothing_is_rendered_the_drawing_moves(
    env: str, reason: str, guide: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    folder = guide() if env != CAR else car(tmp_path)
    report = apply_in_environment(folder, env, steps=1, seeds=2, out=tmp_path / "out", record=True)
    assert report.film is not None
    assert reason in report.film
    assert report.policy.start is None
    assert report.verdict.endswith(f" It was made for {FIELD}.") == (env not in (FIELD, CAR))
    with Image.open(tmp_path / "out" / "trajectories.gif") as film:
        assert film.n_frames > 10
        assert film.width > film.height


@pytest.mark.parametrize("length", [1, 2, 59, 61, 1000])
def test_a_film_has_at_most_so_many_pictures_and_shows_the_last(length: int) -> None:
    pytest.importorskip("matplotlib")
    from ml3zoo.plots.film import times_shown

    times = times_shown(length)
    assert len(times) == len(set(times)) <= 61
    assert (times[0], times[-1]) == (0, length - 1)


def car(tmp_path: Path) -> Path:
    """The bundled loss in a folder of its own."""
    folder = save_loss(load_loss("mountain-car"), tmp_path / "mountain-car")
    write_config(read_config(folder).replace(environment=find_recipe("mountain-car").config.environment), folder)
    return folder


def test_nothing_half_written_is_left(guide: Callable[..., Path], tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("matplotlib")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ml3zoo.apply.environment.saving.save_film", full)
    with pytest.raises(OutputError, match="No space left"):
        apply_in_environment(guide(), FIELD, steps=1, seeds=2, out=tmp_path / "out", record=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_refused_before_training(guide: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"thesis\.txt"):
        apply_in_environment(guide(), "tests/NoSuch-v0", out=tmp_path)


@pytest.mark.parametrize(
    ("env", "options", "message"),
    [
        ("tests/Fild-v0", {}, "no environment 'tests/Fild-v0' is known .*Did you mean.* An id of Gymnasium"),
        ("nowhere:Field-v0", {}, "no environment .*ModuleNotFoundError"),
        ("tests/FieldBroken-v0", {}, "could not be made .ValueError: no grass"),
        ("tests/FieldDiscrete-v0", {}, r"actions in Discrete\(2\)"),
        ("MountainCarContinuous-v0", {}, "observes 2 numbers and takes 1 .* guide was made for 6 and 2, .*Field-v0"),
        (FIELD, {"policy": "64"}, r'policy is \'64\': .* such as "64 tanh"'),
        (FIELD, {"policy": "64-0 tanh"}, "hidden layers 64-0: .* 1 to 4096"),
        (FIELD, {"policy": "64 eLU"}, "activation 'eLU': .* Did you mean 'ReLU'"),
        (FIELD, {"seeds": 0}, "seeds=0"),
        (FIELD, {"record": True}, "--out DIR"),
    ],
)
def test_mistakes_are_explained(env: str, options: dict[str, Any], message: str, guide: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=message):
        apply_in_environment(guide(), env, **options)


def test_what_is_missing_is_named(guide: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=r"ml3zoo\[rl\]"):
        apply_in_environment(guide(), "tests/FieldMujoco-v0")
    folder = guide()
    write_config(read_config(folder).replace(environment=None), folder)
    with pytest.raises(InputError, match="guide describes no environment"):
        apply_in_environment(folder, FIELD)
    with pytest.raises(InputError, match=r"regression loss; .* Run: ml3zoo apply sine-regression DATA --target"):
        apply_in_environment("sine-regression", FIELD)


def test_distances_and_goals_may_be_unknown(guide: Callable[..., Path]) -> None:
    """One goal for all and no distance: success is an episode that ends by itself."""
    report = apply_in_environment(guide(goal=(0.0, 0.0), goal_at=(), offset_at=()), FIELD, steps=1, seeds=2)
    assert [one.distance for one in report.methods] == [None] * 3
    assert [one.success for one in report.methods] == [0.0] * 3
    assert "distance" not in report.lines()[2]


@pytest.mark.parametrize(
    ("text", "sizes", "activation"), [("64 tanh", (6, 64, 2), "tanh"), (" 64-32  relu ", (6, 64, 32, 2), "ReLU")]
)
def test_policies_are_parsed(text: str, sizes: tuple[int, ...], activation: str) -> None:
    assert parse_policy(text, 6, 2) == MLP(sizes, activation)


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        ([2.0, 3.0, 4.0], r"guide helps: return 3 higher than X .* over 3 seeds \+0.5159 to \+5.484\)"),
        ([-2.0, -3.0, -4.0], "guide does worse: return 3 lower than X"),
        ([-1.0, 1.0, 0.3], "No clear difference: guide gives return 0.1 higher than X"),
        ([0.0, 0.0, 0.0], "No clear difference: guide gives the same return as X"),
    ],
)
def test_the_verdict_speaks_of_returns(gap: list[float], expected: str) -> None:
    sentence = verdict(
        "guide", "X", Difference.of(np.array(gap)), MetricFormat(metric="return", better="higher"), "3 seeds"
    )
    assert re.search(expected, sentence), sentence


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mountain-car", "table.csv", "--target", "y"], "DATA and --target cannot be used with it."),
        (["sine-regression", "--env", "A-v0"], "on a table: DATA --target COLUMN; --env cannot be used with it."),
        (["sine-regression", "table.csv", "--target", "y", "--record"], "; --record cannot be used with it."),
        (
            ["sine-regression"],
            "regression loss, to be applied on a table: DATA --target COLUMN; DATA and --target are missing.",
        ),
    ],
)
def test_options_of_another_problem_type_are_refused(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = ml3zoo("apply", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_without_an_environment_the_one_of_the_loss_is_named(tmp_path: Path) -> None:
    done = ml3zoo("apply", car(tmp_path))
    assert done.returncode == 1
    assert f"in an environment: --env {CAR}; --env is missing" in done.stderr


def test_the_command_line_in_an_environment(tmp_path: Path) -> None:
    done = ml3zoo("apply", car(tmp_path), "--env", CAR, "--steps", "1", "--seeds", "2", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["environment"] == CAR
    assert report["network"] == "2-64-1 tanh"
    assert report["methods"][0]["env_steps"] <= 35


@pytest.mark.slow
def test_bundled_losses_work_in_environments_of_gymnasium() -> None:
    car = apply_in_environment("mountain-car-continuous", "MountainCarContinuous-v0", seeds=4).methods[0]
    assert car.success == 1
    assert car.returns.mean > 90
    learned, *baselines = apply_in_environment("reacher", "Reacher-v5", seeds=8).methods
    assert learned.distance.mean < 0.03 < min(baseline.distance.mean for baseline in baselines) / 2
