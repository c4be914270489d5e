from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("accelerate")

from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from ml3zoo import LearnedLoss, load_loss
from ml3zoo.errors import InputError
from ml3zoo.integrations.transformers import LossClock
from tests.pages import in_a_new_process, run_page

pytestmark = pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning")  # without a GPU
TINY = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 12}
NAMES = ["label-noise", "sine-regression", "outlier-regression"]


class Watch(TrainerCallback):
    """Writes down the progress of a loss as training begins a step."""

    def __init__(self, loss: LearnedLoss):
        self.loss = loss
        self.seen: list[float] = []

    def on_step_begin(self, args, state, control, **kwargs):
        self.seen.append(self.loss.progress)


def arguments(folder: Path | str, **options: Any) -> TrainingArguments:
    quiet = {"report_to": "none", "disable_tqdm": True, "use_cpu": True, "save_strategy": "no", "logging_steps": 100}
    sizes = {"per_device_train_batch_size": 4, "learning_rate": 1e-3}
    return TrainingArguments(str(folder), **quiet | sizes | options)


def rows(n: int) -> list[dict[str, Any]]:
    words = torch.randint(12, (n, 5), generator=torch.Generator().manual_seed(0))
    return [{"input_ids": row, "labels": row[0] // 4} for row in words]


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    set_seed(0)
    scope = run_page("transformers")
    assert scope["loss"].progress == 1
    assert scope["loss"].total_steps == 40


def test_the_divisor_is_that_of_the_whole_step(tmp_path):
    """Two micro-batches of unlike size, with padding: each is its sum over the points of both."""
    set_seed(0)
    loss, calls = load_loss("label-noise"), []

    def watched(outputs, labels, num_items_in_batch=None):
        value = loss(outputs, labels, num_items_in_batch=num_items_in_batch)
        calls.append((outputs.logits.detach(), labels, int(num_items_in_batch), value.item(), loss.progress))
        return value

    data = [
        row | {"labels": torch.tensor(-100 if k in (1, 2, 5) else int(row["labels"]))} for k, row in enumerate(rows(8))
    ]
    model = BertForSequenceClassification(BertConfig(num_labels=3, **TINY))
    args = arguments(tmp_path, max_steps=2, gradient_accumulation_steps=2)
    Trainer(model, args, train_dataset=data, compute_loss_func=watched, callbacks=[LossClock(loss)]).train()
    assert [call[4] for call in calls] == [0, 0, 0.5, 0.5]
    each = load_loss("label-noise", reduction="none", total_steps=2)
    for k, (logits, labels, items, value, _) in enumerate(calls):
        assert items == 5
        kept = labels != -100
        each.steps = k // 2
        expected = each(logits[kept].requires_grad_(), labels[kept]).sum() / items
        assert value == pytest.approx(expected.item(), rel=1e-5)


def test_regression_wants_a_column_of_labels(tmp_path):
    loss = load_loss("outlier-regression")
    model = BertForSequenceClassification(BertConfig(num_labels=1, **TINY))
    for shape in ((1,), ()):
        data = [row | {"labels": (row["input_ids"][0] / 12).reshape(shape)} for row in rows(8)]
        trainer = Trainer(
            model,
            arguments(tmp_path, max_steps=2),
            train_dataset=data,
            compute_loss_func=loss,
            callbacks=[LossClock(loss)],
        )
        if shape:
            trainer.train()
            assert loss.progress == 1
        else:
            with pytest.raises(InputError, match="shape"):
                trainer.train()


def test_without_a_callback_steps_are_counted_too(tmp_path):
    loss = load_loss("label-noise", total_steps=5)
    watch = Watch(loss)
    model = BertForSequenceClassification(BertConfig(num_labels=3, **TINY))
    args = arguments(tmp_path, max_steps=5)
    Trainer(model, args, train_dataset=rows(8), compute_loss_func=loss, callbacks=[watch]).train()
    assert [*watch.seen, loss.progress] == pytest.approx([k / 5 for k in range(6)])


def test_logits_of_tokens(tmp_path):
    set_seed(0)
    loss = load_loss("label-noise")
    data = [row | {"labels": (row["input_ids"] // 4).masked_fill(row["input_ids"] == 0, -100)} for row in rows(64)]
    trainer = Trainer(
        BertForTokenClassification(BertConfig(num_labels=3, **TINY)),
        arguments(tmp_path, max_steps=60, learning_rate=1e-2),
        train_dataset=data,
        eval_dataset=data,
        compute_loss_func=lambda out, labels, **kw: loss(out.logits.transpose(1, 2), labels, **kw),
        callbacks=[LossClock(loss)],
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert loss.steps == 60
    assert trainer.evaluate()["eval_loss"] < before
    predicted = trainer.predict(data)
    kept = predicted.label_ids != -100
    assert (predicted.predictions.argmax(-1) == predicted.label_ids)[kept].mean() > 0.8
    assert loss.steps == 60, "evaluation does not count"


def train(folder: str, resume: str | None = None) -> tuple[Trainer, LearnedLoss, Watch]:
    set_seed(0)
    loss = load_loss("label-noise")
    watch = Watch(loss)
    trainer = Trainer(
        BertForSequenceClassification(BertConfig(num_labels=3, **TINY)),
        arguments(folder, max_steps=8, save_strategy="steps", save_steps=4, gradient_accumulation_steps=2),
        train_dataset=rows(48),
        compute_loss_func=loss,
        callbacks=[LossClock(loss), watch],
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer, loss, watch


class Config(PretrainedConfig):
    model_type = "with-a-loss"

    def __init__(self, loss: str = "label-noise", weight: list[float] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.loss = loss
        self.weight = weight


class Model(PreTrainedModel):
    """A model that holds its loss."""

    config_class = Config

    def __init__(self, config: Config):
        super().__init__(config)
        self.network = torch.nn.Linear(3, 2)
        weight = None if config.weight is None else torch.tensor(config.weight, device="cpu", dtype=torch.float32)
        self.loss = load_loss(config.loss, total_steps=10, weight=weight)
        self.post_init()

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.network(x.to(self.network.weight.dtype))
        return {"loss": self.loss(logits, labels), "logits": logits}


def assert_is_the_loss(loss: LearnedLoss, name: str, steps: int) -> None:
    expected = load_loss(name, total_steps=10)
    tensors = dict(loss.named_parameters()) | dict(loss.named_buffers())
    assert tensors.keys() == (dict(expected.named_parameters()) | dict(expected.named_buffers())).keys()
    for key, parameter in [*expected.named_parameters(), ("shift", expected.shift), ("scale", expected.scale)]:
        assert torch.equal(tensors[key], parameter), key
        assert tensors[key].dtype == torch.float32
        assert not tensors[key].requires_grad, key
    assert loss.steps == steps


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_a_loss_inside_a_model_survives(name, dtype, tmp_path):
    model = Model(Config(name))
    assert_is_the_loss(model.loss, name, 0)
    model.loss.steps = 3
    model.to(dtype).save_pretrained(tmp_path)
    for asked in ("auto", torch.float32, torch.bfloat16):
        again = Model.from_pretrained(tmp_path, dtype=asked)
        assert_is_the_loss(again.loss, name, 3)
        assert again.loss.progress == pytest.approx(0.3)
        assert torch.equal(
            again.network.weight.float(), model.network.weight.float().to(again.network.weight.dtype).float()
        )


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_without_the_loss_leaves_it_fresh(name, tmp_path):
    model = Model(Config(name))
    without = {key: value for key, value in model.state_dict().items() if not key.startswith("loss.")}
    model.save_pretrained(tmp_path, state_dict=without)
    again = Model.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert_is_the_loss(again.loss, name, 0)
    again(torch.randn(4, 3), torch.tensor([0, 1, 0, 1]) if name.startswith("label") else torch.randn(4, 2))


def test_class_weights_inside_a_model_survive(tmp_path):
    Model(Config(weight=[1.0, 0.3])).save_pretrained(tmp_path)
    again = Model.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert torch.equal(again.loss.weight, torch.tensor([1.0, 0.3]))


def train_whole(folder: str, resume: str | None = None) -> tuple[Model, Watch]:
    set_seed(0)
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    data = [{"x": row, "labels": (row[0] > 0).long()} for row in x]
    model = Model(Config())
    watch = Watch(model.loss)
    args = arguments(folder, max_steps=10, save_strategy="steps", save_steps=5, learning_rate=0.1, weight_decay=0.1)
    Trainer(model, args, train_dataset=data, callbacks=[watch]).train(resume_from_checkpoint=resume)
    return model, watch


def resume(folder: str) -> Any:
    trainer, loss, watch = train(f"{folder}/again", f"{folder}/out/checkpoint-4")
    model, watch_whole = train_whole(f"{folder}/whole-again", f"{folder}/whole/checkpoint-5")
    assert_is_the_loss(model.loss, "label-noise", 10)
    return [*watch.seen, loss.progress], trainer.model.classifier.weight.tolist(), watch_whole.seen


def test_training_goes_on_in_a_new_process_and_ends_alike(tmp_path: Path):
    """With the loss beside the model, which nothing saves, and with the loss inside it."""
    trainer, loss, watch = train(f"{tmp_path}/out")
    assert [*watch.seen, loss.progress] == pytest.approx([k / 8 for k in range(9)])
    model, watch_whole = train_whole(f"{tmp_path}/whole")
    assert watch_whole.seen == pytest.approx([k / 10 for k in range(10)])
    assert_is_the_loss(model.loss, "label-noise", 10)
    seen, weight, seen_whole = in_a_new_process("test_transformers", "resume", tmp_path)
    assert seen == pytest.approx([k / 8 for k in range(4, 9)])
    assert torch.allclose(torch.tensor(weight), trainer.model.classifier.weight, atol=1e-6)
    assert seen_whole == pytest.approx([k / 10 for k in range(5, 10)])


def test_training_a_model_from_pretrained_leaves_its_loss(tmp_path):
    Model(Config()).save_pretrained(tmp_path / "model")
    model = Model.from_pretrained(tmp_path / "model")
    data = [{"x": torch.randn(3), "labels": torch.tensor(k % 2)} for k in range(8)]
    args = arguments(tmp_path, max_steps=3, learning_rate=0.1, weight_decay=0.1)
    Trainer(model, args, train_dataset=data).train()
    assert_is_the_loss(model.loss, "label-noise", 3)
