"""Meta-training: inner runs, meta-gradient estimators, the outer loop and its checkpoints."""
