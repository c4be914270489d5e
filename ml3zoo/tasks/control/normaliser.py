"""What policies see of a state: each number brought to its range."""

from __future__ import annotations

from torch import Tensor

from ml3zoo.format.config import Ranges


def in_ranges(values: Tensor, ranges: Ranges) -> Tensor:
    """Values [..., n] brought to about -1 to 1 by n ranges."""
    middle, scale = zip(*((each.middle, each.scale) for each in ranges), strict=True)
    return (values - values.new_tensor(middle)) / values.new_tensor(scale)
