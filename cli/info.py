"""``ml3zoo info``: what is known of a loss."""

from __future__ import annotations

from ml3zoo.format.config import InnerConfig, Provenance
from ml3zoo.zoo.hub.reference import HubReference
from ml3zoo.zoo.names import LossDescription, describe
from ml3zoo.zoo.verdicts import Recommendation

from .output import Json, Name, one_line, say, show_json


def info(name: Name, json: Json = False) -> None:
    """Show what a loss is and how to use it."""
    loss = describe(name)
    if json:
        show_json(loss.as_dict())
        return
    for key, value in _lines(loss).items():
        say(f"{key + ':':<14}{one_line(value)}")


def _lines(loss: LossDescription) -> dict[str, object]:
    config = loss.config
    return {
        "name": config.name,
        "headline": loss.headline or "not measured",
        **(_advice(loss.recommendation) if loss.recommendation else {}),
        "about": config.summary,
        **({"written by": config.citation} if config.citation else {}),
        "problem type": f"{config.problem_type}, family {config.family}",
        "signals": ", ".join(map(str, config.signals)),
        **({"environment": config.environment} if config.environment else {}),
        "made for": _training(config.inner),
        "use": f"from ml3zoo import load_loss; loss = {loss.use}",
        "call": loss.call,
        "recipe": _recipe(config.provenance),
        "source": _source(loss.location.source),
        "folder": loss.location.folder,
    }


def _advice(found: Recommendation) -> dict[str, object]:
    return {
        "use it for": found.use_for,
        "instead of": found.instead_of,
        "gain": f"{found.gain}{found.beside}",
        "setups lost": found.where_it_loses,
    }


def _training(inner: InnerConfig) -> str:
    targets = ", standardised targets" if inner.standardized_targets else ""
    return f"{inner.optimizer_text}, lr {inner.lr:g}, {inner.steps} steps{targets}"


def _recipe(provenance: Provenance | None) -> str:
    return f"{provenance.recipe}, {provenance.date}" if provenance else "not known"


def _source(source: HubReference | None) -> str:
    return f"{source}, published by {source.owner}" if source else "not from the Hub"
