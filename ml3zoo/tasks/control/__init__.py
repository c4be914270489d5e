"""Worlds to act in, as pure torch functions and as Gymnasium environments."""
