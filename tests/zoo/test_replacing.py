"""Writing: all of it or nothing, and nobody else's file is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ml3zoo.errors import OutputError
from ml3zoo.format.files import adding_to_folder, check_replaceable, replacing, replacing_folder, write_text
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.store import read_loss, save_loss
from tests.command import DIABETES, ml3zoo

LOSS = resolve("sine-regression")


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bert(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "model.safetensors").write_bytes(b"weights of somebody else")
    (folder / "README.md").write_text("# BERT\n")
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["pull", "sine-regression", "--to"],
        ["train", "sine-regression", "--quick", "--out"],
        ["apply", "sine-regression", str(DIABETES), "--target", "target", "--out"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_foreign_model_is_never_replaced(tmp_path, arguments):
    theirs = bert(tmp_path / "bert")
    (theirs / "report.json").write_text("{}")
    before = everything(theirs)
    done = ml3zoo(*arguments, theirs, cwd=tmp_path)
    assert done.returncode == 1
    assert "holds other files" in done.stderr
    assert everything(theirs) == before


def test_no_loss_is_saved_over_a_foreign_model(loss, tmp_path):
    theirs = bert(tmp_path / "bert")
    before = everything(theirs)
    with pytest.raises(OutputError, match=r"README\.md"):
        save_loss(loss, theirs)
    assert everything(theirs) == before


@pytest.mark.parametrize("name", ["notes.md", "plots/raw.csv", "nested/config.json", "README.md", "link", "pipe"])
def test_a_strangers_file_in_a_folder_of_ours(tmp_path, name):
    ours = shutil.copytree(resolve("sine-regression-paper"), tmp_path / "loss")
    check_replaceable(ours, "config.json")
    path = ours / name
    if name == "README.md":
        config = json.loads((ours / "config.json").read_text())
        del config["sha256"][name]
        (ours / "config.json").write_text(json.dumps(config))
    elif name == "link":
        path.symlink_to(tmp_path)
    elif name == "pipe":
        os.mkfifo(path)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    with pytest.raises(OutputError, match=f"does not name: {name}"):
        check_replaceable(ours, "config.json")


def test_new_empty_and_own_folders_are_replaceable(tmp_path):
    check_replaceable(tmp_path / "new", "config.json")
    check_replaceable(tmp_path, "config.json")
    check_replaceable(LOSS, "config.json")


def test_the_folder_one_is_in_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (".", "..", "/", str(tmp_path), f"../{tmp_path.name}/"):
        done = ml3zoo("pull", "sine-regression", "--to", place, cwd=tmp_path)
        assert done.returncode == 1
        assert "the folder you are in" in done.stderr
        assert "Traceback" not in done.stderr
        with pytest.raises(OutputError), replacing_folder(Path(place)):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_and_what_it_points_to_is_replaced(loss, tmp_path):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "loss"
    link.symlink_to("../real")
    for _ in range(2):
        save_loss(loss, link)
    assert link.is_symlink()
    assert (tmp_path / "real" / "config.json").is_file()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.name.startswith(".")) == []
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OutputError):
        save_loss(loss, tmp_path / "loop")


def test_threads_that_write_the_same_place(loss, tmp_path):
    def write(index: int) -> None:
        write_text(tmp_path / "file", str(index) * 1000)
        with replacing_folder(tmp_path / "folder") as partial:
            (partial / "one").write_text(str(index))
            (partial / "two").write_text(str(index))
        save_loss(loss, tmp_path / f"loss-{index}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(10, 40)))
    text = (tmp_path / "file").read_text()
    assert text == text[:2] * 1000
    assert (tmp_path / "folder" / "one").read_text() == (tmp_path / "folder" / "two").read_text()
    read_loss(tmp_path / "loss-10", replay=True)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"} | {f"loss-{i}" for i in range(10, 40)}


def test_modes_follow_the_umask(tmp_path):
    with replacing_folder(tmp_path / "folder") as partial:
        (partial / "file").write_text("")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_errors_say_what_went_wrong(tmp_path):
    with (
        pytest.raises(OutputError, match=r"safe: .*No such file") as caught,
        replacing_folder(tmp_path / "safe") as one,
    ):
        save_file({"x": torch.zeros(3)}, one / "nowhere" / "x.safetensors")
    assert ".partial" not in str(caught.value)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "gone").symlink_to("nothing")
    with (
        pytest.raises(OutputError, match=r"gone cannot be copied") as caught,
        replacing_folder(tmp_path / "copy") as one,
    ):
        shutil.copytree(tmp_path / "from", one, dirs_exist_ok=True)
    assert "[(" not in str(caught.value)
    with pytest.raises(OutputError, match=r"outer/no/file"), replacing_folder(tmp_path / "outer") as one:
        write_text(one / "no" / "file", "text")
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "from"}


FULL = """
import sys
from pathlib import Path
from ml3zoo import load_loss, save_loss
from ml3zoo.errors import OutputError
from ml3zoo.format.files import adding_to_folder, replacing

loss = load_loss("sine-regression-paper")
def weights():
    save_loss(loss, "loss")
def file():
    with replacing(Path("file")) as partial:
        partial.write_bytes(b"x" * 20_000)
def picture():
    from matplotlib.figure import Figure
    with adding_to_folder(Path("plots")) as partial:
        Figure().savefig(partial / "small.png", dpi=1)
        Figure().savefig(partial / "large.png", dpi=2000)
for write in (weights, file, picture):
    try:
        write()
    except OutputError as error:
        print(error)
"""


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path):
    """No file may grow beyond a few KiB, which stops a write midway as a full disk does."""
    pytest.importorskip("matplotlib")
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)
    command = ["bash", "-c", 'ulimit -f 8; exec "$@"', "-", sys.executable, "-c", FULL]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert [line.split(": ")[0] for line in done.stdout.splitlines()] == [
        "cannot write loss",
        "cannot write file",
        "cannot write plots",
    ]
    assert done.stdout.count("File too large") == 3
    assert list(tmp_path.iterdir()) == []


def test_files_are_added_together_and_others_stay(tmp_path):
    (tmp_path / "other.txt").write_text("mine")
    with adding_to_folder(tmp_path) as partial:
        (partial / "a.png").write_text("a")

    def draw() -> None:
        with adding_to_folder(tmp_path) as partial:
            (partial / "b.png").write_text("b")
            raise KeyError

    with pytest.raises(KeyError):
        draw()
    assert everything(tmp_path) == {"other.txt": b"mine", "a.png": b"a"}


@pytest.mark.parametrize("write", [replacing_folder, adding_to_folder, replacing])
def test_files_have_the_mode_of_new_files_whatever_their_writer_gave_them(write, tmp_path):
    """safetensors writes files that only their owner may read."""
    (tmp_path / "usual").touch()
    with write(tmp_path / "new") as partial:
        written = partial if write is replacing else partial / "part" / "weights"
        written.parent.mkdir(exist_ok=True)
        written.touch()
        written.chmod(0o600)
    (found,) = {path for path in (tmp_path / "new", *(tmp_path / "new").rglob("*")) if path.is_file()}
    assert found.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    (tmp_path / "file").write_text("old")

    def write() -> None:
        with replacing(tmp_path / "file") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert everything(tmp_path) == {"file": b"old"}
