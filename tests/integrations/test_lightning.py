from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

pytest.importorskip("lightning")

import lightning
from lightning.pytorch.tuner import Tuner

from ml3zoo import load_loss
from tests.pages import in_a_new_process, run_page

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning"),
]


class Model(lightning.LightningModule):
    """Writes down the progress at every call in training."""

    def __init__(self, total_steps: int | None = None, late: bool = False):
        super().__init__()
        self.lr = 0.1
        self.total_steps = total_steps
        self.network = torch.nn.Linear(3, 2)
        self.seen: list[float] = []
        if not late:
            self.loss = load_loss("label-noise", total_steps=total_steps)

    def configure_model(self):
        if not hasattr(self, "loss"):
            self.loss = load_loss("label-noise", total_steps=self.total_steps)

    def training_step(self, batch, index):
        self.seen.append(self.loss.progress)
        return self.loss(self.network(batch[0].to(self.network.weight.dtype)), batch[1])

    def validation_step(self, batch, index):
        self.loss(self.network(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.network.parameters(), lr=self.lr)

    def on_train_start(self):
        if self.total_steps is None:
            self.loss.total_steps = self.trainer.estimated_stepping_batches
            self.loss.steps = self.trainer.global_step


def loader(batches: int = 8) -> DataLoader:
    x = torch.randn(batches * 4, 3, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=4)


def trainer(epochs: int = 1, **options) -> lightning.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    return lightning.Trainer(max_epochs=epochs, enable_model_summary=False, **quiet | options)


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    scope = run_page("lightning")
    assert scope["model"].loss.progress == 1
    x, y = scope["data"].tensors
    assert (scope["model"].network(x).argmax(1) == y).float().mean() > 0.5


def test_a_step_of_the_optimiser_is_one_step():
    model = Model()
    trainer(accumulate_grad_batches=4).fit(model, loader(16), loader(2))
    assert model.seen == pytest.approx([k / 4 for k in range(4) for _ in range(4)])
    assert (model.loss.steps, model.loss.progress) == (4, 1)


def resume(path: str) -> list[float]:
    model = Model(total_steps=16)
    trainer(2).fit(model, loader(), ckpt_path=path)
    return [*model.seen, model.loss.progress]


def test_training_goes_on_in_a_new_process(tmp_path: Path):
    first = trainer(1)
    first.fit(Model(total_steps=16), loader())
    first.save_checkpoint(tmp_path / "half.ckpt")
    seen = in_a_new_process("test_lightning", "resume", tmp_path / "half.ckpt")
    assert seen == pytest.approx([k / 16 for k in range(8, 17)])
    assert Model.load_from_checkpoint(tmp_path / "half.ckpt", total_steps=16).loss.progress == 0.5


def test_looking_for_a_learning_rate_leaves_the_clock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, looking = Model(), trainer()
    Tuner(looking).lr_find(model, loader(), num_training=20, update_attr=False)
    assert model.loss.steps == 0
    model.seen.clear()
    looking.fit(model, loader())
    assert model.seen == pytest.approx([k / 8 for k in range(8)])


def test_a_second_training_starts_anew_and_a_longer_one_goes_on():
    model = Model()
    first = trainer(1)
    for each in (first, trainer(1)):
        model.seen.clear()
        each.fit(model, loader())
        assert model.seen == pytest.approx([k / 8 for k in range(8)])
    model.seen.clear()
    first.fit_loop.max_epochs = 2
    first.fit(model, loader())
    assert model.seen == pytest.approx([k / 16 for k in range(8, 16)])


@pytest.mark.parametrize("late", [False, True])
def test_half_precision_leaves_the_loss_as_it_was(late):
    half = trainer(precision="bf16-true")
    with half.init_module():
        model = Model(late=late)
    half.fit(model, loader())
    assert model.network.weight.dtype == torch.bfloat16
    for name, tensor in load_loss("label-noise").named_parameters():
        assert torch.equal(model.loss.get_parameter(name), tensor)
        assert not model.loss.get_parameter(name).requires_grad
    assert model.loss.progress == 1
