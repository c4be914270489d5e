"""The folder of a comparison in an environment: the best policy, the report and pictures."""

from __future__ import annotations

from pathlib import Path

from ml3zoo.apply.environment.drawing import save_film, save_trajectories
from ml3zoo.apply.environment.evaluation import EvaluatedPolicies
from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.recorder import Recorder
from ml3zoo.apply.environment.report import WEIGHTS, EnvironmentReport
from ml3zoo.apply.rendering import Film
from ml3zoo.apply.saving import drawing, report_folder, save_network


def save_environment_report(
    report: EnvironmentReport,
    learned: EvaluatedPolicies,
    evaluator: Evaluator,
    recorder: Recorder,
    film: Film[int] | None,
    out: Path,
) -> None:
    """Write everything, in place of an earlier report.

    Args:
        report: what was found.
        learned: policies of the learned loss; the best one is saved.
        evaluator: where they were trained.
        recorder: of their training.
        film: what ``trajectories.gif`` shows, if it is wanted.
        out: the folder.

    Raises:
        UnsavedError: the folder cannot be written.
    """
    with report_folder(report, out) as folder:
        save_network(learned.snapshot.policies.weights, learned.best, folder / WEIGHTS)
        with drawing():
            save_trajectories(evaluator, recorder.drawn, folder)
        if film is not None:
            with drawing():
                save_film(evaluator, recorder.drawn, film.frames, folder)
