"""The command line as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml3zoo import __version__, list_losses
from ml3zoo.format.config import read_config
from ml3zoo.zoo.names import resolve
from tests.command import DIABETES, SCRIPT, finished, installed, ml3zoo, start

LISTED = sorted(list_losses(), key=lambda name: read_config(resolve(name)).citation is not None)
"""Learned losses come first."""


def test_list_and_info_as_text_and_json():
    shown = installed("list")
    assert shown.returncode == 0
    assert [line.split()[0] for line in shown.stdout.splitlines()] == LISTED
    entries = json.loads(installed("list", "--json").stdout)
    assert [entry["name"] for entry in entries] == LISTED
    written = json.loads(ml3zoo("list", "--hand-made", "--json").stdout)
    assert written == [entry for entry in entries if entry["citation"]] == entries[-len(written) :]
    assert all(entry["headline"] for entry in entries)
    classifying = json.loads(ml3zoo("list", "--problem-type", "classification", "--json").stdout)
    assert classifying == [entry for entry in entries if entry["problem_type"] == "classification"] != []
    table = ml3zoo("list", "--markdown").stdout.splitlines()
    assert table[0] == "|loss|use it for|instead of|gain|where it loses (setups)|"
    assert len(table) == len(list_losses()) + 2
    assert "…" not in "".join(table)
    shown = json.loads(installed("info", "sine-regression", "--json").stdout)
    assert (shown["family"], shown["problem_type"]) == ("mlp", "regression")
    assert "problem type: regression, family mlp" in ml3zoo("info", "sine-regression").stdout
    assert "standardised targets" in ml3zoo("info", "sine-regression").stdout
    assert "Reacher-v5, episodes of up to 50 steps from one start" in ml3zoo("info", "reacher-imitation").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["info", "sine-regression"],
        ["pull", "sine-regression"],
        ["gallery", "sine-regression", "--only", "--out", "gallery"],
    ],
)
def test_reading_verbs_do_not_import_torch(arguments, tmp_path):
    code = f"import sys; sys.argv[1:] = {arguments!r}\nfrom ml3zoo.cli import app\napp(standalone_mode=False)\n"
    check = "assert 'torch' not in sys.modules, 'torch was imported'"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", "--target", "y"], "no file nowhere.csv"),
        ([".", "--target", "y"], "is a folder"),
        ([DIABETES, "--target", "y"], "no column 'y'"),
        ([DIABETES, "--target", "target", "--drop", "weight"], "no column 'weight'"),
        ([DIABETES, "--target", "target", "--test", "clean.csv"], "no file clean.csv"),
        ([DIABETES], "--target is missing."),
        (["--env", "CartPole-v1"], "--env cannot be used with it."),
    ],
)
def test_what_is_wrong_with_a_table_is_told_before_torch_is_imported(arguments, message):
    words = ["ml3zoo", "apply", "label-noise", *map(str, arguments)]
    code = f"import sys; sys.argv = {words!r}\nfrom ml3zoo.cli import main\ntry: main()\n"
    check = "finally: assert not {'torch', 'pandas'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("ml3zoo: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_part_of_a_name_lists_all_that_have_it():
    for pattern, name in (("outlier", "outlier-regression"), ("sine-regression-????", "sine-regression-adam")):
        (line,) = ml3zoo("list", pattern).stdout.splitlines()
        assert line.split()[0] == name


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("terminal", [{}, {"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_the_list_has_a_line_per_loss_in_any_terminal(columns, terminal):
    shown = finished(start("ml3zoo", "list", env=os.environ | terminal | {"COLUMNS": str(columns)})).stdout
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines] == LISTED
    assert all(len(line) <= columns and line.rstrip().endswith(("%", "=")) for line in lines)
    assert "\x1b" not in shown
    assert ("…" in shown) == (columns < 80)


def test_a_gallery_is_written_and_named(tmp_path):
    done = ml3zoo("gallery", "sine-regression", "--only", "--out", "mine", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "mine/index.html\n"), done.stderr
    assert done.stderr.startswith("1 loss.")
    assert (tmp_path / "mine" / "index.html").is_file()
    assert ml3zoo("gallery", "--only", "--out", "mine", cwd=tmp_path).returncode == 1


def test_the_version():
    assert installed("--version").stdout == f"ml3zoo {__version__}\n"


@pytest.mark.parametrize("name", list_losses())
def test_pull_prints_the_folder_and_a_snippet_that_runs(name, tmp_path):
    pulled = ml3zoo("pull", name, "--to", "mine", cwd=tmp_path)
    assert pulled.stdout.strip() == "mine"
    snippet = "\n".join(line[4:] for line in pulled.stderr.splitlines() if line.startswith("    "))
    ran = finished(start("python", "-W", "error", "-c", snippet, cwd=tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert ml3zoo("verify", tmp_path / "mine").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "sine-regresion"], "Did you mean"),
        (["list", "zzz*"], "ml3zoo list"),
        (["train", "sine"], "Did you mean"),
        (["apply", "sine-regression", "nowhere.csv", "--target", "y"], "nowhere.csv"),
        (["apply", "sine-regression", DIABETES, "--target", "target", "--test", "clean.csv"], "no file clean.csv"),
        (["verify", "./nowhere"], "no folder"),
        (["plot", "hf://org"], "no name on the Hub"),
        (["plot", "hf://org/name"], "HF_HUB_OFFLINE"),
    ],
)
def test_a_users_mistake_exits_with_one_and_no_traceback(arguments, message, tmp_path):
    done = ml3zoo(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lst"], "Did you mean 'list'?"),
        (["info"], "name"),
        (["apply", "sine-regression", "table.csv"], "--target"),
        (["apply", "sine-regression", "table.csv", "--target", "y", "--seeds", "1"], "--seeds"),
        (["pull", "sine-regression", "--frm", "x"], "--frm"),
    ],
)
def test_a_wrong_usage_exits_with_one(arguments, message, tmp_path):
    done = installed(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""


def test_every_verb_has_a_line_of_sixty_columns():
    done = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, env=os.environ | {"COLUMNS": "60"})
    verbs = done.stdout.split("Commands:\n")[1].splitlines()
    assert len(verbs) >= 9
    assert all(line.endswith(".") and not line.endswith("...") for line in verbs)


def test_the_use_that_info_shows_runs(tmp_path):
    for arguments in (["sine-regression"], ["sine-regression-paper"], [resolve("sine-regression")]):
        (use,) = [line for line in ml3zoo("info", *arguments).stdout.splitlines() if line.startswith("use:")]
        subprocess.run([sys.executable, "-W", "error", "-c", use.removeprefix("use:").strip()], check=True)
    shutil.copytree(resolve("sine-regression"), tmp_path / "mine")
    assert '"./mine"' in ml3zoo("info", "./mine", cwd=tmp_path).stdout


def test_a_typo_leads_with_the_right_name_and_not_with_the_network():
    message = ml3zoo("info", "sine-regresion").stderr
    assert "Did you mean 'sine-regression'" in message
    assert "HF_ENDPOINT" not in message
    assert "HF_HUB_OFFLINE" in ml3zoo("info", "qqqq").stderr


INTERRUPTED = """
import os, signal, sys
import ml3zoo.zoo.names
ml3zoo.zoo.names.locate = lambda name: os.kill(os.getpid(), signal.SIGINT)
from ml3zoo.cli import main
main()
"""


@pytest.mark.parametrize("verb", ["info", "pull", "verify", "plot"])
def test_ctrl_c_ends_quietly(verb):
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, verb, "x"], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr == "interrupted\n"
    assert done.stdout == ""


def test_pull_refuses_what_it_cannot_use(folder, tmp_path):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for changes, message in (({"sha256": {}}, "names no sha256"), ({"family": "mpl"}, "Did you mean 'mlp'")):
        path.write_text(json.dumps(config | changes))
        done = ml3zoo("pull", folder, "--to", tmp_path / "copy")
        assert done.returncode == 1
        assert message in done.stderr
        assert not (tmp_path / "copy").exists()


def test_a_pipe_for_a_config_does_not_hang(folder):
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    done = ml3zoo("info", folder)
    assert done.returncode == 1
    assert "no regular file" in done.stderr


def test_an_output_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    done = ml3zoo("train", "sine-regression-paper", "--quick", "--out", tmp_path / "file" / "loss")
    assert done.returncode == 1
    assert "cannot write" in done.stderr


def test_plot_draws(tmp_path):
    done = ml3zoo("plot", "sine-regression", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {Path(line).name for line in done.stdout.splitlines()} == {
        "surface.png",
        "learning_curves.png",
        "gain.png",
        "meta_training.png",
    }


def test_plot_draws_what_only_this_loss_has(tmp_path):
    done = ml3zoo("plot", "outlier-regression", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    drawn = sorted(Path(line).name for line in done.stdout.splitlines())
    assert drawn == sorted(path.name for path in (resolve("outlier-regression") / "plots").iterdir())


def test_training_asks_for_matplotlib_before_it_works_and_bench_not_at_all(tmp_path):
    arguments = ["ml3zoo", "train", "sine-regression", "--out", str(tmp_path / "loss")]
    code = f"import sys; sys.modules['matplotlib'] = None; sys.argv = {arguments!r}\n"
    code += "import ml3zoo.recipe.bench, ml3zoo.cli\n"
    done = subprocess.run([sys.executable, "-c", code + "ml3zoo.cli.main()"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ml3zoo[plot]" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_quick_training_makes_a_loss_that_verifies(tmp_path):
    out = tmp_path / "quick"
    for extra in ([], ["--resume"]):
        done = ml3zoo("train", "sine-regression", "--quick", "--out", out, *extra)
        assert done.returncode == 0, done.stderr
        assert ml3zoo("verify", out).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"quick", "quick.training"}


@pytest.mark.slow
def test_quick_bench():
    report = json.loads(ml3zoo("bench", "sine-regression", "--quick", "--json").stdout)
    assert {row["method"] for row in report["rows"]} >= {"learned, recommended", "MSE"}


@pytest.mark.slow
def test_an_interrupted_training_says_how_to_go_on(tmp_path):
    command = [SCRIPT, "train", "sine-regression", "--quick", "--out", str(tmp_path / "loss")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    checkpoint = tmp_path / "loss.training" / "seed-0" / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--resume --quick" in message
    assert "Traceback" not in message
    assert not (tmp_path / "loss").exists()


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ((), "neither NAME nor --all"),
        (("reacher", "--all"), "NAME and --all"),
        (("--all", "--recipe", "x"), "--recipe"),
    ],
)
def test_bench_wants_a_name_or_all(arguments, got):
    done = ml3zoo("bench", *arguments)
    assert done.returncode == 1
    assert got in done.stderr
