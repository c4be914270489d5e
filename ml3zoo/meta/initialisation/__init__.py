"""What sets the parameters of a loss before meta-training."""
