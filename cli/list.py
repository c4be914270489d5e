"""``ml3zoo list``: what is in the zoo."""

from __future__ import annotations

from typing import Annotated

import typer

from ml3zoo.errors import UnknownNameError
from ml3zoo.zoo import describe, list_losses

from .output import Json, show_json, talk


def list_(
    pattern: Annotated[str, typer.Argument(help="A shell pattern, such as 'sine*'.")] = "*",
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a README.")] = False,
) -> None:
    """List the losses of the zoo, each with its headline."""
    entries = [describe(name) for name in list_losses(pattern)]
    if not entries and pattern != "*":
        raise UnknownNameError(f"no loss matches {pattern!r}. Run: ml3zoo list")
    if json:
        show_json([{key: entry[key] for key in ("name", "kind", "headline", "folder")} for entry in entries])
        return
    if markdown:
        typer.echo("| loss | kind | measured |\n|---|---|---|")
    for entry in entries:
        if markdown:
            typer.echo(
                f"| [{entry['name']}](cards/{entry['name']}/README.md) | {entry['kind']} | {entry['headline']} |"
            )
            continue
        typer.echo(entry["name"])
        talk(f"  {entry['headline']}")
