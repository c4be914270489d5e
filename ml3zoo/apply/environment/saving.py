"""The folder of a comparison in an environment: the best policy, the report and pictures."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.pictures import save_film, save_trajectories
from ml3zoo.apply.environment.policies import Policies
from ml3zoo.apply.environment.recorder import Recorder
from ml3zoo.apply.environment.rendering import Film
from ml3zoo.apply.environment.report import WEIGHTS, EnvironmentReport
from ml3zoo.apply.table.saving import report_folder


def save_environment_report(
    report: EnvironmentReport, policy: Policies, evaluator: Evaluator, recorder: Recorder, film: Film | None, out: Path
) -> None:
    """Write everything, in place of an earlier report.

    Args:
        report: what was found.
        policy: the one to keep, alone.
        evaluator: where policies were trained.
        recorder: of the training under the learned loss.
        film: what is shown in ``trajectories.gif``, if that is wanted.
        out: the folder.

    Raises:
        OutputError: the folder cannot be written.
    """
    with report_folder(report.as_dict(), out) as folder:
        save_file({name: p[0].contiguous() for name, p in policy.weights.items()}, folder / WEIGHTS)
        save_trajectories(evaluator, recorder.drawn, folder)
        if film is not None:
            save_film(evaluator, recorder.drawn, film.frames, folder)
