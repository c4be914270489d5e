"""Families of tasks that losses are meta-trained and measured on: one file each."""
