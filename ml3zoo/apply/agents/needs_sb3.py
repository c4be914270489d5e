"""stable-baselines3, or what to install to have it."""

from __future__ import annotations

from ml3zoo.errors import MissingExtraError

try:
    import stable_baselines3
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.logger import configure
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize
except ImportError as error:
    raise MissingExtraError("Training agents by PPO", "frameworks") from error

LIBRARY = f"stable-baselines3 {stable_baselines3.__version__}"

__all__ = ["LIBRARY", "PPO", "BaseCallback", "DummyVecEnv", "Monitor", "VecEnv", "VecNormalize", "configure"]
