"""A learned policy objective beside PPO's own, on agents in small environments."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from ml3zoo.cli import app
from ml3zoo.errors import CheckpointError, InputError, MissingExtraError, OutputError
from ml3zoo.meta.interruption import Interrupted
from ml3zoo.zoo.loading import load_loss
from ml3zoo.zoo.store import save_loss
from tests.benchmarks.policy import LEARNED, RECIPE

pytest.importorskip("stable_baselines3")

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from ml3zoo.apply.agents import apply_to_agents
from ml3zoo.apply.agents.comparison import AgentComparison, Returns, points
from ml3zoo.apply.agents.report import verdict_of
from ml3zoo.apply.agents.settings import Settings
from ml3zoo.apply.agents.training import Agent
from ml3zoo.evaluate.statistics import Estimate
from ml3zoo.integrations.sb3 import LearnedPPO

LINE = "tests/Line-v0"
HYPER = {"n_steps": 32, "batch_size": 16, "n_epochs": 2}
STEPS = 64
SPACES: dict[str, Any] = {
    "dict": gymnasium.spaces.Dict({"x": gymnasium.spaces.Box(-9, 9, (2,))}),
    "image": gymnasium.spaces.Box(0, 255, (4, 4, 3), np.uint8),
}


class Line(gymnasium.Env):
    """A point on a line that should stay at 0, for six steps."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, render_mode: str | None = None, fault: str = "") -> None:
        self.render_mode, self.fault = render_mode, fault
        self.observation_space = SPACES.get(fault, gymnasium.spaces.Box(-9, 9, (2,), np.float32))
        if fault == "discrete":
            self.action_space = gymnasium.spaces.Discrete(2)
        if fault == "bits":
            self.action_space = gymnasium.spaces.MultiBinary(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.age, self.place = 0, self.np_random.uniform(-1, 1)
        return self.observed(), {}

    def step(self, action):
        if self.fault == "broken" and self.age == 2:
            raise ZeroDivisionError("no ground")
        self.age += 1
        self.place += 0.3 * float(np.mean(action))
        reward = np.nan if self.fault == "reward" and self.age == 3 else -abs(self.place)
        return self.observed(), reward, self.age >= 6 and self.fault != "endless", False, {}

    def observed(self):
        return np.array([self.place, self.age if self.fault != "observed" else np.inf], np.float32)

    def render(self):
        return np.full((20, 20, 3), 10 * self.age, np.uint8)


for fault in ("", "reward", "observed", "endless", "dict", "image", "discrete", "bits", "broken"):
    gymnasium.register(f"tests/Line{fault.title()}-v0", Line, kwargs={"fault": fault})


@pytest.fixture(scope="module")
def objective(tmp_path_factory: pytest.TempPathFactory) -> Path:
    loss = RECIPE.fresh_loss(0)
    loss.reset_parameters(LEARNED)
    return save_loss(loss.requires_grad_(False), tmp_path_factory.mktemp("losses") / "policy-objective")


@pytest.fixture(scope="module")
def saved(objective: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report."""
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("reports") / "out"
    apply_to_agents(objective, LINE, steps=STEPS, seeds=2, hyper=HYPER, normalise=True, out=out, record=True)
    return out


def test_what_is_saved(saved: Path) -> None:
    from PIL import Image

    report = json.loads((saved / "report.json").read_text())
    kept = {"model.zip", "normaliser.pkl", "monitor.csv", "progress.csv"}
    agents = {f"agents/{key}-{seed}" for key in ("ppo", "learned") for seed in (0, 1)}
    assert {folder for method in report["methods"] for folder in method["agents"]} == agents
    assert report["sha256"].keys() == {f"{a}/{name}" for a in agents for name in kept} | {"returns.png", "agents.gif"}
    assert not saved.with_name("out.unfinished").exists()
    assert (report["steps"], report["hyper"], report["film"]) == (STEPS, HYPER, "rendered by the environment")
    with Image.open(saved / "agents.gif") as film:
        assert film.n_frames == 7
        assert film.width > 1.5 * film.height
    progress = (saved / "agents/learned-1/progress.csv").read_text()
    assert "train/policy_gradient_loss" in progress
    assert progress.count("\n") == 1 + STEPS // HYPER["n_steps"]


@pytest.mark.parametrize("key", ["ppo", "learned"])
def test_an_agent_is_what_its_library_trains(key: str, saved: Path, objective: Path) -> None:
    """The same by hand, in a few lines of stable-baselines3."""
    make = {"ppo": PPO, "learned": lambda *given, **more: LearnedPPO(*given, loss=load_loss(objective), **more)}[key]
    from stable_baselines3.common.env_util import make_vec_env

    with torch.random.fork_rng():
        env = VecNormalize(make_vec_env(LINE))
        by_hand = make("MlpPolicy", env, seed=1, device="cpu", **HYPER).learn(STEPS)
    folder = saved / "agents" / f"{key}-1"
    loaded = PPO.load(folder / "model.zip", device="cpu")
    for ours, theirs in zip(loaded.policy.parameters(), by_hand.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    normaliser = VecNormalize.load(str(folder / "normaliser.pkl"), env.venv)
    assert np.array_equal(normaliser.obs_rms.mean, env.obs_rms.mean)


def test_global_chance_is_left_alone_and_the_objective_matters(objective: Path) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    report = apply_to_agents(
        objective, "tests/LineDiscrete-v0", steps=STEPS, seeds=1, hyper=HYPER | {"learning_rate": 0.1}
    )
    assert torch.equal(torch.random.get_rng_state(), expected[0])
    assert np.array_equal(np.random.get_state()[1], expected[1])
    ppo, learned = report.methods
    assert ppo.agents == ()
    assert ppo.returns.value != learned.returns.value
    assert report.difference.mean == pytest.approx(learned.returns.value - ppo.returns.value, abs=1e-4)
    assert "one seed is too few for a verdict" in report.lines()[-1]


@contextmanager
def stopping(looks: int) -> Iterator[SimpleNamespace]:
    """An interruption after so many looks at it."""

    class Asked:
        count = 0

        @property
        def asked(self) -> bool:
            self.count += 1
            return self.count > looks

    yield Asked()


@pytest.mark.parametrize("looks", [2, 3], ids=["midway", "before the last update"])
def test_an_interrupted_comparison_goes_on(
    looks: int, saved: Path, objective: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    again = {"steps": STEPS, "seeds": 2, "hyper": HYPER, "normalise": True, "out": tmp_path / "out"}
    with monkeypatch.context() as patch:
        patch.setattr("ml3zoo.apply.agents.apply.interruption", lambda: stopping(looks))
        patch.setattr("ml3zoo.apply.agents.training._NOTED_EVERY", 32)
        with pytest.raises(Interrupted):
            apply_to_agents(objective, LINE, **again)
    waiting = tmp_path / "out.unfinished"
    assert {path.name for path in tmp_path.iterdir()} == {"out.unfinished"}
    assert {path.name for path in waiting.iterdir()} == {"comparison.json", "ppo-0"}
    before = (waiting / "ppo-0" / "model.zip").stat().st_mtime_ns
    with pytest.raises(CheckpointError, match="holds agents of another comparison"):
        apply_to_agents(objective, LINE, **(again | {"normalise": False}))
    report = apply_to_agents(objective, LINE, **again)
    assert (tmp_path / "out/agents/ppo-0/model.zip").stat().st_mtime_ns == before
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    earlier = json.loads((saved / "report.json").read_text())
    assert report.as_dict() | {"film": None} == {k: v for k, v in earlier.items() if k != "sha256"} | {"film": None}


@pytest.mark.parametrize(
    ("env", "options", "message"),
    [
        ("tests/Lin-v0", {}, "no environment 'tests/Lin-v0' is known"),
        ("tests/LineReward-v0", {}, "LineReward-v0 rewarded nan at step 3 of an episode: finite numbers"),
        ("tests/LineObserved-v0", {}, "observed .*inf.* at its reset"),
        ("tests/LineEndless-v0", {}, "an episode of tests/LineEndless-v0 is not over after 6 steps, a tenth"),
        ("tests/LineDict-v0", {}, r"observations in Dict.*: a Box of one dimension was expected"),
        ("tests/LineImage-v0", {}, r"observations in Box.*: a Box of one dimension was expected"),
        ("tests/LineBits-v0", {}, r"actions in MultiBinary\(2\)"),
        ("tests/LineBroken-v0", {}, r"LineBroken-v0 failed at step 3 of an episode \(ZeroDivisionError: no ground"),
        (LINE, {"steps": 31}, "steps is 31: PPO learns from roll-outs of n_steps=32"),
        (LINE, {"hyper": {}}, "steps is 64: PPO learns from roll-outs of n_steps=2048"),
        (LINE, {"hyper": {"n_step": 32}}, "no hyper-parameter 'n_step' .* Did you mean 'n_steps'"),
        (LINE, {"hyper": {"n_steps": 0.5}}, "n_steps is 0.5: a whole number"),
        (LINE, {"hyper": HYPER | {"gamma": float("nan")}}, "hyper-parameter gamma is nan"),
        (LINE, {"hyper": HYPER | {"batch_size": 1}}, "cannot train in tests/Line-v0 with n_steps=32, batch_size=1"),
        (LINE, {"seeds": 0}, "seeds=0"),
        (LINE, {"record": True, "out": None}, "--out DIR"),
    ],
)
def test_mistakes_are_explained_and_leave_nothing(
    env: str, options: dict[str, Any], message: str, objective: Path, tmp_path: Path
) -> None:
    usual = {"steps": STEPS, "seeds": 1, "hyper": HYPER, "out": tmp_path / "out"}
    with pytest.raises(InputError, match=message):
        apply_to_agents(objective, env, **(usual | options))
    assert not list(tmp_path.iterdir())


def test_a_loss_of_another_problem_and_a_folder_with_other_files_are_refused(objective: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sine-regression is a regression loss; for agents, a policy-gradient loss"):
        apply_to_agents("sine-regression", LINE)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"thesis\.txt"):
        apply_to_agents(objective, LINE, out=tmp_path)


def test_what_is_missing_is_named(monkeypatch: Any) -> None:
    for name in [name for name in sys.modules if name.startswith("ml3zoo.apply.agents")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(MissingExtraError, match=r"Training agents by PPO .* pip install 'ml3zoo\[frameworks\]'"):
        import ml3zoo.apply.agents.apply  # noqa: F401


def agent(*episodes: tuple[int, float]) -> Agent:
    """One whose episodes have these lengths and returns."""
    lengths, returns = np.array(episodes, float).T
    return Agent(Path(), lengths.cumsum(), returns)


def test_returns_are_those_of_the_tenth_before_each_point() -> None:
    grid = points(100)
    assert (grid[0], grid[-1], len(grid)) == (10, 100, 46)
    steady = agent(*[(10, float(k)) for k in range(10)])
    uneven = agent((4, 1.0), (5, 3.0), *[(7, 5.0)] * 13)
    curves = Returns.of([steady, uneven], 100).curves
    assert curves[0].tolist() == [0.0, 2.0]  # ends at 4 and 9
    assert curves[-1].tolist() == [9.0, 5.0]
    assert curves[grid == 30, 0] == 2


def test_steps_are_counted_to_shares_of_the_baselines_way() -> None:
    ppo = Returns(np.linspace(10.0, 110.0, 46)[:, None] + np.array([[-1.0, 0.0, 1.0]]))
    fast = Returns(np.minimum(10 + 2 * (ppo.curves - 10), 110))
    never = Returns(np.zeros((46, 3)))
    comparison = AgentComparison(1000, ppo, fast)
    assert comparison.steps_to(0.5, ppo).value == 560  # the 24th of 46 points, from 100 on
    assert comparison.steps_to(0.5, fast).value == 340
    assert comparison.steps_to(0.5, never) == Estimate(np.inf, np.inf, np.inf)
    backwards = AgentComparison(1000, never, ppo)
    assert backwards.steps_to(0.5, ppo).value == np.inf  # PPO went nowhere
    assert comparison.difference.value == pytest.approx(fast.final.mean() - 110)


@pytest.mark.parametrize(
    ("estimate", "seeds", "expected"),
    [
        (Estimate(3, 1, 4), 3, r"X gives .* 3 higher than PPO .* \+1 to \+4\); 3 seeds are too few .* take 6 or more"),
        (Estimate(3, 1, 4), 6, "X helps: return in the last tenth of training 3 higher than PPO"),
        (Estimate(-3, -5, 1), 6, "No clear difference"),
        (Estimate(3, 3, 3), 1, "X gives .* 3 higher than PPO; one seed is too few"),
    ],
)
def test_few_seeds_make_no_verdict(estimate: Estimate, seeds: int, expected: str) -> None:
    difference, sentence = verdict_of("X", "PPO", estimate, seeds)
    assert re.search(expected, sentence), sentence
    assert difference.mean == estimate.value


def test_steps_are_whole_roll_outs() -> None:
    assert Settings.of(LINE, 2049, {}, False).steps == 4096
    assert str(Settings.of(LINE, 64, HYPER, True)).startswith("n_steps=32, batch_size=16, n_epochs=2, else its")


def test_the_command_line(objective: Path) -> None:
    hyper = [word for name, value in HYPER.items() for word in ("--hyper", f"{name}={value}")]
    words = ["apply", str(objective), "--env", LINE, "--steps", "64", "--seeds", "2", *hyper, "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["environment"], report["hyper"], report["seeds"]) == (LINE, HYPER, 2)


def test_an_interruption_on_the_command_line_says_how_to_go_on(
    objective: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("ml3zoo.apply.agents.apply.interruption", lambda: stopping(0))
    words = ["apply", str(objective), "--env", LINE, "--steps", "64", "--hyper", "n_steps=64"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "interrupted; the same command goes on" in done.output
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_explained_and_leaves_nothing(objective: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ml3zoo.apply.agents.training.configure", full)
    with pytest.raises(OutputError, match=r"ppo-0 \(No space left on device\)"):
        apply_to_agents(objective, LINE, steps=STEPS, seeds=1, hyper=HYPER, out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--hyper", "gamma=x"], "--hyper gamma=x is none: NAME=VALUE was expected"),
        (["--policy", "64 tanh"], "in an environment: --env ID; --policy cannot be used with it"),
        (["--baselines"], "--baselines cannot be used with it"),
    ],
)
def test_options_that_are_of_no_use_are_refused(words: list[str], message: str, objective: Path) -> None:
    done = CliRunner().invoke(app, ["apply", str(objective), "--env", LINE, *words])
    assert message in str(done.exception)
