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
from torchrl.modules import ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import ClipPPOLoss

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from ml3zoo.integrations.torchrl import LearnedPPOLoss, TrajectoryLoss
from ml3zoo.losses.ordinary import ClippedSurrogate, DiscoveredPolicyOptimization
from tests.families import example_loss
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


class Gaussian(torch.distributions.Independent):
    def __init__(self, loc, scale):
        super().__init__(torch.distributions.Normal(loc, scale), 1)


def ppo_parts():
    torch.manual_seed(0)
    network = TensorDictModule(
        nn.Sequential(nn.Linear(3, 4), NormalParamExtractor()), ["observation"], ["loc", "scale"]
    )
    actor = ProbabilisticActor(network, in_keys=["loc", "scale"], distribution_class=Gaussian, return_log_prob=True)
    return actor, ValueOperator(nn.Linear(3, 1), in_keys=["observation"])


def collected(n=64):
    """Steps by a policy a little different from the one in ``ppo_parts``."""
    actor, _ = ppo_parts()
    data = TensorDict({"observation": torch.randn(n, 3)}, [n])
    with torch.no_grad():
        data = actor(data)
    data["action_log_prob"] += 0.3 * torch.randn(n)
    data["advantage"], data["value_target"] = torch.randn(n, 1) + 1, torch.randn(n, 1)
    return data.select("observation", "action", "action_log_prob", "advantage", "value_target")


def gradients(module, data):
    found = module(data)
    module.zero_grad()
    sum(value for key, value in found.items() if key.startswith("loss_")).backward()
    return [p.grad.clone() for p in module.parameters() if p.grad is not None]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("entropy_bonus", [False, True])
def test_with_the_clipped_surrogate_the_gradient_is_that_of_ppo(masked, entropy_bonus):
    data = collected()
    if masked:
        data["collector", "mask"] = torch.rand(64) < 0.7
    options = {"normalize_advantage": True, "entropy_bonus": entropy_bonus}
    theirs = gradients(ClipPPOLoss(*ppo_parts(), clip_epsilon=0.2, **options), data)
    ours = gradients(LearnedPPOLoss(*ppo_parts(), loss=ClippedSurrogate(0.2), **options), data)
    assert len(ours) == len(theirs) == 4
    for one, other in zip(ours, theirs, strict=True):
        if masked:
            torch.testing.assert_close(one, other)
        else:
            assert torch.equal(one, other)


def test_advantages_that_the_data_lack_are_estimated_as_in_ppo():
    data = collected(8).exclude("advantage", "value_target")
    data["next"] = TensorDict(
        {"observation": torch.randn(8, 3), "reward": torch.randn(8, 1), "done": torch.arange(8)[:, None] == 7}, [8]
    )
    data["next", "terminated"] = data["next", "done"].clone()
    theirs = gradients(ClipPPOLoss(*ppo_parts(), clip_epsilon=0.2, normalize_advantage=True), data)
    ours = gradients(LearnedPPOLoss(*ppo_parts(), loss=ClippedSurrogate(0.2)), data)
    assert all(map(torch.equal, ours, theirs))


def test_the_page_on_ppo_trains_both_networks():
    page = run_page("torchrl", 1)
    assert isinstance(page["loss_module"].loss, DiscoveredPolicyOptimization)
    assert set(page["losses"].keys()) == {"loss_objective", "loss_critic", "kl_approx"}
    assert page["losses"]["kl_approx"] != 0


def test_a_learned_objective_sees_entropies_and_its_clock_counts():
    loss = example_loss("symbolic-policy_gradient")
    loss.total_steps = 4
    actor, critic = ppo_parts()
    module = LearnedPPOLoss(actor, critic, loss=loss, entropy_bonus=False)
    data = collected()
    now = actor.get_dist(data)
    advantage = data["advantage"].squeeze(-1)
    given = {
        "input": now.log_prob(data["action"]) - data["action_log_prob"],
        "target": (advantage - advantage.mean()) / advantage.std(),
        "feature": now.entropy(),
    }
    with torch.no_grad():
        torch.testing.assert_close(module(data)["loss_objective"], loss(**given), rtol=1e-3, atol=1e-4)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        module(data)["loss_objective"].backward()
        optimizer.step()
    assert (loss.steps, loss.progress) == (2, 0.5)


@pytest.mark.parametrize("spoil", ["advantage", "action_log_prob"])
def test_data_of_no_use_are_explained(spoil):
    data = collected()
    module = LearnedPPOLoss(*ppo_parts(), loss=ClippedSurrogate())
    if spoil == "advantage":
        data[spoil][3] = torch.nan
    else:
        del data[spoil]
    messages = {"advantage": "an advantage is not finite", "action_log_prob": "the data hold no 'action_log_prob'"}
    with pytest.raises(InputError, match=messages[spoil]):
        module(data)


@pytest.mark.parametrize("learned", [False, True])
def test_equal_advantages_are_no_advantages(learned):
    data = collected()
    data["advantage"].fill_(3.0)
    loss = example_loss("symbolic-policy_gradient") if learned else ClippedSurrogate()
    loss.progress = 0.5
    module = LearnedPPOLoss(*ppo_parts(), loss=loss, entropy_bonus=False)
    module(data)["loss_objective"].backward()
    grads = [p.grad for p in module.actor_network_params.values(True, True) if p.grad is not None]
    assert all(grad.isfinite().all() for grad in grads)
    assert learned or not any(grad.any() for grad in grads)


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        ("ppo", {"loss": "sine-regression"}, "sine-regression is a regression loss, one of policy gradients"),
        ("ppo", {"delay_actor": True}, "delay_actor has no meaning here"),
        ("plain", {}, "TensorDictModule without a distribution"),
    ],
)
def test_what_cannot_be_ppo_is_refused(parts, options, message):
    actor, critic = ppo_parts()
    actor = actor if parts == "ppo" else TensorDictModule(nn.Linear(3, 2), ["observation"], ["action"])
    loss = load_loss(options["loss"]) if "loss" in options else ClippedSurrogate()
    with pytest.raises(InputError, match=message):
        LearnedPPOLoss(actor, critic, **(options | {"loss": loss}))
