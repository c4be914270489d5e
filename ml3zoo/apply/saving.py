"""The folder of a report: weights, pictures, and ``report.json`` with the hashes of all other files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors.torch import save_file

from ml3zoo.apply.report import Report
from ml3zoo.errors import OutputError, UnsavedError
from ml3zoo.format.files import check_replaceable, contents, make_folder, replacing_folder, sha256, write_text
from ml3zoo.tasks.base import Tensors

LAYERS = (
    "holds a torch.nn.Sequential of Linear layers of these sizes with the activation between them (0.weight, 0.bias, "
    "2.weight, ...)."
)
"""What is in a file of ``save_network``, to follow its name."""
_REPORT = "report.json"


def check_output(out: Path, plot: bool) -> None:
    """See that a report can be saved to a folder: it is new, empty, or holds an earlier report and nothing else.

    Raises:
        OutputError: it cannot be written or holds something else.
        MissingExtraError: a picture is wanted and matplotlib is not installed.
    """
    make_folder(out.parent)
    check_replaceable(out, _REPORT)
    if plot:
        import ml3zoo.plots.style  # noqa: F401


@contextmanager
def report_folder(report: Report, out: Path) -> Iterator[Path]:
    """Yield an empty folder to fill. On success it replaces ``out``, an earlier report there too, and holds the report.

    Raises:
        UnsavedError: the folder cannot be written or filled; the report is in it.
    """
    try:
        with replacing_folder(out) as folder:
            yield folder
            hashes = {name: sha256(folder / name) for name in sorted(contents(folder))}
            write_text(folder / _REPORT, json.dumps(report.as_dict() | {"sha256": hashes}, indent=2) + "\n")
    except OutputError as error:
        raise UnsavedError(str(error), report) from error
    except Exception as error:
        raise UnsavedError(f"{out} could not be filled ({type(error).__name__}: {error}).", report) from error


@contextmanager
def drawing() -> Iterator[None]:
    """Pictures, drawn when all else of a report is in its folder: what is wrong with them is a warning.

    Raises:
        OSError: they cannot be written.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a picture fails of, the report is worth more
        warnings.warn(f"not drawn: {type(error).__name__}: {error}. All else was saved.", stacklevel=3)


def save_network(networks: Tensors, index: int, path: Path) -> None:
    """Write the weights of one of several networks, whose tensors have a leading axis of networks."""
    save_file({name: p[index].contiguous() for name, p in networks.items()}, path)
