"""results.json + config.json -> README.md, the card. No number in a card is typed by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from ml3zoo.format.config import LossConfig
from ml3zoo.format.problem_types import find_problem_type


def render_card(config: LossConfig, results: dict[str, Any], folder: Path) -> str:
    """The card as markdown with the Hub's front matter. Pictures found in ``folder/plots`` are shown."""
    template = _environment().get_template("card.md.j2")
    return template.render(
        front_matter=_front_matter(config, results).to_yaml(),
        config=config,
        kind=find_problem_type(config.problem_type),
        results=results,
        main=results["setups"][0],
        verdict=verdict,
        in_hindsight=in_hindsight,
        plots=sorted(path.stem for path in (folder / "plots").glob("*.png")),
    )


def verdict(setup: dict[str, Any], method: str = "learned, tuned") -> str:
    """A learned method against the careful baseline in one setup: better, worse or no clear difference."""
    difference = setup["against_baseline"][method]["difference"]
    if difference["high"] < 0:
        return "better"
    return "worse" if difference["low"] > 0 else "no clear difference"


def in_hindsight(setup: dict[str, Any]) -> str:
    """The ordinary loss that did best on the test tasks, which nobody could know before; nothing if it was chosen."""
    ordinary = {
        name: entry["objective"]["mean"]
        for name, entry in setup["methods"].items()
        if not name.startswith(("learned", "initial loss")) and not name.endswith(", same lr")
    }
    best = min(ordinary, key=ordinary.__getitem__)
    return best if ordinary[best] < ordinary[setup["baseline"]] else ""


def headline(results: dict[str, Any]) -> str:
    """The first line of a card: the main setup, wins and losses alike."""
    main = results["setups"][0]
    ours = main["methods"]["learned"]["objective"]["mean"]
    name, theirs = main["baseline"], main["methods"][main["baseline"]]["objective"]["mean"]
    where = main["name"]
    figures = f"{results['metric']['name']} {ours:.3f} against {theirs:.3f}"
    first, best = next(iter(main["methods"])), in_hindsight(main)
    others = dict.fromkeys(one for one in (first, best) if one not in ("", name))
    if others:
        said = {one: f"careful {one}{', best in hindsight' if one == best else ''}" for one in others}
        told = (f"{said[one]}: {main['methods'][one]['objective']['mean']:.3f}" for one in others)
        figures += f" ({'; '.join(told)})"
    begins = {"better": "Beats", "worse": "Loses to", "no clear difference": "No clear difference from"}
    text = f"{begins[verdict(main, 'learned')]} careful {name} on {where}: {figures}{_worse(results['setups'])}"
    return f"A quick run, its numbers mean nothing. {text}" if results.get("quick") else text


def _worse(setups: list[dict[str, Any]]) -> str:
    """In how many setups the loss does worse, at either rate; nothing if in none."""
    told = []
    for method, way in (("learned", "at the recommended rate"), ("learned, tuned", "tuned")):
        verdicts = [verdict(setup, method) for setup in setups if method in setup["against_baseline"]]
        if "worse" in verdicts:
            told.append(f"in {verdicts.count('worse')} of {len(verdicts)} setups {way}")
    return f"; worse {' and '.join(told)}" if told else ""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ml3zoo.zoo"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["figure"] = lambda v: f"{v:.3f}"
    environment.filters["interval"] = lambda v: f"{v['mean']:.3f} [{v['low']:.3f}, {v['high']:.3f}]"
    environment.filters["steps_interval"] = lambda v: (
        f"{v['steps'] or 'never'} [{v['low'] or 'never'}, {v['high'] or 'never'}]"
    )
    environment.filters["percent_interval"] = lambda v: (
        f"{_percent(v['mean'])} % [{_percent(v['low'])}, {_percent(v['high'])}]"
    )
    return environment


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 0.01 or 0.99 < share < 1 else f"{100 * share:.0f}"


def _front_matter(config: LossConfig, results: dict[str, Any]) -> ModelCardData:
    main, metric = results["setups"][0], results["metric"]["name"]
    evaluation = EvalResult(
        task_type=find_problem_type(config.problem_type).task,
        dataset_type=config.name,
        dataset_name=f"{config.name} test tasks",
        metric_type=re.sub(r"\W+", "_", metric.lower()).strip("_"),
        metric_name=f"{metric} on {main['name']}",
        metric_value=main["methods"]["learned"]["objective"]["mean"],
    )
    return ModelCardData(
        license="mit",
        library_name="ml3zoo",
        tags=["ml3zoo", "learned-loss", "meta-learning", config.problem_type],
        model_name=config.name,
        eval_results=[evaluation],
    )
