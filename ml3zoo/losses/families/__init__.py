"""Families of learned losses, one file each."""
