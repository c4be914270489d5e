"""Folders from strangers: whatever they hold, only ml3zoo's own errors come out, soon and with little memory."""

from __future__ import annotations

import json
import math
import re
import resource
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from ml3zoo import load_loss
from ml3zoo.errors import ConfigError, IntegrityError, Ml3zooError
from ml3zoo.format.config import read_config
from ml3zoo.format.files import sha256
from ml3zoo.format.results import read_results
from ml3zoo.zoo.names import describe, resolve
from ml3zoo.zoo.store import read_loss, save_loss
from tests.command import ml3zoo

EXAMPLES = 2500
LONGEST = 1.0
"""Seconds of processor time for any one folder: a busy machine is no fault of a folder."""
MOST_MEMORY = 512 * 1024
"""KiB that any one folder may add to this process's peak."""
fuzzed = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def reseal(folder: Path, **changes: Any) -> None:
    """What a hostile author would do: change the config and name the right sha256 of what lies there."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    config["sha256"] = {name: sha256(folder / name) for name in config["sha256"]}
    path.write_text(json.dumps(config))


def refused(folder: Path, message: str, error: type[Ml3zooError] = Ml3zooError) -> None:
    with pytest.raises(error, match=message):
        load_loss(folder)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a loss, by their names."""
    from ml3zoo.recipe import find_recipe

    made = save_loss(find_recipe("sine-regression").fresh_loss(0), tmp_path_factory.mktemp("pristine") / "loss")
    return {path.name: path.read_bytes() for path in made.iterdir()}


@pytest.mark.parametrize(
    "name",
    ["../../evil.py", "/etc/passwd", "plots/../../x.png", "weights.pkl", "model.safetensors\u200b", "CONFIG.json"],
)
def test_a_config_may_name_files_of_the_format_only(folder, name):
    config = json.loads((folder / "config.json").read_text())
    config["sha256"][name] = "0" * 64
    (folder / "config.json").write_text(json.dumps(config))
    refused(folder, "no file of the format", ConfigError)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"name": 1, "name": 2}',
        '{"inner": {"lr": NaN}}',
        '{"summary": "\\ud800"}',
        '{"seed": ' + "9" * 10_000 + "}",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "[]",
        "",
        '"' + "x" * 300_000 + '"',
    ],
)
def test_json_bombs_and_oddities(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder, "config.json", ConfigError)


def test_results_are_read_as_strictly(folder):
    (folder / "results.json").write_text('{"headline": ' * 50_000)
    with pytest.raises(ConfigError, match=r"results\.json"):
        describe(folder)


def entry(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def safetensors(header: dict[str, Any], body: int = 0) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * body


@pytest.mark.parametrize(
    ("tensors", "body"),
    [
        ({"a": entry([4], 0, 16), "b": entry([4], 8, 24)}, 24),
        ({"a": entry([2**40], 0, 2**42)}, 64),
        ({"a": entry([2**62, 8], 0, 0)}, 0),
    ],
)
def test_headers_that_lie(folder, tensors, body):
    (folder / "model.safetensors").write_bytes(safetensors(tensors, body))
    reseal(folder)
    refused(folder, "no safetensors|does not fit", IntegrityError)


def test_a_header_longer_than_its_file(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**63) + b"{}")
    reseal(folder)
    refused(folder, "no safetensors", IntegrityError)


def test_shapes_that_ask_for_huge_memory_are_refused_before_they_are_made(folder):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    architecture = {"hidden": [4096] * 8, "weight_bound": 6.0}
    reseal(folder, architecture=architecture)
    refused(folder, "does not fit", IntegrityError)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


def test_files_beyond_their_bound_are_not_read(folder):
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(2**34)
    refused(folder, "bytes", IntegrityError)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers(folder, value):
    tensors = load_file(folder / "model.safetensors")
    tensors["network.0.bias"][0] = value
    save_file(tensors, folder / "model.safetensors")
    reseal(folder)
    refused(folder, "NaN or infinity", IntegrityError)


def test_integer_weights(folder):
    tensors = {name: tensor.to(torch.int32) for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors")
    reseal(folder)
    refused(folder, r"expected F32 \[2, 6\], got I32 \[2, 6\]", IntegrityError)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float8_e4m3fn])
def test_weights_of_another_precision(folder, dtype):
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(tensors, folder / "model.safetensors")
    reseal(folder)
    refused(folder, "expected F32", IntegrityError)


@pytest.mark.parametrize(("name", "value"), [("shift", 7.0), ("scale", -1e-3), ("scale", 0.0)])
def test_buffers_that_contradict_the_config(folder, name, value):
    tensors = load_file(folder / "model.safetensors")
    tensors[name][0] = value
    save_file(tensors, folder / "model.safetensors")
    reseal(folder)
    refused(folder, f"{name} holds", IntegrityError)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("prediction", lambda t: t[0, 0].clone()),
        ("prediction", lambda t: t[:3].clone()),
        ("prediction", lambda t: t.long()),
        ("progress", lambda t: torch.zeros(8, 3, dtype=torch.float64)),
        ("value", lambda t: t[:1, :1].clone()),
        ("value", lambda t: t.float()),
        ("target", lambda t: t * torch.nan),
        ("value", lambda t: t * torch.inf),
        ("another", lambda t: torch.zeros(1)),
    ],
)
def test_golden_tensors_that_do_not_fit(folder, name, change):
    tensors = load_file(folder / "golden.safetensors")
    tensors[name] = change(tensors.get(name))
    save_file(tensors, folder / "golden.safetensors")
    reseal(folder)
    with pytest.raises(IntegrityError, match=r"does not fit|NaN or infinity"):
        read_loss(folder, replay=True)


def test_golden_tensors_that_are_many_and_empty(folder):
    names = ("prediction", "target", "progress", "value", "gradient")
    empty = {name: entry([3_000_000, 0], 0, 0, "F64") for name in names}
    (folder / "golden.safetensors").write_bytes(safetensors(empty))
    reseal(folder)
    started = time.process_time()
    with pytest.raises(IntegrityError, match="does not fit"):
        read_loss(folder, replay=True)
    assert time.process_time() - started < LONGEST


@pytest.mark.parametrize("name", ["model.safetensors", "golden.safetensors"])
@pytest.mark.parametrize("metadata", [False, True])
def test_headers_that_name_far_too_much(folder, name, metadata):
    many = {f"{i:x}": "y" for i in range(9000)}
    header = {"__metadata__": many} if metadata else {key: entry([0], 0, 0) for key in many}
    (folder / name).write_bytes(safetensors(header))
    reseal(folder)
    with pytest.raises(IntegrityError, match="header has"):
        read_loss(folder, replay=True)


@pytest.mark.parametrize("recipe", ["trap/recipe.py", "./x.py", "x.py", "../x"])
def test_the_recipe_a_config_names_is_never_a_path(folder, tmp_path, monkeypatch, recipe):
    from ml3zoo.recipe.bench import rerun

    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / recipe, folder / recipe):
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    made = {"seed": 0, "ml3zoo": "1", "torch": "2", "date": "today", "meta_iterations": 1, "meta_minutes": 1.0}
    reseal(folder, provenance=made | {"recipe": recipe})
    with pytest.raises(ConfigError, match=r"provenance\.recipe"):
        rerun(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "results", [{"setups": [{"network": 1}]}, {"setups": {"a": 1}}, {"setups": 3}, {"meta_training": [1]}]
)
def test_odd_results_are_not_read(tmp_path, results):
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(ConfigError, match=r"results\.json"):
        read_results(tmp_path)


def test_a_loss_that_is_negative_somewhere_is_drawn(loss):
    pytest.importorskip("matplotlib")
    from ml3zoo.plots.regression import draw_surface

    loss.value = lambda batch: batch["error"]
    draw_surface(loss)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from paths(part, (*path, key))
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from paths(part, (*path, index))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another part at a place; places that are gone change nothing."""
    if not path:
        return new
    here, *rest = path
    if isinstance(value, dict) and here in value:
        return value | {here: replaced(value[here], tuple(rest), new)}
    if isinstance(value, list) and isinstance(here, int) and here < len(value):
        return [replaced(part, tuple(rest), new) if i == here else part for i, part in enumerate(value)]
    return value


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 1, 8, 4096, 4097, 2**31, 2**63, 10**30]),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["mlp", "log", "error", "softplus", "weight", "tanh", "../x", "sgd", "\x1b[2J"]),
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def written(files: dict[str, bytes], folder: Path) -> Path:
    """A folder that holds these files."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def load_and_call(folder: Path) -> float:
    """Seconds that it takes the processor."""
    started = time.process_time()
    with suppress(Ml3zooError):
        loss = read_loss(folder, replay=True)
        loss(torch.zeros(3, requires_grad=True), torch.ones(3), progress=torch.tensor(0.5)).backward()
    return time.process_time() - started


def survives(folder: Path) -> None:
    """Loading works or is refused by one of our errors, with little memory and in time: in one of three tries.

    What is slow is so each time; a machine that is busy is not.
    """
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert any(load_and_call(folder) < LONGEST for _ in range(3))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < MOST_MEMORY


@pytest.mark.slow
@fuzzed
@given(data=st.data())
def test_mutated_configs(pristine, tmp_path_factory, data):
    folder = written(pristine, tmp_path_factory.getbasetemp() / "config-fuzz")
    config = json.loads(pristine["config.json"])
    places = list(paths(config))[1:]
    for place in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        config = replaced(config, place, data.draw(values))
    (folder / "config.json").write_text(json.dumps(config))
    survives(folder)


@pytest.mark.slow
@fuzzed
@given(data=st.data())
def test_mutated_weights(pristine, tmp_path_factory, data):
    folder = written(pristine, tmp_path_factory.getbasetemp() / "weights-fuzz")
    name = data.draw(st.sampled_from(["model.safetensors", "golden.safetensors"]))
    raw = bytearray(pristine[name])
    head = 8 + struct.unpack("<Q", raw[:8])[0]
    edits = st.tuples(st.integers(0, head - 1) | st.integers(0, len(raw) - 1), st.integers(0, 255))
    for position, byte in data.draw(st.lists(edits, min_size=1, max_size=4)):
        raw[position] = byte
    cut = data.draw(st.sampled_from([len(raw), len(raw), len(raw) - 1, head, 8, 3, 0]))
    (folder / name).write_bytes(raw[:cut])
    reseal(folder)
    survives(folder)


widths = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "I64": 8, "BOOL": 1}
sizes = st.sampled_from([0, 1, 2, 3, 6, 8, 15, 16, 17, 300])
huge = st.sampled_from([[3_000_000, 0], [0, 2**40], [2**40], [1] * 1000])


@pytest.mark.slow
@fuzzed
@given(data=st.data())
def test_mutated_headers(pristine, tmp_path_factory, data):
    folder = written(pristine, tmp_path_factory.getbasetemp() / "header-fuzz")
    name = data.draw(st.sampled_from(["golden.safetensors", "golden.safetensors", "model.safetensors"]))
    raw = pristine[name]
    specs = {
        key: (tensor["dtype"], tensor["shape"])
        for key, tensor in json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]]).items()
    }
    for key in data.draw(st.lists(st.sampled_from(sorted(specs)), min_size=1, max_size=5, unique=True)):
        dtype, shape = specs.pop(key)
        if data.draw(st.booleans()):
            dtype = data.draw(st.sampled_from(sorted(widths)))
        if data.draw(st.booleans()):
            shape = data.draw(st.lists(sizes, max_size=3) | huge)
        specs[data.draw(st.sampled_from([key, key, key, key + "x", ""]))] = (dtype, shape)
    header, end = {}, 0
    for key, (dtype, shape) in specs.items():
        start, end = end, end + min(widths[dtype] * math.prod(shape), 2**17)
        header[key] = entry(shape, start, end, dtype)
    (folder / name).write_bytes(safetensors(header, end))
    reseal(folder)
    survives(folder)


def test_reading_the_config_of_a_stranger_runs_nothing(folder, tmp_path):
    (folder / "recipe.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (folder / "modeling.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    assert read_config(folder).name
    load_loss(folder)
    assert not (tmp_path / "ran").exists()


def write_headline(folder, headline):
    results = json.loads((resolve("sine-regression") / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(results | {"headline": headline}))


def test_terminal_escapes_and_forged_lines_are_printed_harmlessly(folder):
    headline = "\x1b[2J\x1b]0;owned\x07 <script>alert(1)</script>\nfolder:   /elsewhere \u202egnp"
    write_headline(folder, headline)
    config = json.loads((folder / "config.json").read_text())
    reseal(folder, summary="\x9b31m red", sha256=config["sha256"] | {"results.json": ""})
    for arguments in (["info", str(folder)], ["info", str(folder), "--json"]):
        shown = ml3zoo(*arguments)
        assert shown.returncode == 0, shown.stderr
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown.stdout)
        assert shown.stdout.count("\nfolder:") <= 1


def test_an_error_and_a_headline_of_strangers_stay_on_one_line_each(folder):
    config = json.loads((folder / "config.json").read_text())
    write_headline(folder, "A" * 4_000)
    (folder / "config.json").write_text(json.dumps(config))
    assert max(map(len, ml3zoo("info", str(folder)).stdout.splitlines())) < 400
    (folder / "config.json").write_text(json.dumps(config | {"x\nml3zoo: all is well\n": 1}))
    message = ml3zoo("info", str(folder))
    assert message.returncode == 1
    assert len(message.stderr.splitlines()) == 1
