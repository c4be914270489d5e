"""What pictures share: colours and axes. matplotlib is imported only by this package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ml3zoo.errors import MissingExtraError

try:
    from matplotlib import rc_context
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.backends.backend_agg import FigureCanvasAgg as Canvas
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle
    from matplotlib.ticker import LogLocator, NullFormatter
except ImportError as error:
    raise MissingExtraError("Drawing pictures", "plot") from error

LEARNED, ORDINARY, PALE = "#d1495b", "#30638e", "#9aa5b1"
OTHERS = ("#8d6a9f", "#4f9d69", "#c98b2b", "#7a8793", "#5bb0ba", "#b3b3b3")


def scale_of(shown: Iterable[float]) -> str:
    """A logarithmic scale if all numbers that are shown are above 0, else a linear one."""
    return "log" if all(number > 0 for number in shown) else "linear"


def plain_numbers(axis: Axis) -> None:
    """0.1, 0.2, 0.5, 1 instead of powers of ten, on a logarithmic axis."""
    if axis.get_scale() != "log":
        return
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def tidy(axes: Axes) -> None:
    """Two spines and a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)


def save_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write figures by name, the same bytes every time; mathematical signs in names are text."""
    with rc_context({"text.parse_math": False}):
        for name, figure in figures.items():
            figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})


__all__ = [
    "LEARNED",
    "ORDINARY",
    "OTHERS",
    "PALE",
    "Artist",
    "Axes",
    "Canvas",
    "Circle",
    "Figure",
    "plain_numbers",
    "rc_context",
    "save_figures",
    "scale_of",
    "tidy",
]
