"""Environments to act in: dynamics as pure torch functions, and Gymnasium environments."""
