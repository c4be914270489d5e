from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("accelerate")

import accelerate

from ml3zoo import load_loss
from tests.pages import in_a_new_process, run_page


class Run:
    """A small training that writes down the progress at every call."""

    def __init__(self, total_steps: int, accumulation: int = 1, follow: bool = True):
        x = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
        self.accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
        self.loss = load_loss("label-noise", total_steps=total_steps)
        model = torch.nn.Linear(3, 2)
        data = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.model, self.optimizer, self.loader = self.accelerator.prepare(model, optimizer, data)
        if follow:
            self.loss.follow(self.optimizer)
        self.accelerator.register_for_checkpointing(self.loss)
        self.seen: list[float] = []

    def epoch(self) -> None:
        for x, y in self.loader:
            with self.accelerator.accumulate(self.model):
                self.seen.append(self.loss.progress)
                self.accelerator.backward(self.loss(self.model(x), y))
                self.optimizer.step()
                self.optimizer.zero_grad()


def test_the_page():
    torch.manual_seed(0)
    scope = run_page("accelerate")
    assert scope["loss"].progress == 1
    x, y = scope["data"].tensors
    assert (scope["model"](x).argmax(1) == y).float().mean() > 0.5


@pytest.mark.parametrize("follow", [True, False])
def test_a_step_of_the_optimiser_is_one_step(follow):
    run = Run(total_steps=2, accumulation=4, follow=follow)
    run.epoch()
    assert run.seen == pytest.approx([0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5])
    assert run.loss.progress == 1


def resume(folder: str) -> list[float]:
    run = Run(total_steps=16)
    run.accelerator.load_state(folder)
    run.epoch()
    return [*run.seen, run.loss.progress]


def test_training_goes_on_in_a_new_process(tmp_path: Path):
    run = Run(total_steps=16)
    run.epoch()
    run.accelerator.save_state(str(tmp_path / "half"))
    seen = in_a_new_process("test_accelerate", "resume", tmp_path / "half")
    assert seen == pytest.approx([k / 16 for k in range(8, 17)])
