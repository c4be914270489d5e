"""``ml3zoo publish``: put a loss on the Hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .output import QUICK, Json, say, show_json, talk


def publish(
    folder: Annotated[Path, typer.Argument(help="The folder of a measured loss.", show_default=False)],
    repo: Annotated[str, typer.Option(help="org/name; created if it does not exist.", show_default=False)],
    private: Annotated[bool, typer.Option("--private", help="Create it private.")] = False,
    pr: Annotated[bool, typer.Option("--pr", help="Open a pull request instead of committing.")] = False,
    tag: Annotated[str | None, typer.Option(help="Also name the commit, such as v1.", show_default=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a card that was edited on the Hub.")] = False,
    json: Json = False,
) -> None:
    """Publish a loss on the Hugging Face Hub.

    Everything is checked first, and all of it goes out in one commit.
    """
    from ml3zoo.zoo.hub.publish import publish_loss

    done = publish_loss(folder, repo, private=private, pr=pr, tag=tag, dry_run=dry_run, force=force)
    if json:
        if done.quick:
            talk(QUICK)
        show_json(asdict(done) | {"reference": str(done.reference)})
        return
    for name in done.uploaded:
        talk(f"  {'would send' if dry_run else 'sent'} {name}")
    for name in done.removed:
        talk(f"  {'would remove' if dry_run else 'removed'} {name}")
    if not done.uploaded and not done.removed:
        talk("  everything is there already")
    if done.quick:
        talk(QUICK)
    talk(done.url)
    say(f"ml3zoo pull {done.reference}")
