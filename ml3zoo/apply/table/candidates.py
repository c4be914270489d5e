"""The losses that are compared on a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from torch import nn

from ml3zoo.errors import InputError
from ml3zoo.evaluate import Baseline
from ml3zoo.format.config import FILE_NAME, read_config
from ml3zoo.format.files import sha256
from ml3zoo.format.optimizers import OptimizerName
from ml3zoo.format.signals import ProblemType
from ml3zoo.zoo.loading import load_loss
from ml3zoo.zoo.names import list_losses, locate


@dataclass(frozen=True)
class Candidate:
    """A loss.

    Attributes:
        name: as in a report.
        hyper: its hyper-parameters, if there are several of its name.
        learned: whether it was.
        loss: itself.
        use: lines of Python that make it.
        recommended: its own learning rate under the optimiser in use; None if it has none.
        content: hash of its config, which has those of its other files; empty for an ordinary one.
    """

    name: str
    hyper: str
    learned: bool
    loss: nn.Module = field(compare=False)
    use: str = field(compare=False)
    recommended: float | None = None
    content: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.hyper})" if self.hyper else self.name


def ordinary(baselines: Iterable[Baseline]) -> Iterator[Candidate]:
    """Ordinary losses, each with its hyper-parameters once."""
    for each in {(one.name, one.hyper): one for one in baselines}.values():
        yield Candidate(each.name, each.hyper, False, each.make(), _written(each))


def fitting(problem_type: ProblemType, optimizer: OptimizerName) -> Iterator[Candidate]:
    """The learned losses of the bundled zoo that a table of this problem type can be learned by.

    Those that were written down take part as ordinary ones, in several settings.
    """
    for name in list_losses():
        config = read_config(locate(name).folder)
        if config.problem_type == problem_type.name and not config.uses_feature and not config.citation:
            yield named(name, optimizer)


def named(name: str | Path, optimizer: OptimizerName) -> Candidate:
    """One learned loss.

    Raises:
        InputError: it wants to see more of each point than a table has.
    """
    loss = load_loss(name)
    config = loss.config
    if config.uses_feature:
        raise InputError(
            f"{config.name} takes a feature of each point besides prediction and target, which a table does not "
            f"have: a loss without a feature was expected. Its card shows its use in Python: ml3zoo info {name}"
        )
    recommended = config.inner.lr if config.inner.optimizer == optimizer else None
    length = ", total_steps=len(loader) * epochs" if config.uses_progress else ""
    use = f'from ml3zoo import load_loss\nloss = load_loss("{name}"{length})'
    return Candidate(config.name, "", True, loss, use, recommended, sha256(locate(name).folder / FILE_NAME))


def _written(baseline: Baseline) -> str:
    """Lines of Python that make an ordinary loss, where they follow from how the baseline makes it."""
    make = baseline.make
    function, arguments = make, list[str]()
    if isinstance(make, partial):
        function = make.func
        arguments = [*map(repr, make.args), *(f"{name}={value!r}" for name, value in make.keywords.items())]
    if not isinstance(function, type):
        return f"import ml3zoo.losses.ordinary  # {baseline.name}: {baseline.hyper}"
    module = "torch.nn" if function.__module__.startswith("torch.") else "ml3zoo.losses.ordinary"
    return f"from {module} import {function.__name__}\nloss = {function.__name__}({', '.join(arguments)})"
