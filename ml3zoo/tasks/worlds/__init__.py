"""Worlds that agents learn to act in by trial and error: many copies side by side, in torch."""
