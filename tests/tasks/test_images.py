from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.func import vmap

from ml3zoo.errors import DataError, UnknownNameError
from ml3zoo.tasks.image_pairs import ImagePairs, _pairs
from ml3zoo.tasks.images import read_images
from ml3zoo.tasks.optimizees import CNN, MLP
from tests.loopback import LoopbackHub
from tests.machines import Machine

READ = """
import sys
from ml3zoo.tasks.images import read_images
images = read_images(sys.argv[1])
print(images.names, *images.x.shape, images.labels.tolist())
"""


def png(grey: int) -> bytes:
    pixels = np.full((12, 16, 3), grey, dtype=np.uint8)
    pixels[:3] = 255 - grey
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, grey in (("cat", 10), ("dog", 200)):
        (tmp_path / name).mkdir()
        for k in range(2):
            (tmp_path / name / f"{k}.png").write_bytes(png(grey + k))
    (tmp_path / "notes.txt").write_text("not a class")
    return tmp_path


def test_digits_are_the_bundled_ones():
    images = read_images("digits")
    assert images.x.shape == (1797, 64)
    assert images.side == 8
    assert len(images.names) == 10
    assert images.x.mean().abs() < 1e-5
    assert images.x.std() == pytest.approx(1, abs=1e-4)


def test_a_folder_holds_a_folder_for_each_class(folder):
    images = read_images(str(folder), side=6)
    assert images.names == ("cat", "dog")
    assert images.x.shape == (4, 36)
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images.x[0, 0] > images.x[0, -1]


@pytest.mark.parametrize("case", ["missing", "one class", "empty class", "no image"])
def test_folders_that_hold_no_images_are_refused(folder, case):
    if case == "missing":
        with pytest.raises(UnknownNameError, match="no folder"):
            read_images(str(folder / "nowhere"))
        return
    if case == "no image":
        (folder / "dog" / "9.png").write_text("not a picture")
    for file in (folder / "dog").iterdir() if case != "no image" else ():
        file.unlink()
    if case == "one class":
        (folder / "dog").rmdir()
    with pytest.raises(DataError, match=r"9\.png cannot be read" if case == "no image" else "at least two classes"):
        read_images(str(folder))


def test_a_dataset_on_the_hub_is_read_likewise(hub: LoopbackHub, tmp_path):
    hub.put("datasets/ada/shapes", {"cat/0.png": png(10), "dog/0.png": png(200), "README.md": b"# Shapes\n"})
    machine = Machine(tmp_path, hub.endpoint)
    done = machine.run("python", "-c", READ, "hf://ada/shapes")
    assert done.stdout == "('cat', 'dog') 2 64 [0, 1]\n", done.stderr
    assert not [entry for entry in hub.log() if "README" in entry.path]
    refused = machine.run("python", "-c", READ, "hf://ada/nothing")
    assert "UnknownNameError" in refused.stderr


def test_no_pair_and_no_image_is_in_two_splits():
    pairs = {split: set(_pairs(10, split)) for split in ("train", "valid", "test")}
    assert [len(found) for found in pairs.values()] == [25, 8, 12]
    assert len(set.union(*pairs.values())) == 45
    family = ImagePairs(MLP((64, 2)), 20)
    seen, unseen = (
        {
            tuple(x.tolist())
            for part in ("x", "x_test")
            for x in family.sample(torch.Generator().manual_seed(0), 60, split).data[part].flatten(0, 1)
        }
        for split in ("train", "test")
    )
    assert not seen & unseen


def test_more_labels_than_there_are_images_are_refused():
    with pytest.raises(DataError, match="Ask for fewer"):
        ImagePairs(MLP((64, 2)), 60).sample(torch.Generator(), 1, "test")


def test_images_without_a_label_have_the_uniform_target():
    drawn = ImagePairs(MLP((64, 2)), 3, 5).sample(torch.Generator().manual_seed(0), 2, "train").data
    assert drawn["x"].shape == (2, 16, 64)
    assert drawn["y"][0].tolist() == [[1, 0], [0, 1]] * 3 + [[0.5, 0.5]] * 10
    assert drawn["y_test"].shape == (2, 64)
    noisy = ImagePairs(MLP((64, 2)), 3, 5, noise=0.5).sample(torch.Generator().manual_seed(0), 2, "train").data
    assert (noisy["x"] - drawn["x"]).std() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("network", [MLP((64, 2)), MLP((64, 8, 2)), CNN(8, (4, 6), 2), CNN(9, (3,), 2)], ids=str)
def test_networks_of_many_tasks_are_those_of_one(network):
    generator = torch.Generator().manual_seed(0)
    x, initial = torch.randn(3, 5, network.side**2 if isinstance(network, CNN) else 64), network.sample(generator, 3)
    module = network.build()
    together = vmap(lambda params, x: torch.func.functional_call(module, params, (x,)))(initial, x)
    alone = torch.stack(
        [torch.func.functional_call(module, {k: p[i] for k, p in initial.items()}, (x[i],)) for i in range(3)]
    )
    assert together.shape == (3, 5, 2)
    torch.testing.assert_close(together, alone)
