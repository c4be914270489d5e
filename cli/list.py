"""``ml3zoo list``: what is in the zoo."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ml3zoo.errors import InputError, UnknownNameError
from ml3zoo.zoo.names import describe, list_losses

from .output import Json, one_line, say, show_json, talk

_LONGEST_HEADLINE = 600
"""In a table of the bundled zoo, whose headlines end with where a loss does worse."""


def list_(
    pattern: Annotated[str, typer.Argument(help="Part of a name, or a shell pattern such as 'sine*'.")] = "*",
    hub: Annotated[bool, typer.Option("--hub", help="Search the Hub instead of the bundled zoo.")] = False,
    problem_type: Annotated[
        str | None, typer.Option(help="Only this problem type, such as regression.", show_default=False)
    ] = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a README.")] = False,
) -> None:
    """List the losses, each with its headline."""
    if hub and markdown:
        raise InputError("--markdown links the bundled cards; it does not go with --hub.")
    if not set(pattern) & set("*?["):
        pattern = f"*{pattern}*"
    entries = _on_the_hub(pattern, problem_type) if hub else _bundled(pattern, problem_type)
    if not entries and (pattern != "*" or problem_type):
        of_type = f" of problem type {problem_type!r}" if problem_type else ""
        raise UnknownNameError(f"no loss matches {pattern!r}{of_type}. Run: ml3zoo list")
    if json:
        show_json(entries)
        return
    if markdown:
        say("| loss | problem type | measured |\n|---|---|---|")
    for entry in entries:
        name, headline = one_line(entry["name"]), one_line(entry["headline"], _LONGEST_HEADLINE)
        if markdown:
            say(f"| [{name}](cards/{name}/README.md) | {entry['problem_type']} | {headline} |")
            continue
        say(name)
        talk(f"  {headline}")


def _bundled(pattern: str, problem_type: str | None) -> list[dict[str, Any]]:
    losses = (describe(name) for name in list_losses(pattern))
    return [
        {
            "name": loss.config.name,
            "problem_type": loss.config.problem_type,
            "headline": loss.headline,
            "folder": str(loss.location.folder),
        }
        for loss in losses
        if problem_type in (None, loss.config.problem_type)
    ]


def _on_the_hub(pattern: str, problem_type: str | None) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from ml3zoo.zoo.hub.search import search_losses

    return [asdict(entry) for entry in search_losses(pattern, problem_type)]
