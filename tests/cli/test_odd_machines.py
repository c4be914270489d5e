"""Odd terminals, notebooks, folders and paths: no work is lost for the sake of output."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from pathlib import Path

import pytest

from ml3zoo.apply.saving import drawing, report_folder
from ml3zoo.cli import app
from ml3zoo.cli.output import never_fail, say, show_json, show_table, talk
from ml3zoo.errors import InputError, OutputError, UnknownNameError, UnsavedError
from ml3zoo.zoo.names import bundled_zoo, locate
from tests.command import finished, ml3zoo, start


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8", "shift_jis"])
def test_what_a_terminal_cannot_write_is_replaced(monkeypatch, encoding):
    written = [io.BytesIO(), io.BytesIO()]
    for name, stream in zip(("stdout", "stderr"), written, strict=True):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding=encoding, write_through=True))
    never_fail()
    say("0.1 ≥ 0 ± ω 🙂")
    talk("0.1 ≥ 0 ± ω 🙂")
    for stream in written:
        text = stream.getvalue().decode(encoding, errors="replace")  # click writes UTF-8 where it is told ASCII
        assert text.startswith("0.1 ")
        assert text.endswith("\n")


def test_streams_that_are_no_files_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    never_fail()


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "svg"])
def test_pictures_need_no_window(backend, tmp_path):
    code = (
        "import os; from ml3zoo.plots.style import Figure, save_figures; from pathlib import Path\n"
        "figure = Figure(); figure.subplots().plot([1]); save_figures({'a': figure}, Path('.'))\n"
        f"assert os.environ['MPLBACKEND'] == {backend!r}"
    )
    done = finished(start("python", "-c", code, env={"MPLBACKEND": backend, "HOME": str(tmp_path)}, cwd=tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").stat().st_size > 100


class Found:
    """A report."""

    def as_dict(self):
        return {"verdict": "better"}

    def lines(self):
        return ["better"]


@pytest.mark.parametrize("failure", [ValueError("omega"), OSError(28, "No space left on device")])
def test_a_report_that_cannot_be_saved_is_not_lost(tmp_path, failure):
    with pytest.raises(UnsavedError) as unsaved, report_folder(Found(), tmp_path / "out"):
        raise failure
    assert unsaved.value.report.lines() == ["better"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("json", [True, False])
def test_it_is_shown_before_the_error(monkeypatch, capsys, json):
    module = sys.modules["ml3zoo.cli.apply"]
    with pytest.raises(UnsavedError), module._shown_if_unsaved(json):
        raise UnsavedError("the disk is full", Found())
    assert "better" in capsys.readouterr().out


def test_pictures_that_fail_leave_all_else(tmp_path):
    def save():
        with report_folder(Found(), tmp_path / "out") as folder:
            (folder / "weights").write_text("1")
            with drawing():
                raise ValueError("omega")

    with pytest.warns(UserWarning, match="not drawn: ValueError: omega"):
        save()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "weights"]


@pytest.fixture
def pub(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(bundled_zoo() / "sine-regression", tmp_path / "pub")


def test_a_folder_without_a_slash_is_found_before_the_hub_is_asked(pub, monkeypatch):
    monkeypatch.setattr("ml3zoo.zoo.names._pull_official", lambda name: pytest.fail("asked the Hub"))
    with pytest.raises(UnknownNameError, match=r"did you mean \./pub\?"):
        locate("pub")
    assert locate("./pub").folder == Path("./pub")
    (pub / "config.json").unlink()
    with pytest.raises(pytest.fail.Exception):
        locate("pub")


@pytest.mark.parametrize(
    "words", ["info", "pull", "verify", "plot", "bench", "apply", "apply pub table.csv --target y"], ids=str
)
def test_every_verb_says_so(pub, words, monkeypatch, capsys):
    verb, *more = words.split()
    monkeypatch.setattr("ml3zoo.zoo.names._pull_official", lambda name: pytest.fail("asked the Hub"))
    with pytest.raises(UnknownNameError, match=r"did you mean \./pub\?"):
        app([verb, *(more or ["pub"])], standalone_mode=False)


def test_a_warning_is_told_without_a_line_of_code(tmp_path):
    (tmp_path / "a_helper_of_mine.py").write_text("X = 1\n")
    (tmp_path / "mine.py").write_text("import a_helper_of_mine\n")
    done = ml3zoo("train", "./mine.py", cwd=tmp_path)
    assert done.stderr.splitlines()[0].startswith("warning: mine.py needs a_helper_of_mine.py beside it.")


def test_a_table_without_a_target_is_no_loss_that_is_not_known(tmp_path):
    (tmp_path / "table.csv").write_text("a,y\n")
    with pytest.raises(InputError, match="DATA --target COLUMN; --target is missing"):
        app(["apply", str(tmp_path / "table.csv")], standalone_mode=False)


def test_an_environment_beside_the_user_is_found(tmp_path):
    (tmp_path / "my_world.py").write_text(
        "import gymnasium, numpy as np\n"
        "class World(gymnasium.Env):\n"
        "    observation_space = gymnasium.spaces.Box(-1, 1, (7,), np.float32)\n"
        "    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)\n"
        "gymnasium.register('My-v0', World)\n"
    )
    done = ml3zoo("apply", "mountain-car-continuous", "--env", "my_world:My-v0", cwd=tmp_path)
    assert done.returncode == 1
    assert "My-v0 observes 7 numbers" in done.stderr


SHOW = [lambda: say("a"), lambda: show_json({"a": 1}), lambda: show_table(("a",), [("b",)], flexible=0)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("show", SHOW)
def test_a_full_disk_is_told_in_a_line(monkeypatch, show):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OutputError, match="stdout cannot be written to"):
            show()
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
