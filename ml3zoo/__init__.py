"""ml3zoo: pretrained loss functions. Public names are imported when first used; importing this costs nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml3zoo.config import LossConfig
    from ml3zoo.errors import Ml3zooError
    from ml3zoo.hub.publish import publish_loss
    from ml3zoo.loading import load_loss
    from ml3zoo.losses import LearnedLoss
    from ml3zoo.store import save_loss
    from ml3zoo.zoo import list_losses

__version__ = "0.1.0"
__all__ = ["LearnedLoss", "LossConfig", "Ml3zooError", "list_losses", "load_loss", "publish_loss", "save_loss"]

_HOMES = {
    "LearnedLoss": "ml3zoo.losses",
    "LossConfig": "ml3zoo.config",
    "Ml3zooError": "ml3zoo.errors",
    "list_losses": "ml3zoo.zoo",
    "load_loss": "ml3zoo.loading",
    "publish_loss": "ml3zoo.hub.publish",
    "save_loss": "ml3zoo.store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ml3zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
