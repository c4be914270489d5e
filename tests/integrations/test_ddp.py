"""DistributedDataParallel: two processes equal one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from tests.integrations.ranks import RANKS, batch_for, loss_for, on_two_ranks, outputs_for, small_model, torchrun

LOSSES = ["sine-regression", "outlier-regression", "label-noise", "digits-pairs"]
SHARDS = [(4, 4), (32, 32), (256, 256), (40, 24), (63, 1)]
STEPS = 8


def gradient(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in module.parameters()])


def gradients_of_ranks() -> dict[Any, Tensor]:
    """By loss, sizes of shards, and whether points are masked."""
    found = {}
    rank = dist.get_rank()
    for name in LOSSES:
        loss = loss_for(name, 10)
        for shards in SHARDS:
            for mask in (None, masked(sum(shards))):
                loss.reset()
                loss.progress = 0.3
                x, y = batch_for(loss, sum(shards))
                model = small_model(outputs_for(loss))
                ranks = DistributedDataParallel(model)
                mine = slice(rank * shards[0], shards[0] + rank * shards[1])
                share = (sum(shards) if mask is None else int(mask.sum())) / RANKS
                kept = None if mask is None else mask.view(y.shape)[mine]
                loss(ranks(x[mine]), y[mine], mask=kept, num_items_in_batch=share).backward()
                if rank == 0:  # one rank may measure alone
                    with torch.no_grad():
                        loss(model(x), y)
                found[name, shards, mask is None] = gradient(model)
    return found


def masked(points: int) -> Tensor:
    """All but every third point."""
    return torch.arange(points) % 3 > 0


def test_two_ranks_have_the_gradient_of_one_process_with_the_whole_batch(tmp_path):
    ranks = on_two_ranks(gradients_of_ranks, tmp_path)
    for (name, shards, whole), found in ranks[0].items():
        loss = loss_for(name, 10)
        loss.progress = 0.3
        x, y = batch_for(loss, sum(shards))
        model = small_model(outputs_for(loss))
        mask = None if whole else masked(sum(shards)).view(y.shape)
        loss(model(x), y, mask=mask).backward()
        torch.testing.assert_close(found, gradient(model), rtol=1e-6, atol=1e-6, msg=f"{name} {shards} {whole}")
        torch.testing.assert_close(found, ranks[1][name, shards, whole], rtol=0, atol=0)


def trained(first: int, last: int, path: Path | None, ranks: int = RANKS) -> dict[str, Any]:
    """Train from one step to another, from a file and into it if there is one."""
    loss = loss_for("sine-regression", STEPS)
    model = small_model(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    wrapped = DistributedDataParallel(model) if ranks > 1 else model
    parts = {"model": model, "optimizer": optimizer, "loss": loss}
    if first and path:
        for part, state in torch.load(path).items():
            parts[part].load_state_dict(state)
    x, y = batch_for(loss, 64)
    rank = dist.get_rank() if ranks > 1 else 0
    progress = []
    for _ in range(first, last):
        progress.append(loss.progress)
        optimizer.zero_grad()
        loss(wrapped(x[rank::ranks]), y[rank::ranks]).backward()
        optimizer.step()
    if path and rank == 0:
        torch.save({name: part.state_dict() for name, part in parts.items()}, path)
    return {"weights": model.state_dict(), "steps": loss.steps, "progress": progress}


def test_the_clock_is_the_same_on_all_ranks_and_goes_on_in_new_processes(tmp_path):
    for part in ("first", "second"):
        (tmp_path / part).mkdir()
    state = tmp_path / "state.pt"
    first = on_two_ranks(trained, tmp_path / "first", 0, STEPS // 2, state)
    second = on_two_ranks(trained, tmp_path / "second", STEPS // 2, STEPS, state)
    whole = trained(0, STEPS, None, ranks=1)
    for rank in range(RANKS):
        assert first[rank]["progress"] + second[rank]["progress"] == whole["progress"]
        assert second[rank]["steps"] == whole["steps"] == STEPS
        torch.testing.assert_close(second[rank]["weights"], whole["weights"], rtol=1e-6, atol=1e-6)


def test_the_page_runs(tmp_path):
    done = torchrun("ddp", tmp_path)
    assert done.returncode == 0, done.stderr
    (error,) = re.findall(r"mean squared error: (\S+)", done.stdout)
    assert float(error) < 0.5


@pytest.mark.parametrize("page", ["ddp", "fsdp"])
def test_a_page_names_its_command(page):
    from tests.commands import ELSEWHERE, commands

    named = [command for command in commands() if command.document == f"{page}.md" and "torchrun" in command.text]
    assert [command.elsewhere for command in named] == [True]
    assert ELSEWHERE[named[0].text] == f"tests/integrations/test_{page}.py"
