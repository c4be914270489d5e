"""ml3zoo: pretrained loss functions. Public names are imported when first used; importing this costs nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ml3zoo.__version__ import __version__

if TYPE_CHECKING:
    from ml3zoo.apply.environment import apply_in_environment
    from ml3zoo.apply.table import apply_loss
    from ml3zoo.errors import Ml3zooError
    from ml3zoo.format.config import LossConfig
    from ml3zoo.losses import LearnedLoss
    from ml3zoo.recipe import Recipe
    from ml3zoo.tasks.control.rollouts import roll_out
    from ml3zoo.zoo.hub.publish import publish_loss
    from ml3zoo.zoo.loading import load_loss
    from ml3zoo.zoo.names import list_losses
    from ml3zoo.zoo.store import save_loss

_HOMES = {
    "LearnedLoss": "ml3zoo.losses",
    "LossConfig": "ml3zoo.format.config",
    "Ml3zooError": "ml3zoo.errors",
    "Recipe": "ml3zoo.recipe",
    "apply_in_environment": "ml3zoo.apply.environment",
    "apply_loss": "ml3zoo.apply.table",
    "list_losses": "ml3zoo.zoo.names",
    "load_loss": "ml3zoo.zoo.loading",
    "publish_loss": "ml3zoo.zoo.hub.publish",
    "roll_out": "ml3zoo.tasks.control.rollouts",
    "save_loss": "ml3zoo.zoo.store",
}

__all__ = [
    "LearnedLoss",
    "LossConfig",
    "Ml3zooError",
    "Recipe",
    "__version__",
    "apply_in_environment",
    "apply_loss",
    "list_losses",
    "load_loss",
    "publish_loss",
    "roll_out",
    "save_loss",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ml3zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
