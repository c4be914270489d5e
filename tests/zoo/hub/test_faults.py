"""What goes wrong on the way to the Hub ends in a right result or a clear error, and the next try works."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from ml3zoo.format.config import read_config
from ml3zoo.format.files import sha256
from ml3zoo.recipe import refresh_card
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.store import seal
from tests.command import finished, start
from tests.loopback import Fault, LoopbackHub, RawFile, loopback_hub
from tests.machines import Machine

LOSS = resolve("sine-regression")
REPO = "ml3zoo/sine-regression"
NAME = f"hf://{REPO}"
SLOWEST = 30.0
"""Seconds until any fault has ended in a result or an error, start-up of the command included."""
PATIENT, HURRIED = 10, 3
"""Seconds that the Hub has for an answer: by default, and where faults last. A call may take twice as long."""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """The process that commands are forked from is up before any of them is timed."""
    finished(start("python", "-c", ""))


@pytest.fixture
def alice(hub: LoopbackHub, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home", hub.endpoint, "hf_alice")


@pytest.fixture
def published(hub: LoopbackHub) -> LoopbackHub:
    hub.put(REPO, contents(LOSS))
    return hub


def contents(folder: Path) -> dict[str, bytes | RawFile]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fails(machine: Machine, message: str, *arguments: str | Path) -> None:
    started = time.monotonic()
    done = machine.ml3zoo(*arguments)
    assert time.monotonic() - started < SLOWEST
    assert done.returncode == 1, done.stdout + done.stderr
    assert message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def pulls(machine: Machine, name: str = NAME) -> Path:
    started = time.monotonic()
    folder = Path(machine.json("pull", name)["folder"])
    assert time.monotonic() - started < SLOWEST
    for path in LOSS.rglob("*.*"):
        assert sha256(path) == sha256(folder / path.relative_to(LOSS))
    return folder


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("/resolve/.*/model.safetensors", corrupt=3, times=1, method="GET"), None),
        (Fault("/_cdn/", corrupt=3, times=1), "Pull the loss again"),
        (Fault("/resolve/.*/config.json", corrupt=3, times=1, method="GET"), "damaged on its way"),
        (Fault("/resolve/.*/results.json", corrupt=3, times=1, method="GET"), "Pull the loss again"),
        (Fault("/api/models/", status=500, times=1), "a fault (status 500)"),
        (Fault("/api/models/", status=429, times=1), "slow down"),
        (Fault("/resolve/", status=503, times=2), None),
        (Fault("/resolve/", status=429, times=1, headers={"Retry-After": "1"}), None),
        (Fault("/_cdn/", truncate=100, times=1), None),
        (Fault("/_cdn/", reset=100, times=1), "cannot be reached"),
        (Fault("/resolve/.*/results.json", delay=3, times=1), None),
        (Fault("/api/models/", delay=60, times=1), "cannot be reached"),
    ],
    ids=str,
)
def test_faults_of_a_pull(published, alice, fault, message):
    published.faults([fault])
    if message is None:
        pulls(alice)
    else:
        fails(alice, message, "pull", NAME)
    published.faults([])
    pulls(alice)
    assert alice.digest(NAME) == alice.digest("sine-regression")


LASTING = [{"delay": 60.0}, {"drip": 2.0}, {"status": 503}, {"status": 429, "headers": {"Retry-After": "60"}}]
START = 3
"""Seconds of work to start a command, which those that run side by side take turns in."""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The loss with tiny pictures: calls that move few bytes are given up early."""
    folder = shutil.copytree(LOSS, tmp_path / "small")
    for picture in folder.glob("plots/*.png"):
        picture.write_bytes(b"a picture")
    seal(folder, read_config(folder))
    return folder


def side_by_side(home: Path, loss: Path, faults: list[Fault], *arguments: str | Path) -> list[tuple[Fault, int, str]]:
    """A command under each of some faults at once, each with a machine and a Hub of its own, which has a loss.

    Returns:
        The fault, the exit code and what was said.
    """
    with ExitStack() as stack:
        running = []
        started = time.monotonic()
        for index, fault in enumerate(faults):
            hub = stack.enter_context(loopback_hub())
            hub.put(REPO if arguments[0] == "pull" else "ml3zoo/other", contents(loss))
            hub.faults([fault])
            hurried = dict.fromkeys(("HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_ETAG_TIMEOUT"), str(HURRIED))
            machine = Machine(home / str(index), hub.endpoint, "hf_alice", hurried)
            running.append((fault, machine.start(*arguments)))
        ended = [(fault, process.communicate(timeout=120)[1], process.returncode) for fault, process in running]
        assert time.monotonic() - started < SLOWEST - 2 * (PATIENT - HURRIED) + START * len(faults)
    for _, message, _ in ended:
        assert "Traceback" not in message, message
    return [(fault, code, message) for fault, message, code in ended]


@pytest.mark.parametrize("trouble", [*LASTING, {"status": 403}], ids=str)
def test_lasting_faults_of_a_pull(tmp_path, small, trouble):
    paths = ("/api/models/", "/resolve/.*/config.json", "/_cdn/")
    faults = [Fault(path, times=1000, **trouble) for path in paths]
    for fault, code, message in side_by_side(tmp_path, small, faults, "pull", NAME):
        assert code == 1, (fault, message)
        assert NAME in message, (fault, message)


@pytest.mark.parametrize("trouble", [*LASTING, {"gone": True}], ids=str)
def test_lasting_faults_of_a_publication(tmp_path, small, trouble):
    uploads = () if "drip" in trouble else ("/_lfs/",)  # their answer has no body that could drip
    paths = ("whoami", "preupload", *uploads, "/commit/")
    faults = [Fault(path, times=1000, **trouble) for path in paths]
    for fault, code, message in side_by_side(tmp_path, small, faults, "publish", small, "--repo", REPO):
        assert code == 1, (fault, message)
        assert NAME in message, (fault, message)


def test_a_hub_that_stays_down(published, alice):
    published.stop()
    fails(alice, "cannot be reached", "pull", NAME)
    fails(alice, "cannot be reached", "publish", LOSS, "--repo", REPO)
    fails(alice, "cannot be reached", "list", "--hub")
    assert len(alice.ml3zoo("list", "--hub").stderr.splitlines()) == 1


def test_a_hub_that_goes_between_metadata_and_files(published, alice):
    published.faults([Fault("/resolve/.*/(model|golden|results)", gone=True)])
    fails(alice, "cannot be reached", "pull", NAME)
    fails(alice, "cannot be reached", "info", NAME)
    offline = Machine(alice.home, alice.endpoint, extra={"HF_HUB_OFFLINE": "1"})
    fails(offline, "HF_HUB_OFFLINE", "pull", NAME)


def test_what_is_missing_or_closed(published, alice, hub):
    fails(alice, "no repository", "pull", "hf://ml3zoo/none")
    fails(alice, "no such revision", "pull", f"{NAME}@v9")
    hub.put("ml3zoo/halves", {"README.md": b"# half\n"})
    fails(alice, "has no config.json", "pull", "hf://ml3zoo/halves")
    without = contents(LOSS)
    del without["golden.safetensors"]
    hub.put("ml3zoo/without", without)
    fails(alice, "has no golden.safetensors", "pull", "hf://ml3zoo/without")
    hub.faults([Fault("/api/models/|/resolve/", status=403, headers={"X-Error-Code": "GatedRepo"})])
    fails(alice, "gated", "pull", NAME)


def test_tokens_that_no_longer_count(published, hub, alice):
    expired = Machine(alice.home, hub.endpoint, "hf_expired")
    fails(expired, "hf auth login", "pull", NAME)
    fails(expired, "hf auth login", "publish", LOSS, "--repo", REPO)
    hub.faults([Fault("/commit/", status=403)])
    changed = shutil.copytree(LOSS, alice.home / "changed")
    (changed / "plots" / "another.png").write_bytes(b"another picture")
    refresh_card(changed)
    fails(alice, "right", "publish", changed, "--repo", REPO)
    hub.faults([])
    assert alice.ml3zoo("publish", changed, "--repo", REPO).returncode == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("whoami", status=500),
        Fault("/api/models/ml3zoo", status=429),
        Fault("repos/create", status=500),
        Fault("validate-yaml", status=500),
        Fault("preupload", status=429),
        Fault("objects/batch", status=500),
        Fault("/_lfs/", status=403),
        Fault("/_lfs/", status=500),
        Fault("/commit/", status=429),
        Fault("/commit/", status=500),
        Fault("/commit/", reset=0),
    ],
    ids=str,
)
def test_faults_of_a_publication(hub, alice, fault):
    hub.faults([fault])
    started = time.monotonic()
    first = alice.ml3zoo("publish", LOSS, "--repo", REPO)
    assert time.monotonic() - started < SLOWEST
    assert "Traceback" not in first.stderr, first.stderr
    if first.returncode:
        assert NAME in first.stderr, first.stderr
    else:
        pulls(Machine(alice.home / "other", hub.endpoint))
    hub.faults([])
    again = alice.ml3zoo("publish", LOSS, "--repo", REPO)
    assert again.returncode == 0, again.stderr
    pulls(alice)


def test_a_full_disk(published, alice):
    """No file may grow beyond 8 KiB, which stops a download midway as a full disk does."""
    done = alice.run("bash", "-c", f"ulimit -f 8; ml3zoo pull {NAME}")
    assert done.returncode == 1
    assert "cannot be written to" in done.stderr, done.stderr
    pulls(alice)


@pytest.mark.parametrize(
    ("path", "file", "message"),
    [
        ("model.safetensors", RawFile(b"x" * 10, lfs=True, size=10 * 2**30), "claims 10737418240 bytes"),
        ("config.json", RawFile(b"{}", size=10 * 2**30), "claims"),
        ("model.safetensors", b"\x80\x04cos\nsystem\n.", "Pull the loss again|another model.safetensors"),
        ("config.json", b'{"a":' * 50_000, "cannot be read as JSON"),
        ("config.json", b'{"name": 1, "name": 2}', "twice"),
    ],
)
def test_hostile_repositories(hub, alice, path, file, message):
    hub.put("mallory/trap", contents(LOSS) | {path: file, "model.pkl": b"cos\nsystem\n.", "../../evil.py": b"boom"})
    done = alice.ml3zoo("pull", "hf://mallory/trap")
    assert done.returncode == 1
    assert any(part in done.stderr for part in message.split("|")), done.stderr
    assert "Traceback" not in done.stderr


def test_files_beside_the_loss_are_never_fetched(hub, alice):
    beside = {
        "model.pkl": b"cos\nsystem\n.",
        "modeling.py": b"boom",
        "../../evil.py": b"boom",
        "plots/../../x.png": b"x",
    }
    hub.put("mallory/beside", contents(LOSS) | beside)
    folder = pulls(alice, "hf://mallory/beside")
    assert {path.name for path in folder.rglob("*.*")} == {path.name for path in LOSS.rglob("*.*")}
    assert not any("pkl" in entry.path or "modeling" in entry.path or "evil" in entry.path for entry in hub.log())


def test_fifty_pulls_into_one_cache(published, alice):
    processes = [alice.start("pull", NAME, "--json") for _ in range(50)]
    for process in processes:
        _, message = process.communicate(timeout=300)
        assert process.returncode == 0, message
    pulls(alice)


def test_ten_publications_to_one_repository(hub, alice, tmp_path):
    folders = []
    for index in range(10):
        folder = shutil.copytree(LOSS, tmp_path / f"card-{index}")
        (folder / "plots" / "another.png").write_bytes(f"picture {index}".encode())
        refresh_card(folder)
        folders.append(folder)
    processes = [alice.start("publish", folder, "--repo", REPO) for folder in folders]
    said = [(process.communicate(timeout=300)[1], process.returncode) for process in processes]
    winners = [index for index, (_, code) in enumerate(said) if code == 0]
    assert winners
    for message, code in said:
        assert code == 0 or "same time" in message or "changed" in message, message
    folder = Path(alice.json("pull", NAME)["folder"])
    picture = (folder / "plots" / "another.png").read_text()
    assert picture in {f"picture {index}" for index in winners}
