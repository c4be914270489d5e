"""Would a learned loss help me? On a table, or in an environment."""
