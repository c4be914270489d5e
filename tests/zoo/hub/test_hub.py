"""The whole way over the Hub, as a user goes it: publish, find, pull, pin, load; against a real HTTP server."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ml3zoo.errors import HubError, UnknownNameError
from ml3zoo.format.files import sha256
from ml3zoo.zoo.hub.reference import HubReference, official, parse_reference
from ml3zoo.zoo.names import resolve
from tests.command import DIABETES
from tests.loopback import LoopbackHub
from tests.machines import Machine

NAME = "sine-regression"
REPO = f"ml3zoo/{NAME}"
TABLE = DIABETES
Login = Callable[[str], Machine]


@pytest.fixture
def login(hub: LoopbackHub, tmp_path: Path) -> Login:
    """A new machine with a clean cache for each name."""
    return lambda user: Machine(tmp_path / f"home-{user}", hub.endpoint, f"hf_{user}" if user else "")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return shutil.copytree(resolve(NAME), tmp_path / "card")


@pytest.mark.slow
def test_a_session_of_a_new_user(hub, login, tmp_path):
    alice, bob = login("alice"), login("bob")
    published = alice.ml3zoo("publish", resolve(NAME), "--repo", REPO, "--tag", "v1")
    assert published.returncode == 0, published.stderr
    pinned = published.stdout.split()[-1]
    assert parse_reference(pinned).pinned

    (entry,) = bob.json("list", "--hub", "sine*")
    assert entry["name"] == f"hf://{REPO}"
    assert "NMSE" in entry["headline"]
    assert bob.json("list", "--hub", "--problem-type", "regression") == [entry]
    assert bob.ml3zoo("list", "--hub", "--problem-type", "trajectory").returncode == 1

    pulled = bob.json("pull", f"hf://{REPO}@v1")
    assert pulled["source"] == pinned
    assert bob.digest(pinned) == alice.digest(NAME)
    message = bob.ml3zoo("info", f"hf://{REPO}").stdout
    assert f"{pinned}, published by ml3zoo" in message
    assert re.search(rf"recipe: +{NAME}, 20", message)

    applied = bob.json("apply", pinned, TABLE, "--target", "target", "--epochs", "2", "--splits", "2")
    assert applied["name"] == pinned
    assert applied["verdict"]

    stock = bob.run("hf", "download", REPO, "--local-dir", tmp_path / "stock")
    assert stock.returncode == 0, stock.stderr
    for path in resolve(NAME).rglob("*.*"):
        assert sha256(path) == sha256(tmp_path / "stock" / path.relative_to(resolve(NAME)))
    read = (
        "from huggingface_hub import ModelCard, get_safetensors_metadata\n"
        f"assert ModelCard.load({REPO!r}).data.library_name == 'ml3zoo'\n"
        f"assert get_safetensors_metadata({REPO!r}).sharded is False\n"
    )
    assert bob.run("python", "-c", read).returncode == 0


@pytest.mark.slow
def test_a_pinned_loss_needs_no_network_and_a_branch_asks_once(hub, login):
    alice = login("alice")
    alice.ml3zoo("publish", resolve(NAME), "--repo", "ml3zoo/pinned")
    pinned = alice.json("pull", "hf://ml3zoo/pinned")["source"]
    hub.log()
    assert alice.json("pull", pinned)["source"] == pinned
    alice.digest(pinned)
    assert hub.log() == []
    alice.json("pull", "hf://ml3zoo/pinned")
    assert len(hub.log()) == 1
    offline = Machine(alice.home, alice.endpoint, extra={"HF_HUB_OFFLINE": "1"})
    assert offline.json("pull", "hf://ml3zoo/pinned")["source"] == pinned
    unplugged = Machine(alice.home, "http://127.0.0.1:9")
    warned = unplugged.ml3zoo("pull", "hf://ml3zoo/pinned")
    assert warned.returncode == 0
    assert "cache" in warned.stderr
    elsewhere = Machine(alice.home / "other", alice.endpoint, extra={"HF_HUB_OFFLINE": "1"})
    refused = elsewhere.ml3zoo("pull", "hf://ml3zoo/pinned")
    assert refused.returncode == 1
    assert "HF_HUB_OFFLINE" in refused.stderr


@pytest.mark.slow
def test_the_official_zoo_is_found_by_bare_names(hub, login, tmp_path, loss):
    alice = login("alice")
    folder = shutil.copytree(resolve(NAME), tmp_path / "other-loss")
    assert alice.ml3zoo("publish", folder, "--repo", "ml3zoo/other-loss").returncode == 0
    assert alice.json("pull", "other-loss")["source"].startswith("hf://ml3zoo/other-loss@")
    alice.extra["ML3ZOO_NAMESPACE"] = "nobody"
    missing = alice.ml3zoo("pull", "other-loss")
    assert missing.returncode == 1
    assert "no loss named 'other-loss'" in missing.stderr


@pytest.mark.slow
def test_private_losses_are_seen_by_their_owners_only(login):
    alice, bob, nobody = login("alice"), login("bob"), login("")
    assert alice.ml3zoo("publish", resolve(NAME), "--repo", "ml3zoo/secret", "--private").returncode == 0
    assert alice.json("pull", "hf://ml3zoo/secret")["name"] == NAME
    for other in (bob, nobody):
        refused = other.ml3zoo("pull", "hf://ml3zoo/secret")
        assert refused.returncode == 1
        assert "private" in refused.stderr
        assert other.ml3zoo("list", "--hub", "secret*").returncode == 1


@pytest.mark.slow
def test_publishing_twice_sends_nothing_and_a_dry_run_never_does(hub, login, card):
    alice = login("alice")
    hub.log()
    dry = alice.ml3zoo("publish", card, "--repo", "ml3zoo/twice", "--dry-run")
    assert dry.returncode == 0
    assert "would send model.safetensors" in dry.stderr
    assert all(entry.method in {"GET", "HEAD"} for entry in hub.log())
    assert alice.ml3zoo("publish", card, "--repo", "ml3zoo/twice").returncode == 0
    hub.log()
    again = alice.ml3zoo("publish", card, "--repo", "ml3zoo/twice")
    assert again.returncode == 0
    assert "everything is there" in again.stderr
    assert all(entry.method in {"GET", "HEAD"} for entry in hub.log())


@pytest.mark.slow
def test_publishing_is_refused_before_the_first_byte(hub, login, card):
    alice = login("alice")
    assert alice.ml3zoo("publish", card, "--repo", "ml3zoo/mine").returncode == 0

    def refused(machine: Machine, message: str, *arguments: str | Path) -> None:
        hub.log()
        done = machine.ml3zoo("publish", *arguments)
        assert done.returncode == 1
        assert message in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        assert all(entry.method in {"GET", "HEAD"} for entry in hub.log())

    refused(login(""), "not logged in", card, "--repo", "ml3zoo/mine")
    refused(login("bob"), "only read", card, "--repo", "ml3zoo/mine")
    refused(login("mallory"), "cannot write to ml3zoo/mine", card, "--repo", "ml3zoo/mine")
    refused(login("expired"), "hf auth login", card, "--repo", "ml3zoo/mine")
    refused(alice, "org/name", card, "--repo", "mine")
    refused(alice, "needs a repository", card, "--repo", "ml3zoo/never", "--pr")

    hub.put("ml3zoo/paintings", {"README.md": b"# Paintings\n", "one.png": b"x"})
    refused(alice, "something else", card, "--repo", "ml3zoo/paintings")
    edited = (card / "README.md").read_bytes() + b"\nEdited on the Hub.\n"
    hub.put("ml3zoo/mine", {"README.md": edited})
    refused(alice, "edited on the Hub", card, "--repo", "ml3zoo/mine")
    forced = alice.ml3zoo("publish", card, "--repo", "ml3zoo/mine", "--force")
    assert forced.returncode == 0
    assert "sent README.md" in forced.stderr

    (card / "recipe.py").unlink()
    refused(alice, "recipe.py", card, "--repo", "ml3zoo/mine")


@pytest.mark.slow
def test_cards_that_are_not_current_are_refused(login, card):
    config = json.loads((card / "config.json").read_text())
    (card / "README.md").write_text("# Trust me\n")
    config["sha256"]["README.md"] = sha256(card / "README.md")
    (card / "config.json").write_text(json.dumps(config))
    done = login("alice").ml3zoo("publish", card, "--repo", "ml3zoo/boast")
    assert done.returncode == 1
    assert "only by generation" in done.stderr


@pytest.mark.slow
def test_a_pull_request_leaves_the_main_branch_alone(login, card):
    alice, mallory = login("alice"), login("mallory")
    assert alice.ml3zoo("publish", card, "--repo", "ml3zoo/open").returncode == 0
    before = alice.json("pull", "hf://ml3zoo/open")["source"]
    (card / "plots" / "another.png").write_bytes((card / "plots" / "gain.png").read_bytes())
    from ml3zoo.recipe import refresh_card

    refresh_card(card)
    offered = alice.ml3zoo("publish", card, "--repo", "ml3zoo/open", "--pr")
    assert offered.returncode == 0, offered.stderr
    assert "discussions" in offered.stderr
    assert alice.json("pull", "hf://ml3zoo/open")["source"] == before
    assert mallory.json("pull", before)["source"] == before


@pytest.mark.parametrize(
    "text",
    [
        "hf://",
        "hf://name",
        "hf://a/b/c",
        "hf://a/b@",
        "hf://../b",
        "hf://a/b@../x",
        "hf://\u0430lice/loss",
        "hf://a b/c",
        "hf://a--b/c",
        "hf://a/b.git",
    ],
)
def test_names_that_are_none(text):
    with pytest.raises(UnknownNameError, match="no name on the Hub"):
        parse_reference(text)


def test_names_that_are_some():
    assert parse_reference("hf://org/name@v1") == HubReference("org/name", "v1")
    assert parse_reference("hf://org/name").revision is None
    assert str(parse_reference("hf://org/name@refs/pr/1")) == "hf://org/name@refs/pr/1"


def test_an_empty_namespace_is_refused(monkeypatch):
    monkeypatch.setenv("ML3ZOO_NAMESPACE", "")
    with pytest.raises(HubError, match="ML3ZOO_NAMESPACE"):
        official("other-loss")


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        "self: 1",
        "eval_results: hello",
        "eval_results: [1]\nmodel_name: x",
        "ignore_metadata_errors: 1",
        "model-index: [1]",
        'model-index: [{name: x, results: [{metrics: [], "\\ud800": 1}]}]',
    ],
)
def test_a_strange_card_spoils_no_search(login, hub, head):
    hub.put("mallory/strange", {"README.md": f"---\ntags: [ml3zoo, strange]\n{head}\n---\n".encode()})
    (entry,) = login("").json("list", "--hub", "str[a-c]nge")
    assert entry["name"] == "hf://mallory/strange"
    assert entry["headline"] == ""


@pytest.mark.slow
def test_tags_are_looked_at_first(login, hub, card):
    alice = login("alice")
    target = ("--repo", "ml3zoo/tagged", "--tag", "v1")
    for _ in range(2):
        done = alice.ml3zoo("publish", card, *target)
        assert done.returncode == 0, done.stderr
    hub.put("ml3zoo/tagged", {"plots/surface.png": b"older"})
    hub.log()
    for more, message in (((), "another commit"), (("--dry-run",), "another commit"), (("--pr",), "--pr or --tag")):
        refused = alice.ml3zoo("publish", card, *target, *more)
        assert refused.returncode == 1
        assert message in refused.stderr
    public = alice.ml3zoo("publish", card, "--repo", "ml3zoo/tagged", "--private")
    assert public.returncode == 1
    assert "is public" in public.stderr
    assert all(entry.method in {"GET", "HEAD"} for entry in hub.log())
