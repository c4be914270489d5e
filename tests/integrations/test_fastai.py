from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own of torch.jit and of pandas, on import
    pytest.importorskip("fastai")
    from fastai.callback.core import Callback
    from fastai.callback.schedule import Learner  # with fit_one_cycle and lr_find
    from fastai.callback.training import GradientAccumulation
    from fastai.data.core import DataLoaders
    from fastai.data.load import DataLoader

from ml3zoo import load_loss
from ml3zoo.integrations.fastai import LossClock
from tests.pages import in_a_new_process, run_page

pytestmark = pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning")  # pickled by lr_find


class Watch(Callback):
    """Writes down the progress of the loss at every call in training."""

    run_valid = False

    def __init__(self):
        self.values = []

    def after_loss(self):
        self.values.append(self.learn.loss_func.progress)


def learner(folder: str, *callbacks: Callback) -> tuple[Learner, Watch]:
    x = torch.randn(32, 3, generator=torch.Generator().manual_seed(0))
    data = list(zip(x, (x[:, 0] > 0).long(), strict=True))
    loaders = DataLoaders(DataLoader(data, bs=4), DataLoader(data, bs=4), device="cpu")
    loss, seen = load_loss("label-noise"), Watch()
    learn = Learner(
        loaders, torch.nn.Linear(3, 2), loss_func=loss, cbs=[LossClock(loss), seen, *callbacks], path=folder
    )
    learn.remove_cbs([each for each in (learn.progress,) if each])
    return learn, seen


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    scope = run_page("fastai")
    assert scope["loss"].progress == pytest.approx(69 / 70)
    x = scope["x"]
    assert (scope["network"](x).argmax(1) == x[:, :4].argmax(1)).float().mean() > 0.5


def test_progress_is_the_share_of_the_fit(tmp_path):
    learn, seen = learner(str(tmp_path))
    for _ in range(2):
        seen.values.clear()
        learn.fit(2, lr=0.01)
        assert seen.values == pytest.approx([k / 16 for k in range(16)])


def test_progress_stands_still_within_a_step(tmp_path):
    learn, seen = learner(str(tmp_path), GradientAccumulation(n_acc=16))
    learn.fit_one_cycle(1)
    assert seen.values == pytest.approx([0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5])


def resume(folder: str) -> list[float]:
    learn, seen = learner(folder)
    learn.load("half")
    learn.fit(2, lr=0.01, start_epoch=1)
    return seen.values


def test_training_goes_on_in_a_new_process(tmp_path: Path):
    learn, _ = learner(str(tmp_path))
    learn.fit(1, lr=0.01)
    learn.save("half")
    assert in_a_new_process("test_fastai", "resume", tmp_path) == pytest.approx([k / 16 for k in range(8, 16)])


def test_looking_for_a_learning_rate(tmp_path):
    learn, seen = learner(str(tmp_path))
    learn.lr_find(num_it=10, show_plot=False)
    assert set(seen.values) == {0.0}
    seen.values.clear()
    learn.fit(1, lr=0.01)
    assert seen.values == pytest.approx([k / 8 for k in range(8)])


def test_probabilities_are_probabilities(tmp_path):
    learn, _ = learner(str(tmp_path))
    learn.fit(1, lr=0.01)
    probabilities, _ = learn.get_preds(act=torch.nn.Softmax(-1))
    assert torch.allclose(probabilities.sum(1), torch.ones(len(probabilities)))


def test_without_the_callback_changes_of_the_model_count(tmp_path):
    learn, seen = learner(str(tmp_path), GradientAccumulation(n_acc=8))
    learn.remove_cbs([cb for cb in learn.cbs if isinstance(cb, LossClock)])
    learn.loss_func.total_steps = 4
    learn.fit(1, lr=0.01)
    assert seen.values == pytest.approx([k / 4 for k in range(4) for _ in range(2)])
