"""The style of all pictures. matplotlib is imported only by this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

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

LEARNED, ORDINARY, PALE = "#d55e00", "#0072b2", "#9aa5b1"
"""These and ``OTHERS`` are the colours of Okabe and Ito, which the colour-blind can tell apart."""
STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.2,
    "axes.titlesize": 9,
    "figure.titlesize": 9,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.parse_math": False,  # mathematical signs in names are text
    "savefig.dpi": 110,
}
"""rcParams of all pictures; see ``styled``."""
OTHERS = ("#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def styled(draw: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorator of functions that draw or write figures: they do so in ``STYLE``."""

    @wraps(draw)
    def draw_styled(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return draw_styled


def scale_of(shown: Iterable[float]) -> str:
    """A logarithmic scale if all numbers shown are above 0, else a linear one."""
    return "log" if all(number > 0 for number in shown) else "linear"


def plain_numbers(axis: Axis) -> None:
    """0.1, 0.2, 0.5, 1 instead of powers of ten, on a logarithmic axis."""
    if axis.get_scale() != "log":
        return
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


@styled
def save_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write figures by name as PNG files, with the same bytes every time."""
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", bbox_inches="tight", metadata={"Software": None})


__all__ = [
    "LEARNED",
    "ORDINARY",
    "OTHERS",
    "PALE",
    "STYLE",
    "Artist",
    "Axes",
    "Canvas",
    "Circle",
    "Figure",
    "plain_numbers",
    "rc_context",
    "save_figures",
    "scale_of",
    "styled",
]
