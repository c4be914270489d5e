"""Adapters for frameworks whose conventions differ: one file each, imported only when asked for."""
