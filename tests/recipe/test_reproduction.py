"""``ml3zoo bench --all``: a line for each loss, one file for all, and nothing is measured twice."""

from __future__ import annotations

import json

import pytest
import typer

from ml3zoo import list_losses
from ml3zoo.cli.bench import bench
from ml3zoo.errors import InputError, MissingPackageError
from ml3zoo.format.results import Interval, PairedComparison, StepsToReach
from ml3zoo.recipe.bench import BenchReport, HeadlineReport, Row
from ml3zoo.recipe.reproduction import read_reproduction, reproduce
from tests.pages import ROOT

CARD = PairedComparison(Interval(-0.1, -0.12, -0.08), 0.9, Interval(0.8, 0.7, 0.9), StepsToReach(1, 1, 1))


@pytest.fixture
def headlines(monkeypatch):
    """What is measured of losses, a difference of -0.1 if nothing else is said; and the losses that were measured."""
    said, asked = {}, []

    def rerun_headline(name):
        asked.append(name)
        now = said.get(name, -0.1)
        if isinstance(now, BaseException):
            raise now
        return HeadlineReport("error", "MSE", CARD, now, seeds=5)

    monkeypatch.setattr("ml3zoo.recipe.reproduction.rerun_headline", rerun_headline)
    return said, asked


def test_a_line_for_each_loss_and_a_difference_is_told(headlines, tmp_path, capsys):
    headlines[0]["reacher"] = 0.1
    path = tmp_path / "bench.json"
    with pytest.raises(typer.Exit) as end:
        bench(every=True, quick=True, out=path)
    assert end.value.exit_code == 1
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert [line.split(":")[0] for line in lines] == list_losses()
    assert [line.split(":")[0] for line in lines if "DIFFERS" in line] == ["reacher"]
    assert str(path) in shown.err
    found = read_reproduction(path)
    assert found.command == "ml3zoo bench --all --quick"
    outcome = "DIFFERS; error less that of MSE: -0.1000 in the card, +0.1000 now"
    assert f"| reacher | 1 | **{outcome}** |" in found.markdown()
    assert len(found.markdown()) == len(list_losses()) + 2


def test_json_is_what_the_file_holds(headlines, tmp_path, capsys):
    bench(every=True, quick=True, out=tmp_path / "bench.json", json=True)
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "bench.json").read_text())


def test_what_was_interrupted_goes_on_and_what_could_not_be_measured_is_tried_again(headlines, tmp_path):
    said, asked = headlines
    path = tmp_path / "bench.json"
    _, second, third = list_losses()[:3]
    said |= {second: MissingPackageError("no tables.", "pip install them"), third: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        list(reproduce(path, quick=True))
    assert [loss.text[:12] for loss in read_reproduction(path).losses] == ["reproduced; ", "not measured"]
    said.clear()
    asked.clear()
    done = list(reproduce(path, quick=True))
    assert [loss.name for loss in done] == list_losses()
    assert asked == list_losses()[1:]


def test_a_file_of_another_command_or_of_something_else_is_kept(headlines, tmp_path):
    path = tmp_path / "bench.json"
    list(reproduce(path, quick=True))
    with pytest.raises(InputError, match=r"was written by 'ml3zoo bench --all --quick'.*Name another file"):
        list(reproduce(path, quick=False))
    path.write_text("{}")
    with pytest.raises(InputError, match="something else than benched losses"):
        list(reproduce(path, quick=True))
    assert path.read_text() == "{}"


def test_the_whole_card_is_measured_without_quick(monkeypatch, tmp_path):
    report = BenchReport((Row("a", "MSE", 1.0, 1.0), Row("a", "learned", 1.0, 2.0)))
    monkeypatch.setattr("ml3zoo.recipe.reproduction.rerun", lambda name: report)
    first = next(reproduce(tmp_path / "bench.json", quick=False))
    assert (first.numbers, first.differs) == (2, True)
    assert "1 of 2 numbers differ" in first.text


def test_the_docs_show_what_the_file_says():
    found = read_reproduction(ROOT / "docs" / "bench.json")
    page = (ROOT / "docs" / "measured.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- reproduced: docs/bench.json -->\n")[2].partition("<!-- end of reproduced -->")[0]
    assert shown.splitlines() == found.markdown()
    assert f"`{found.command}`" in page
    assert [loss.name for loss in found.losses] == list_losses()
    assert not any(loss.differs for loss in found.losses)
