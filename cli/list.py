"""``ml3zoo list``: what is in the zoo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from ml3zoo.errors import InputError, UnknownNameError
from ml3zoo.zoo.names import LossDescription, describe, list_losses

from .output import Json, one_line, say, show_json, show_table

_COLUMNS = ("loss", "use it for", "instead of", "gain", "where it loses (setups)")


def list_(
    pattern: Annotated[str, typer.Argument(help="Part of a name, or a shell pattern such as 'sine*'.")] = "*",
    hub: Annotated[bool, typer.Option("--hub", help="Search the Hub instead of the bundled zoo.")] = False,
    problem_type: Annotated[
        str | None, typer.Option(help="Only this problem type, such as regression.", show_default=False)
    ] = None,
    hand_made: Annotated[
        bool | None,
        typer.Option(
            "--hand-made/--learned",
            help="Only losses that people wrote down, or only learned ones.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a README.")] = False,
) -> None:
    """List the losses, a line each.

    What each is for, and by how much its error differs from an ordinary loss's: first the learned losses, then those
    that people wrote down. More: ml3zoo info NAME
    """
    if hub and (markdown or hand_made is not None):
        raise InputError("--markdown, --hand-made and --learned are for the bundled cards: leave them out with --hub.")
    if not set(pattern) & set("*?["):
        pattern = f"*{pattern}*"
    if hub:
        _show_hub(pattern, problem_type, json)
        return
    losses = [
        loss
        for loss in sorted(map(describe, list_losses(pattern)), key=_was_written)
        if problem_type in (None, loss.config.problem_type) and hand_made in (None, _was_written(loss))
    ]
    _check_found(losses, pattern, problem_type)
    if json:
        show_json([_as_dict(loss) for loss in losses])
    elif markdown:
        for line in _markdown(losses):
            say(line)
    else:
        for title, written in (("loss", False), ("written by hand", True)):
            rows = [(loss.config.name, *_short(loss)) for loss in losses if _was_written(loss) == written]
            if rows:
                show_table((title, "use it for", "error"), rows, flexible=1)


def _was_written(loss: LossDescription) -> bool:
    return loss.config.citation is not None


def _short(loss: LossDescription) -> tuple[str, str]:
    """What it is for, and its gain as a number."""
    found = loss.recommendation
    if found is None:
        return loss.config.use_for, "?"
    if found.verdict == "no clear difference":
        return found.use_for, "="
    return found.use_for, f"{found.percent:+.{abs(found.percent) < 1:d}f} %"


def _markdown(losses: list[LossDescription]) -> Iterator[str]:
    yield _row(_COLUMNS)
    yield _row(["---"] * len(_COLUMNS))
    for loss in losses:
        found, name = loss.recommendation, loss.config.name
        if found is not None:
            link, gain = f"[{name}](cards/{name}/README.md)", f"{found.gain}{found.beside}"
            yield _row((link, found.use_for, found.instead_of, gain, found.where_it_loses))


def _row(cells: Iterable[str]) -> str:
    return f"|{'|'.join(map(one_line, cells))}|"


def _as_dict(loss: LossDescription) -> dict[str, Any]:
    return {
        "name": loss.config.name,
        "problem_type": loss.config.problem_type,
        "citation": loss.config.citation,
        "headline": loss.headline,
        "recommendation": asdict(loss.recommendation) if loss.recommendation else None,
        "folder": str(loss.location.folder),
    }


def _show_hub(pattern: str, problem_type: str | None, json: bool) -> None:
    """Losses on the Hub: name and what their authors claim."""
    from ml3zoo.zoo.hub.search import search_losses

    entries = search_losses(pattern, problem_type)
    _check_found(entries, pattern, problem_type)
    if json:
        show_json([asdict(entry) for entry in entries])
        return
    show_table(("loss", "measured"), [(entry.name, entry.headline) for entry in entries], flexible=1)


def _check_found(entries: list[Any], pattern: str, problem_type: str | None) -> None:
    """Refuse a search for something in particular that finds nothing.

    Raises:
        UnknownNameError: nothing was found.
    """
    if not entries and (pattern != "*" or problem_type):
        of_type = f" of problem type {problem_type!r}" if problem_type else ""
        raise UnknownNameError(f"no loss matches {pattern!r}{of_type}. Run: ml3zoo list")
