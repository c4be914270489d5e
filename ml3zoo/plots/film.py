"""Moving pictures, as GIF files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml3zoo.plots.style import Artist, Canvas, Figure, rc_context
from ml3zoo.plots.trajectories import PlottedTrajectory

Frame = NDArray[np.uint8]
"""A picture, [height, width, 3]."""
_MOST = 60
"""Pictures that a film has at most, besides the last."""
_SHOWN, _HELD = 60, 1500
"""Milliseconds for which a picture is shown, and the last one."""
_DPI = 80


def times_shown(length: int) -> list[int]:
    """Of so many time steps those that are shown: all, or every so many, and the last."""
    return [*range(0, length - 1, math.ceil(length / _MOST)), length - 1]


def film_trajectories(figure: Figure, trajectories: Mapping[int, Sequence[PlottedTrajectory]], path: Path) -> None:
    """Let the trajectories of a figure grow.

    Args:
        figure: of ``draw_over_time`` or ``draw_in_plane``.
        trajectories: what it was drawn of.
        path: of the GIF.
    """
    lines = [
        (line, trajectory)
        for axes, panel in zip(figure.axes, trajectories.values(), strict=True)
        for line, trajectory in zip(axes.lines, panel, strict=False)
    ]

    def show(time: int) -> None:
        for line, trajectory in lines:
            line.set_data(trajectory.x[: time + 1], trajectory.y[: time + 1])

    _write(
        figure, [line for line, _ in lines], show, times_shown(max(len(trajectory.x) for _, trajectory in lines)), path
    )


def film_frames(frames: Mapping[int, Sequence[Frame]], path: Path) -> None:
    """Play episodes side by side, picture by picture; the shorter ones stop at their last.

    Args:
        frames: pictures of each episode, by number of gradient steps taken.
        path: of the GIF.
    """
    figure = Figure(figsize=(3 * len(frames), 3.3), layout="constrained")
    panels = figure.subplots(1, len(frames), squeeze=False)[0]
    images = [axes.imshow(pictures[0]) for axes, pictures in zip(panels, frames.values(), strict=True)]
    for axes, step in zip(panels, frames, strict=True):
        axes.set_title(f"{step} gradient steps", fontsize=9)
        axes.set_axis_off()

    def show(time: int) -> None:
        for image, pictures in zip(images, frames.values(), strict=True):
            image.set_data(pictures[min(time, len(pictures) - 1)])

    _write(figure, images, show, range(max(map(len, frames.values()))), path)


def _write(
    figure: Figure, moving: Sequence[Artist], show: Callable[[int], None], times: Iterable[int], path: Path
) -> None:
    """Draw what stands still once, and what moves at every time."""
    figure.set_dpi(_DPI)
    canvas: Any = Canvas(figure)
    pictures = []
    with rc_context({"text.parse_math": False}):
        for artist in moving:
            artist.set_animated(True)
        canvas.draw()
        still = canvas.copy_from_bbox(figure.bbox)
        for time in times:
            show(time)
            canvas.restore_region(still)
            for artist in moving:
                figure.draw_artist(artist)
            pictures.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    shown = [_SHOWN] * (len(pictures) - 1) + [_HELD]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=shown, loop=0)
