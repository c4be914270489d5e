"""The folder of a comparison of agents: the agents, what they did, the report and pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

from ml3zoo.apply.agents.comparison import AgentComparison, points
from ml3zoo.apply.agents.report import AgentsReport
from ml3zoo.apply.rendering import Film
from ml3zoo.apply.saving import drawing, report_folder
from ml3zoo.plots.agents import draw_returns
from ml3zoo.plots.film import film_frames
from ml3zoo.plots.style import save_figures


def save_agents_report(
    report: AgentsReport, comparison: AgentComparison, trained: Path, film: Film[str] | None, out: Path
) -> None:
    """Write everything, in place of an earlier report.

    Args:
        report: what was found.
        comparison: what it was found from.
        trained: the folder that the agents are in.
        film: what ``agents.gif`` shows, if it is wanted.
        out: the folder.

    Raises:
        OutputError: the folder cannot be written.
    """
    labels = [method.label for method in report.methods]
    bands = {label: one.band for label, one in zip(labels, (comparison.ppo, comparison.learned), strict=True)}
    with report_folder(report, out) as folder:
        for agents in (method.agents for method in report.methods):
            for agent in agents:
                shutil.copytree(trained / Path(agent).name, folder / agent)
        with drawing():
            title = f"{report.environment}, {report.seeds} seeds"
            save_figures({"returns": draw_returns(points(comparison.steps).tolist(), bands, title)}, folder)
        if film is not None and film.frames is not None:
            with drawing():
                film_frames(film.frames, folder / "agents.gif")
