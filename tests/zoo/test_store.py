"""Folders: bit-exact round trips, and nothing damaged or foreign ever gets through."""

from __future__ import annotations

import errno
import importlib
import json
import os
import pickle
import pkgutil
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ml3zoo import list_losses, load_loss, save_loss
from ml3zoo.errors import ConfigError, IntegrityError, OutputError, UnknownNameError
from ml3zoo.format.config import families, read_config
from ml3zoo.format.files import sha256
from ml3zoo.format.integrity import check_files
from ml3zoo.losses import LearnedLoss
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.store import read_loss, verify


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    hashes = json.loads((folder / "config.json").read_text())["sha256"]
    edit_config(folder, sha256=hashes | {"model.safetensors": sha256(folder / "model.safetensors")})


def test_round_trip_is_bit_exact(loss, folder, tmp_path):
    again = read_loss(save_loss(load_loss(folder), tmp_path / "again"))
    for name, tensor in loss.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "again" / "model.safetensors").read_bytes()
    assert len(verify(folder)) == 4


def test_saving_twice_keeps_the_card_and_leaves_nothing_behind(loss, folder):
    (folder / "README.md").write_text("the card")
    (folder / "plots").mkdir()
    (folder / "plots" / "surface.png").write_bytes(b"a picture")
    for _ in range(2):
        save_loss(loss, folder)
    assert (folder / "README.md").read_text() == "the card"
    assert (folder / "plots" / "surface.png").read_bytes() == b"a picture"
    assert {"README.md", "plots/surface.png"} < read_config(folder).sha256.keys()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 99}, "newer|schema 99"),
        ({"family": "mpl"}, "Did you mean 'mlp'"),
        ({"remote_code": "run.py"}, "remote_code"),
        ({"architecture": {"hidden": [10**9]}}, "4096"),
        ({"architecture": {"hidden": [4], "depth": 3}}, "depth"),
        ({"architecture": {"hidden": [4], "output": "softplus", "centering": True}}, "centering needs"),
        ({"signals": []}, "signals"),
        ({"inner": {"lr": -1, "steps": 10}}, "lr"),
        ({"problem_type": "regresion"}, "Did you mean 'regression'"),
    ],
)
def test_bad_configs_are_refused(folder, changes, message):
    edit_config(folder, **changes)
    with pytest.raises(ConfigError, match=message):
        load_loss(folder)


def test_missing_or_broken_config(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="JSON"):
        load_loss(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ConfigError, match=r"no config\.json"):
        load_loss(folder)


def test_changed_truncated_or_missing_weights(folder):
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2], b""):
        path.write_bytes(damaged)
        with pytest.raises(IntegrityError, match="sha256"):
            load_loss(folder)
    path.unlink()
    with pytest.raises(IntegrityError, match="missing"):
        load_loss(folder)


def test_truncated_weights_with_a_matching_hash(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    hashes = json.loads((folder / "config.json").read_text())["sha256"]
    edit_config(folder, sha256=hashes | {path.name: sha256(path)})
    with pytest.raises(IntegrityError, match="no safetensors"):
        load_loss(folder)


def test_wrong_names_and_shapes(folder):
    edit_weights(folder, lambda t: t.update({"network.0.weight": torch.zeros(2, 2), "extra": torch.zeros(1)}))
    with pytest.raises(IntegrityError, match=r"extra: expected nothing.*network\.0\.weight"):
        load_loss(folder)


def test_weights_that_are_not_finite(loss, folder, tmp_path):
    edit_weights(folder, lambda t: t["network.0.weight"].fill_(float("nan")))
    with pytest.raises(IntegrityError, match="NaN"):
        load_loss(folder)
    loss.network[0].weight.data.fill_(float("inf"))
    with pytest.raises(IntegrityError, match="NaN"):
        save_loss(loss, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_other_weights_do_not_reproduce_the_golden_tensors(folder):
    edit_weights(folder, lambda t: t["network.0.weight"].mul_(1.001))
    load_loss(folder)
    with pytest.raises(IntegrityError, match="golden"):
        verify(folder)


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/ml3zoo-bomb-went-off"),))


def test_a_pickle_in_the_folder_is_never_opened(folder):
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    load_loss(folder)
    with pytest.raises(IntegrityError, match=r"pytorch_model\.bin"):
        verify(folder)
    shutil.copy(folder / "pytorch_model.bin", folder / "model.safetensors")
    with pytest.raises(IntegrityError):
        load_loss(folder)
    assert not Path("/tmp/ml3zoo-bomb-went-off").exists()


def test_what_other_tools_put_beside_a_loss_is_no_stranger(folder):
    for name in (".gitattributes", ".cache/huggingface/download/config.json.metadata", "__pycache__/recipe.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("theirs")
    assert len(verify(folder)) == 4
    (folder / "plots").mkdir()
    (folder / "plots" / ".gitattributes").write_text("hidden")
    with pytest.raises(IntegrityError, match=r"plots/\.gitattributes"):
        verify(folder)


def test_a_loss_in_float64_is_written_in_float32(loss, folder, tmp_path):
    save_loss(load_loss(folder, dtype=torch.float64), tmp_path / "again")
    assert len(verify(tmp_path / "again")) == 4
    loss.scale[0] = 3.0
    with pytest.raises(IntegrityError, match="scale holds"):
        save_loss(loss, tmp_path / "bad")


def test_foreign_folders_and_files_are_not_overwritten(loss, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(OutputError, match="other files"):
        save_loss(loss, tmp_path)
    with pytest.raises(OutputError, match="is a file"):
        save_loss(loss, tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_a_strangers_file_is_not_copied_into_the_loss(loss, folder):
    (folder / "notes.md").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.md"):
        save_loss(loss, folder)
    assert (folder / "notes.md").read_text() == "mine"


@pytest.mark.parametrize("missing", [["model.safetensors"], ["golden.safetensors"], []])
def test_a_config_must_name_weights_and_golden_tensors(folder, missing):
    hashes = json.loads((folder / "config.json").read_text())["sha256"]
    edit_config(folder, sha256={name: hashes[name] for name in hashes if missing and name not in missing})
    with pytest.raises(IntegrityError, match="names no sha256"):
        check_files(folder, read_config(folder))


def test_families_are_found_without_torch_and_each_has_a_loss():
    package = importlib.import_module("ml3zoo.losses.families")
    assert families() == sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    for name in families():
        assert issubclass(importlib.import_module(f"{package.__name__}.{name}").Loss, LearnedLoss)


def test_a_pipe_for_a_file_is_refused_at_once(folder):
    for name, message in (("model.safetensors", "no regular file"), ("config.json", "no regular file")):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises((ConfigError, IntegrityError), match=message):
            load_loss(folder)


def test_a_full_disk_leaves_the_old_loss_in_place(loss, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ml3zoo.zoo.store.save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        save_loss(loss, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_names_resolve_to_one_thing_only(tmp_path, monkeypatch):
    with pytest.raises(UnknownNameError, match="Did you mean 'sine-regression"):
        resolve("sine-regresion")
    with pytest.raises(UnknownNameError, match="no folder"):
        resolve("./sine-regression")
    monkeypatch.chdir(tmp_path)
    Path("my-loss").mkdir()
    with pytest.raises(UnknownNameError, match="no loss named"):
        resolve("my-loss")
    assert resolve("./my-loss") == Path("my-loss")


def test_list_losses_takes_patterns():
    assert "sine-regression" in list_losses()
    assert list_losses("sine-*") == list_losses("sine*")
    assert list_losses("nothing*") == []


def test_a_folder_that_is_being_replaced_is_no_loss(tmp_path, monkeypatch):
    for name in ("sine-regression", ".sine-regression.1.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    monkeypatch.setattr("ml3zoo.zoo.names.bundled_zoo", lambda: tmp_path)
    assert list_losses() == ["sine-regression"]
