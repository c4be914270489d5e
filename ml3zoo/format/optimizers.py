"""The optimisers that a loss can be made for, each declared once. Needs no torch.

To add one: declare it here, and add its functional form to ``ml3zoo/meta/optimizers.py`` under the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OptimizerName = Literal["sgd", "adam", "adamw"]
OptimizerSetting = Literal["momentum", "weight_decay"]


@dataclass(frozen=True)
class OptimizerSpec:
    """What ml3zoo knows of an optimiser without torch.

    Attributes:
        display: its name in cards and tables.
        torch_class: its class in ``torch.optim``.
        lr: a usual learning rate, without momentum: the middle of a grid where nothing better is known.
        settings: the fields of ``InnerConfig`` it takes besides ``lr``; ``torch_class`` and the functional form take
            them under the same names.
    """

    display: str
    torch_class: str
    lr: float
    settings: tuple[OptimizerSetting, ...] = ()


OPTIMIZERS: dict[OptimizerName, OptimizerSpec] = {
    "sgd": OptimizerSpec("SGD", "SGD", lr=0.1, settings=("momentum", "weight_decay")),
    "adam": OptimizerSpec("Adam", "Adam", lr=0.01),
    "adamw": OptimizerSpec("AdamW", "AdamW", lr=0.01, settings=("weight_decay",)),
}
