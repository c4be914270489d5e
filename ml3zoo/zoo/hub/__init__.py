"""The zoo on the Hugging Face Hub: pull, search, publish."""
