from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("skorch")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from tests.pages import in_a_new_process, run_page

X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int64")
FRESH = {"criterion": load_loss, "criterion__name": "label-noise", "criterion__total_steps": 6}


class Progress(Callback):
    """Writes down the progress before every batch of training."""

    def __init__(self):
        self.seen = []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            self.seen.append(net.criterion_.progress)


def classifier(**options) -> NeuralNetClassifier:
    settings = {"max_epochs": 3, "batch_size": 30, "lr": 0.1, "train_split": None, "verbose": 0}
    softmax = partial(torch.softmax, dim=-1)
    network = partial(torch.nn.Linear, 3, 2)
    return NeuralNetClassifier(network, predict_nonlinearity=softmax, **settings | FRESH | options)


def test_the_page():
    torch.manual_seed(0)
    search = run_page("skorch")["search"]
    assert search.best_score_ > 0.8
    assert search.best_estimator_.criterion_.progress == 1


def test_probabilities_are_probabilities():
    net = classifier(max_epochs=20, criterion__total_steps=40).fit(X, LABELS)
    probabilities = net.predict_proba(X)
    assert probabilities.sum(1) == pytest.approx(np.ones(len(X)), abs=1e-6)
    assert (probabilities.argmax(1) == net.predict(X)).all()
    logits = torch.as_tensor(X) @ net.module_.weight.detach().T + net.module_.bias.detach()
    assert probabilities == pytest.approx(logits.softmax(-1).numpy(), abs=1e-6)


def test_every_fit_and_every_clone_begins_anew():
    net = classifier(callbacks=[("progress", Progress)])
    for each in (net, net, clone(net)):
        each.fit(X, LABELS)
        assert dict(each.callbacks_)["progress"].seen[-6:] == pytest.approx([k / 6 for k in range(6)])
        assert each.criterion_.progress == 1


def test_validation_does_not_count():
    net = classifier(train_split=lambda data, y: (data, data)).fit(X, LABELS)
    assert net.criterion_.steps == 6


def test_an_instance_goes_on_counting_until_reset():
    loss = load_loss("label-noise", total_steps=12)
    net = NeuralNetClassifier(
        partial(torch.nn.Linear, 3, 2), criterion=loss, max_epochs=3, batch_size=30, train_split=None, verbose=0
    )
    before = [parameter.clone() for parameter in loss.parameters()]
    net.fit(X, LABELS)
    assert loss.steps == 6
    net.fit(X, LABELS)
    assert loss.steps == 12
    assert all(torch.equal(*pair) for pair in zip(before, loss.parameters(), strict=True))
    loss.reset()
    net.fit(X, LABELS)
    assert loss.steps == 6


def test_a_grid_of_learned_and_ordinary_losses():
    softmax = partial(torch.softmax, dim=-1)
    settings = {"max_epochs": 3, "batch_size": -1, "train_split": None, "verbose": 0, "predict_nonlinearity": softmax}
    net = NeuralNetClassifier(partial(torch.nn.Linear, 3, 2), **settings)
    learned = partial(load_loss, "label-noise", total_steps=3)
    grid = {"criterion": [learned, torch.nn.CrossEntropyLoss]}
    search = GridSearchCV(net, grid, cv=2, scoring="neg_log_loss", error_score="raise").fit(X, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_fitted_net_can_be_pickled():
    net = classifier().fit(X, LABELS)
    again = pickle.loads(pickle.dumps(net))
    assert again.criterion_.steps == 6
    assert (again.predict_proba(X) == net.predict_proba(X)).all()


def files(folder: str) -> dict[str, str]:
    return {f"f_{part}": f"{folder}/{part}.pt" for part in ("params", "optimizer", "criterion")}


def resume(folder: str) -> list[float]:
    net = classifier(criterion__total_steps=12, callbacks=[("progress", Progress)]).initialize()
    net.load_params(**files(folder))
    net.partial_fit(X, LABELS)
    return [*dict(net.callbacks_)["progress"].seen, net.criterion_.progress]


def test_training_goes_on_in_a_new_process(tmp_path: Path):
    classifier(criterion__total_steps=12).fit(X, LABELS).save_params(**files(str(tmp_path)))
    assert in_a_new_process("test_skorch", "resume", tmp_path) == pytest.approx([k / 12 for k in range(6, 13)])


def test_a_regressor_wants_a_column_of_targets():
    net = NeuralNetRegressor(
        partial(torch.nn.Linear, 3, 1),
        criterion=load_loss,
        criterion__name="outlier-regression",
        criterion__total_steps=100,
        max_epochs=100,
        batch_size=-1,
        lr=0.1,
        train_split=None,
        verbose=0,
    )
    target = X[:, :1] - 0.5 * X[:, 1:2]
    net.fit(X, target)
    assert np.square(net.predict(X) - target).mean() < 0.05 * target.var()
    with pytest.raises(InputError, match="shape"):
        net.fit(X, target[:, 0])
