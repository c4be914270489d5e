"""What a loss is on disk: its config, its files and how they are checked. Needs no torch."""
