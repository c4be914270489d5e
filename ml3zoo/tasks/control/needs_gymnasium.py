"""Gymnasium, or what to install to have it."""

from __future__ import annotations

from ml3zoo.errors import MissingExtraError

try:
    import gymnasium
    from gymnasium.spaces import Box
    from gymnasium.vector import AutoresetMode, VectorEnv
except ImportError as error:
    raise MissingExtraError("Acting in environments", "rl") from error

__all__ = ["AutoresetMode", "Box", "VectorEnv", "gymnasium"]
