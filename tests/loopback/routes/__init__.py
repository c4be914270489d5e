"""One function a route. Importing this package registers them all."""

from . import account, control, datasets, files, history, models, repos, upload

__all__ = ["account", "control", "datasets", "files", "history", "models", "repos", "upload"]
