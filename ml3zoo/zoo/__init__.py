"""From a name to a folder to a loss."""
