"""``ml3zoo bench``: recompute a card's numbers."""

from __future__ import annotations

from .output import Json, Name, Quick, say, show_json, talk


def bench(name: Name, quick: Quick = False, json: Json = False) -> None:
    """Measure a loss anew by its recipe's protocol and say where the card differs."""
    from ml3zoo.bench import rerun

    report = rerun(name, quick=quick)
    if json:
        show_json(report.as_dict())
        return
    for line in report.lines():
        say(line)
    talk(report.verdict)
