"""Keras 3 on torch: the loss of compile, and its clock."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

os.environ |= {"KERAS_BACKEND": "torch"}
pytest.importorskip("keras")

import keras

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from ml3zoo.integrations.keras import KerasLoss, LossClock
from ml3zoo.zoo.store import save_loss
from tests.losses.test_classification import CLASSES, LOGITS, told_of_counts
from tests.pages import in_a_new_process, run_page

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
X = np.random.default_rng(0).uniform(-5, 5, (40, 1)).astype("float32")
Y = np.sin(X) / np.sin(X).std()


def model_under(loss: object, **settings: object) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05, **settings), loss=loss)
    return model


class Progress(keras.callbacks.Callback):
    """Notes the progress that each step sees."""

    def __init__(self, loss: torch.nn.Module) -> None:
        super().__init__()
        self.loss, self.seen = loss, []

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        self.seen.append(self.loss.progress)


def fit(model: keras.Model, loss: torch.nn.Module, epochs: int, **more: object) -> list[float]:
    noted = Progress(loss)
    model.fit(X, Y, batch_size=10, shuffle=False, epochs=epochs, verbose=0, callbacks=[LossClock(), noted], **more)
    return noted.seen


def test_the_page_runs_and_learns(capsys):
    scope = run_page("keras")
    assert float(capsys.readouterr().out.removeprefix("mean squared error:")) < 0.5
    assert scope["loss"].steps == 100
    assert scope["loss"].progress == 1


def test_keras_trains_as_a_torch_loop_does():
    loss = load_loss("sine-regression", total_steps=12)
    model = model_under(KerasLoss(loss))
    twin = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    for parameter, weights in zip(twin.parameters(), model.get_weights(), strict=True):
        parameter.data = torch.tensor(weights.T)
    fit(model, loss, 3)
    other = load_loss("sine-regression", total_steps=12)
    optimizer = torch.optim.SGD(twin.parameters(), 0.05)
    for _ in range(3):
        for x, y in zip(torch.tensor(X).split(10), torch.tensor(Y).split(10), strict=True):
            optimizer.zero_grad()
            other(twin(x), y).backward()
            optimizer.step()
    for parameter, weights in zip(twin.parameters(), model.get_weights(), strict=True):
        np.testing.assert_allclose(weights.T, parameter.detach(), rtol=1e-4, atol=1e-5)


def test_the_clock_goes_from_0_to_1_over_the_epochs_of_fit():
    loss = load_loss("sine-regression")
    model = model_under(KerasLoss(loss))
    expected = [step / 8 for step in range(8)]
    assert fit(model, loss, 2, validation_data=(X, Y)) == expected
    assert loss.progress == 1
    assert fit(model, loss, 1) == expected[::2]  # another fit, another training


def test_accumulated_batches_are_one_step():
    loss = load_loss("sine-regression")
    model = model_under(KerasLoss(loss), gradient_accumulation_steps=2)
    assert fit(model, loss, 2) == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
    assert fit(model_under(KerasLoss(loss), gradient_accumulation_steps=16), loss, 1) == [0] * 4


def test_a_given_number_of_steps_is_kept():
    loss = load_loss("sine-regression", total_steps=16)
    model = model_under(KerasLoss(loss))
    assert fit(model, loss, 2) == [step / 16 for step in range(8)]
    assert fit(model, loss, 4, initial_epoch=2) == [step / 16 for step in range(8, 16)]


@pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning")
def test_batches_without_a_known_number_are_counted():
    loss = load_loss("sine-regression", total_steps=6)
    model = model_under(KerasLoss(loss))
    noted = Progress(loss)
    batches = ((X[:10], Y[:10]) for _ in range(3))
    model.fit(batches, verbose=0, shuffle=False, callbacks=[LossClock(), noted])
    batches = ((X[:10], Y[:10]) for _ in range(3))
    model.fit(batches, verbose=0, shuffle=False, epochs=2, initial_epoch=1, callbacks=[LossClock(), noted])
    assert noted.seen == [step / 6 for step in range(6)]


def test_every_output_of_a_model_has_its_clock():
    losses = [load_loss("sine-regression"), load_loss("outlier-regression")]
    inputs = keras.Input((1,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)])
    model.compile("sgd", loss=[KerasLoss(loss) for loss in losses])
    model.fit(X, [Y, Y], batch_size=10, epochs=1, verbose=0, callbacks=[LossClock()])
    assert [loss.steps for loss in losses] == [4, 4]


class Stop(keras.callbacks.Callback):
    """Saves the model after the third epoch and breaks off."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        if epoch == 2:
            self.model.save(self.path)
            raise KeyboardInterrupt


def with_backup(folder: Path, *callbacks: object) -> list[np.ndarray]:
    """Weights after six epochs; begun anew, or where a backup in the folder ends."""
    model = model_under(KerasLoss(load_loss("sine-regression")), momentum=0.9)
    kept = keras.callbacks.BackupAndRestore(folder / "backup")
    return six_epochs(model, callbacks=[kept, LossClock(), *callbacks])


def six_epochs(model: keras.Model, **more: object) -> list[np.ndarray]:
    model.fit(X, Y, batch_size=10, shuffle=False, epochs=6, verbose=0, **more)
    return model.get_weights()


def interrupted(folder: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        with_backup(Path(folder), Stop(Path(folder) / "saved.keras"))


def test_a_training_goes_on_in_a_new_process(tmp_path):
    in_a_new_process("test_keras", "interrupted", tmp_path)
    assert (tmp_path / "backup").is_dir()
    restored = with_backup(tmp_path)
    model = keras.models.load_model(tmp_path / "saved.keras")
    assert model.loss.loss.steps == 12
    loaded = six_epochs(model, initial_epoch=3, callbacks=[LossClock()])
    for one, other, whole in zip(restored, loaded, with_backup(tmp_path / "new"), strict=True):
        np.testing.assert_allclose(one, whole, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(other, whole, rtol=1e-5, atol=1e-6)


def test_a_saved_loss_holds_everything(tmp_path):
    weight = torch.linspace(0.5, 2, 10)
    loss = load_loss("label-noise", reduction="sum", total_steps=7, weight=weight, ignore_index=3, label_smoothing=0.1)
    loss.steps = 3
    again = keras.losses.deserialize(keras.losses.serialize(KerasLoss(loss, name="mine")))
    assert again.name == "mine"
    assert (again.loss.reduction, again.loss.total_steps, again.loss.steps) == ("sum", 7, 3)
    assert not any(parameter.requires_grad for parameter in again.loss.parameters())
    logits, labels = torch.randn(5, 10), torch.arange(5)
    with torch.no_grad():
        assert torch.equal(again(labels, logits), loss(logits, labels))


def test_a_saved_loss_knows_how_frequent_classes_are(tmp_path):
    folder = save_loss(told_of_counts(terms=["adjusted_cross_entropy"]), tmp_path / "told")
    loss = load_loss(folder, class_counts=torch.tensor([9, 1, 3, 2]))
    again = keras.losses.deserialize(keras.losses.serialize(KerasLoss(loss)))
    assert torch.equal(again(CLASSES, LOGITS), loss(LOGITS, CLASSES))


def test_classes_as_indices_columns_or_one_hot():
    loss = load_loss("label-noise")
    adapted = KerasLoss(loss)
    logits, labels = torch.randn(6, 10), torch.randint(10, (6,))
    one_hot = torch.nn.functional.one_hot(labels, 10)
    with torch.no_grad():
        expected = loss(logits, labels)
        for targets in (labels, labels.int(), labels[:, None], labels.numpy(), labels.float()):
            assert torch.equal(adapted(targets, logits), expected)
        for targets in (one_hot, one_hot.float()):
            torch.testing.assert_close(adapted(targets, logits), expected)
        sequence = torch.randn(3, 4, 10)
        many = torch.randint(10, (3, 4))
        assert torch.equal(adapted(many, sequence), loss(sequence.movedim(-1, 1), many))
        assert torch.equal(adapted(many[..., None], sequence), loss(sequence.movedim(-1, 1), many))


def test_targets_of_numbers_may_lack_the_last_axis():
    loss = load_loss("sine-regression")
    prediction, target = torch.randn(6, 1), torch.randn(6)
    with torch.no_grad():
        assert torch.equal(KerasLoss(loss)(target, prediction), loss(prediction, target[:, None]))
        with pytest.raises(InputError):
            KerasLoss(loss)(target[:5], prediction)


def test_a_softmax_in_the_last_layer_is_undone_and_other_probabilities_are_refused():
    inputs = keras.Input((3,))
    last = keras.layers.Dense(4)
    logits = keras.Model(inputs, last(inputs))
    probabilities = keras.Model(inputs, keras.layers.Softmax()(last(inputs)))
    x, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 3, 0])
    adapted = KerasLoss(load_loss("label-noise", total_steps=9))
    with torch.no_grad():
        torch.testing.assert_close(adapted(labels, probabilities(x)), adapted(labels, logits(x)))
    with pytest.raises(InputError, match="look like probabilities"):
        KerasLoss(load_loss("label-noise"))(labels, torch.rand(5, 4).softmax(-1))


def test_weights_of_samples_divide_by_the_number_of_points():
    loss = load_loss("label-noise")
    logits, labels = torch.randn(4, 10), torch.randint(10, (4,))
    weights = torch.tensor([2.0, 0.0, 1.0, 3.0])
    copies = torch.tensor([0, 0, 2, 3, 3, 3])
    with torch.no_grad():
        expected = loss(logits[copies], labels[copies]) * 6 / 4
        for given in (weights, weights[:, None], weights.numpy()):
            torch.testing.assert_close(KerasLoss(loss)(labels, logits, given), expected)
        points = load_loss("sine-regression")
        prediction, target = torch.randn(4, 2), torch.randn(4, 2)
        expected = points(prediction[copies], target[copies]) * 6 / 4
        torch.testing.assert_close(KerasLoss(points)(target, prediction, weights), expected)


def test_ignored_classes_are_no_points():
    loss = load_loss("label-noise", ignore_index=-1)
    logits, labels = torch.randn(4, 10), torch.tensor([3, -1, 5, 0])
    kept = labels >= 0
    with torch.no_grad():
        expected = loss(logits[kept], labels[kept])
        torch.testing.assert_close(KerasLoss(loss)(labels, logits), expected)
        torch.testing.assert_close(KerasLoss(loss)(labels, logits, torch.full((4,), 2.0)), 2 * expected)


def test_class_weight_of_fit_reaches_the_loss():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    loss = load_loss("label-noise", total_steps=10)
    x, labels = np.random.default_rng(0).normal(size=(8, 3)).astype("float32"), np.arange(8) % 4
    model.compile(keras.optimizers.SGD(0.0), loss=KerasLoss(loss))
    fitted = model.fit(x, labels, verbose=0, class_weight={0: 3.0, 1: 0.0, 2: 1.0, 3: 1.0}, callbacks=[LossClock()])
    weights = torch.tensor([3.0, 0.0, 1.0, 1.0]).repeat(2)
    with torch.no_grad():
        expected = loss(model(x), torch.tensor(labels), sample_weight=weights, num_items_in_batch=8, progress=0.0)
    assert fitted.history["loss"][0] == pytest.approx(expected.item(), rel=1e-5)


def test_keras_masks_reach_the_loss():
    loss = load_loss("label-noise", total_steps=10)
    inputs = keras.Input((6,), dtype="int32")
    embedded = keras.layers.Embedding(11, 8, mask_zero=True)(inputs)
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.LSTM(8, return_sequences=True)(embedded)))
    model.compile(keras.optimizers.SGD(0.0), loss=KerasLoss(loss))
    words = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 0]])
    labels = np.arange(12).reshape(2, 6) % 4
    fitted = model.fit(words, labels, verbose=0, callbacks=[LossClock()])
    kept = torch.tensor(words > 0)
    with torch.no_grad():
        logits = model(words)
        expected = loss(logits[kept], torch.tensor(labels)[kept], progress=0.0)
        assert torch.isfinite(expected)
        half = KerasLoss(loss)(labels, logits, np.full((2, 6), 0.5))
    assert fitted.history["loss"][0] == pytest.approx(expected.item(), rel=1e-5)
    with torch.no_grad():
        whole = KerasLoss(loss)(labels, logits)
    assert half.item() == pytest.approx(whole.item() / 2, rel=1e-5)


def test_a_loss_that_looks_at_a_feature_is_refused():
    with pytest.raises(InputError, match="compute_loss"):
        KerasLoss(load_loss("reacher"))


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match="KERAS_BACKEND=torch"):
        KerasLoss(load_loss("sine-regression"))
