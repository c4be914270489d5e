"""Labels that stand where the eye is: at the ends of curves instead of in a legend."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ml3zoo.plots.style import Axes

_CLOSEST = 0.06
"""Distance of two labels, as a share of the axes' height."""


def label_ends(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Name curves at the right edge, none over another.

    Args:
        axes: whose limits and scale are final.
        labels: of each curve its last value, name and colour; the lowest may come first or last.
    """
    heights = axes.transAxes.inverted().transform(axes.transData.transform([(0, value) for value, _, _ in labels]))
    ordered = sorted(zip(heights[:, 1].clip(0, 1), labels, strict=True), key=lambda each: each[0])
    for place, (height, (_, name, colour)) in zip(spread([h for h, _ in ordered]), ordered, strict=True):
        axes.annotate(
            name,
            (1, height),
            xytext=(1.03, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=colour,
            fontsize=8,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )


def spread(heights: Sequence[float], closest: float = _CLOSEST) -> list[float]:
    """Ascending heights, moved up, and down again from 1, until neighbours are ``closest`` apart."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + closest) if places else height)
    ceiling = 1.0
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling)
        ceiling = places[index] - closest
    return places


def wrapped(text: str, width: int = 80) -> str:
    """A title or label on as many lines as it takes."""
    return "\n".join(textwrap.wrap(text, width))
