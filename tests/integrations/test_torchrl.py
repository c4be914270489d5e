"""torchrl: a loss of trajectories as a LossModule."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Creating .* which inherits from WeightUpdaterBase", DeprecationWarning)
    pytest.importorskip("torchrl")
    import torchrl.collectors
    from torchrl.checkpoint import Checkpoint
    from torchrl.trainers import Trainer

import gymnasium
from tensordict import TensorDict
from tensordict.nn import NormalParamExtractor, TensorDictModule
from torchrl.envs import GymWrapper
from torchrl.modules import ProbabilisticActor, TanhNormal

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from ml3zoo.integrations.torchrl import TrajectoryLoss
from tests.pages import run_page


@pytest.fixture(scope="module")
def page():
    return run_page("torchrl")


def test_the_page_solves_the_environment(page):
    with torch.no_grad():
        episode = page["env"].rollout(999, page["actor"])
    assert episode["next", "reward"].sum() > 90
    assert page["loss"].steps == 10


def test_its_keys(page):
    module = page["loss_module"]
    assert module.in_keys == ["observation"]
    assert module.out_keys == ["loss_actor"]
    before = set(page["episode"].keys())
    with torch.no_grad():
        found = module(page["episode"])
        by_name = module(observation=page["episode"]["observation"])
    assert set(found.keys()) == {"loss_actor"}
    assert set(page["episode"].keys()) == before
    assert torch.equal(by_name, found["loss_actor"])


def test_it_gives_what_the_loss_gives():
    loss = load_loss("reacher")
    states, goals = torch.randn(3, 7, 10), torch.randn(3, 7, 2)
    network = nn.Linear(10, 2)
    module = TrajectoryLoss(TensorDictModule(network, ["state"], ["move"]), loss)
    module.set_keys(observation="state", action="move")
    data = TensorDict({"state": states, "desired": goals}, [3, 7])
    with torch.no_grad():
        in_state = loss(network(states), states[..., [4, 5]], feature=states)
        given = loss(network(states), goals, feature=states)
        assert torch.equal(module(data)["loss_actor"], in_state)
        module.set_keys(goal="desired")
        assert module.in_keys == ["state", "desired"]
        assert torch.equal(module(data)["loss_actor"], given)


def test_padded_steps_are_left_out():
    loss = load_loss("pointmass")
    states = torch.randn(2, 5, 8)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    module = TrajectoryLoss(TensorDictModule(nn.Linear(8, 2), ["observation"], ["action"]), loss)
    padded = TensorDict({"observation": states, ("collector", "mask"): mask}, [2, 5])
    alone = TensorDict({"observation": states[mask]}, [7])
    with torch.no_grad():
        torch.testing.assert_close(module(padded)["loss_actor"], module(alone)["loss_actor"])
        module.loss_mask_key = None
        assert module(padded)["loss_actor"] != module(alone)["loss_actor"]


def test_a_random_actor_is_trained_by_its_mean():
    network = nn.Sequential(nn.Linear(10, 4), NormalParamExtractor())
    actor = ProbabilisticActor(
        TensorDictModule(network, ["observation"], ["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=TanhNormal,
    )
    loss = load_loss("reacher")
    loss.progress = 0.5
    module = TrajectoryLoss(actor, loss)
    data = TensorDict({"observation": torch.randn(6, 10)}, [6])
    first = module(data)["loss_actor"]
    first.backward()
    with torch.no_grad():
        assert torch.equal(module(data)["loss_actor"], first)
    assert network[0].weight.grad[:2].abs().sum() > 0
    assert network[0].weight.grad[2:].abs().sum() == 0


def trainer(steps: int, file: Path) -> Trainer:
    """Two episodes' worth of steps in the point mass's world for each step of the optimiser."""
    torch.manual_seed(0)
    loss = load_loss("pointmass", total_steps=4)
    world = loss.config.environment
    env = GymWrapper(gymnasium.wrappers.ClipAction(gymnasium.make(world.id, max_episode_steps=25)))
    actor = TensorDictModule(nn.Linear(8, 2), in_keys=["observation"], out_keys=["action"])
    collector = torchrl.collectors.Collector(
        env, actor, frames_per_batch=50, total_frames=50 * steps, auto_register_policy_transforms=False
    )
    return Trainer(
        collector=collector,
        total_frames=50 * steps,
        frame_skip=1,
        optim_steps_per_batch=1,
        loss_module=TrajectoryLoss(actor, loss),
        optimizer=loss.make_optimizer(actor.parameters()),
        progress_bar=False,
        save_trainer_file=file,
        checkpoint=Checkpoint(),
    )


@pytest.mark.filterwarnings("ignore:The 'optimizer' hook stage will be replaced:FutureWarning")
def test_the_clock_is_part_of_a_trainers_state(tmp_path):
    first = trainer(2, tmp_path / "state")
    first.train()
    assert first.loss_module.loss.steps == 2
    second = trainer(4, tmp_path / "other")
    second.load_from_file(tmp_path / "state")
    assert second.loss_module.loss.progress == 0.5
    second.train()
    assert second.loss_module.loss.steps == 4


def test_other_losses_are_refused():
    with pytest.raises(InputError, match="trajectories was expected"):
        TrajectoryLoss(TensorDictModule(nn.Linear(1, 1), ["a"], ["b"]), load_loss("sine-regression"))
