"""Losses that people wrote down, one in each file: entries of the zoo, measured as the learned ones are."""
