"""Animations, as GIF files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml3zoo.plots.style import Artist, Canvas, Figure, styled
from ml3zoo.plots.trajectories import PlottedTrajectory

Frame = NDArray[np.uint8]
"""A picture, [height, width, 3]."""
_MOST = 60
"""The most frames that a film has, besides the last."""
_DURATION, _LAST_DURATION = 60, 1500
"""Milliseconds that a frame is shown, and the last one."""
_DPI = 80


def times_shown(length: int) -> list[int]:
    """The time steps that a film shows: all or, of many, every k-th and the last."""
    return [*range(0, length - 1, math.ceil(length / _MOST)), length - 1]


@styled
def film_trajectories(figure: Figure, trajectories: Mapping[int, Sequence[PlottedTrajectory]], path: Path) -> None:
    """Animate a figure: its trajectories grow step by step.

    Args:
        figure: of ``draw_over_time`` or ``draw_in_plane``.
        trajectories: what the figure shows.
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


@styled
def film_frames(frames: Mapping[str, Sequence[Frame]], path: Path) -> None:
    """Play episodes side by side; the shorter ones stop at their last frame.

    Args:
        frames: of each episode, by its title.
        path: of the GIF.
    """
    figure = Figure(figsize=(3 * len(frames), 3.3), layout="constrained")
    panels = figure.subplots(1, len(frames), squeeze=False)[0]
    images = [axes.imshow(pictures[0]) for axes, pictures in zip(panels, frames.values(), strict=True)]
    for axes, title in zip(panels, frames, strict=True):
        axes.set_title(title)
        axes.set_axis_off()

    def show(time: int) -> None:
        for image, pictures in zip(images, frames.values(), strict=True):
            image.set_data(pictures[min(time, len(pictures) - 1)])

    _write(figure, images, show, range(max(map(len, frames.values()))), path)


def _write(
    figure: Figure, moving: Sequence[Artist], show: Callable[[int], None], times: Iterable[int], path: Path
) -> None:
    """Draw the background once, and what moves at every time."""
    figure.set_dpi(_DPI)
    canvas: Any = Canvas(figure)
    pictures = []
    for artist in moving:
        artist.set_animated(True)
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    for time in times:
        show(time)
        canvas.restore_region(background)
        for artist in moving:
            figure.draw_artist(artist)
        pictures.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    durations = [_DURATION] * (len(pictures) - 1) + [_LAST_DURATION]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
