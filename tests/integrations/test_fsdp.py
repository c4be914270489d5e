"""FSDP2: a sharded model, the loss outside or inside of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as checkpoint
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_state_dict,
)
from torch.distributed.fsdp import fully_shard

from ml3zoo import LearnedLoss
from tests.integrations.ranks import RANKS, batch_for, loss_for, on_two_ranks, small_model, torchrun

STEPS = 8


class Model(nn.Module):
    """Gives the loss where it holds one and has a target, else predictions."""

    def __init__(self, loss: LearnedLoss | None) -> None:
        super().__init__()
        self.network = small_model(1)
        self.loss = loss

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        predictions = self.network(x)
        return predictions if self.loss is None or y is None else self.loss(predictions, y)


PLACES = ["outside", "called by the model", "called on the model's output", "called by the model, ignored"]


def all_trained(first: int, last: int, folder: Path | None, ranks: int = RANKS) -> dict[str, dict[str, Any]]:
    """By place of the loss."""
    return {place: trained(place, first, last, folder and folder / place, ranks) for place in PLACES}


def trained(place: str, first: int, last: int, path: Path | None, ranks: int = RANKS) -> dict[str, Any]:
    """Train from one step to another, from a checkpoint and into one if there is a path."""
    loss = loss_for("sine-regression", STEPS)
    model = Model(None if place == "outside" else loss)
    if ranks > 1:
        fully_shard(model.network)
        fully_shard(model, ignored_params={*loss.parameters()} if "ignored" in place else None)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    if first and path:
        state = state_of(model, optimizer, loss)
        assert loss.steps == 0
        checkpoint.load(state, checkpoint_id=path)
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
        if place == "outside":
            loss.load_state_dict(state["loss"])
    x, y = batch_for(loss, 64)
    mine = slice(dist.get_rank() if ranks > 1 else 0, None, ranks)
    progress = []
    for _ in range(first, last):
        progress.append(loss.progress)
        optimizer.zero_grad()
        value = model(x[mine], y[mine]) if "by the model" in place else loss(model(x[mine]), y[mine])
        value.backward()
        optimizer.step()
    if path:
        checkpoint.save(state_of(model, optimizer, loss), checkpoint_id=path)
    weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    return {"weights": weights, "steps": loss.steps, "progress": progress}


def state_of(model: nn.Module, optimizer: torch.optim.Optimizer, loss: LearnedLoss) -> dict[str, Any]:
    weights, moments = get_state_dict(model, optimizer)
    return {"model": weights, "optimizer": moments, "loss": {} if model.loss else loss.state_dict()}


def test_a_sharded_training_is_that_of_one_process_and_goes_on_in_new_processes(tmp_path):
    for part in ("first", "second"):
        (tmp_path / part).mkdir()
    first = on_two_ranks(all_trained, tmp_path / "first", 0, STEPS // 2, tmp_path)
    second = on_two_ranks(all_trained, tmp_path / "second", STEPS // 2, STEPS, tmp_path)
    for place, whole in all_trained(0, STEPS, None, ranks=1).items():
        for rank in range(RANKS):
            assert first[rank][place]["progress"] + second[rank][place]["progress"] == whole["progress"]
            assert second[rank][place]["steps"] == whole["steps"] == STEPS
        for name, weights in whole["weights"].items():  # a full state is on the first rank
            found = second[0][place]["weights"][name]
            torch.testing.assert_close(found, weights, rtol=1e-6, atol=1e-6, msg=f"{place}: {name}")


def test_the_page_runs(tmp_path):
    done = torchrun("fsdp", tmp_path)
    assert done.returncode == 0, done.stderr
    (value,) = re.findall(r"loss: (\S+)", done.stdout)
    assert 0 < float(value) < 0.1
