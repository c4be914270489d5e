"""What is done to a loss before it is meta-trained."""
