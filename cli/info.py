"""``ml3zoo info``: what is known of a loss."""

from __future__ import annotations

from ml3zoo.format.config import SignalConfig
from ml3zoo.zoo.names import describe

from .output import Json, Name, one_line, say, show_json


def info(name: Name, json: Json = False) -> None:
    """Show what a loss is and how to use it."""
    entry = describe(name)
    if json:
        show_json(entry)
        return
    inner, provenance = entry["inner"], entry["provenance"] or {}
    lines = {
        "name": entry["name"],
        "headline": entry["headline"] or "not measured",
        "about": entry["summary"],
        "problem_type": f"{entry['kind']}, family {entry['family']}",
        "signals": ", ".join(str(SignalConfig(**signal)) for signal in entry["signals"]),
        **({"world": entry["acts_in"]} if entry["acts_in"] else {}),
        "made for": f"{inner['optimizer']}, lr {inner['lr']:g}, momentum {inner['momentum']:g}, {inner['steps']} steps"
        + (", standardised targets" if inner["standardized_targets"] else ""),
        "use": f"from ml3zoo import load_loss; loss = {entry['use']}",
        "call": entry["call"],
        "from": f"recipe {provenance['recipe']}, {provenance['date']}" if provenance else "no recipe known",
        "source": f"{entry['source']}, published by {entry['author']}" if entry["source"] else "not from the Hub",
        "folder": entry["folder"],
    }
    for key, value in lines.items():
        say(f"{key + ':':<10}{one_line(value)}")
