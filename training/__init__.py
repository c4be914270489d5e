"""Recipes: one file per loss of the zoo; the file stem is the name, with _ for -."""
