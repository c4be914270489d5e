"""What environments render: checked frames, and rendering without a screen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from ml3zoo.plots.film import Frame

RENDER_MODE = "rgb_array"
_BACKEND = "MUJOCO_GL"
Key = TypeVar("Key", int, str)


class Film(NamedTuple, Generic[Key]):
    """Frames of episodes, by what they show; None if nothing was rendered. ``origin`` says how or why."""

    frames: Mapping[Key, Sequence[Frame]] | None
    origin: str


class NoRendererError(Exception):
    """The environment renders nothing, or cannot here; the text says why."""


def check_renders(metadata: Mapping[str, Any]) -> None:
    """See that an environment renders pictures, by its metadata.

    Raises:
        NoRendererError: it does not.
    """
    if RENDER_MODE not in metadata.get("render_modes", ()):
        raise NoRendererError(f"it has no mode {RENDER_MODE!r}")


def rendered_frame(render: Callable[[], Any]) -> Frame:
    """What an environment renders now.

    Raises:
        NoRendererError: it fails, or gives no picture.
    """
    try:
        frame = np.asarray(render())
    except Exception as error:
        raise NoRendererError(f"{type(error).__name__}: {error}") from error
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise NoRendererError(f"it renders {frame.dtype} of shape {frame.shape}, not uint8 [height, width, 3]")
    return frame


@contextmanager
def headless() -> Iterator[None]:
    """Let MuJoCo render without a screen through EGL, if the user chose no backend and EGL works."""
    if "mujoco" not in sys.modules or _BACKEND in os.environ or not _egl_works():
        yield
        return
    os.environ[_BACKEND] = "egl"
    try:
        yield
    finally:
        del os.environ[_BACKEND]


def _egl_works() -> bool:
    try:
        from mujoco.egl import GLContext

        GLContext(8, 8).free()
    except Exception:  # noqa: BLE001 (every driver fails differently)
        return False
    return True
