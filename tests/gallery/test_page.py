"""The gallery's page and folder, without a browser."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ml3zoo import list_losses
from ml3zoo.errors import ConfigError, IntegrityError, OutputError, UnknownNameError
from ml3zoo.format.files import contents, sha256
from ml3zoo.zoo.gallery.page import MARK, PAGE, write_gallery
from ml3zoo.zoo.names import resolve

EVIL = "</script><img src=x onerror=harm()>"
"""Fits into every field, the shortest has 44 characters."""
FREE_TEXT = {"summary", "use_for", "headline", "formula", "example", "name", "data", "network", "ordinary", "reference"}


class Reader(HTMLParser):
    """A page's tags in order, with their attributes, and its pieces of text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def of(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]


def read(gallery: Path) -> Reader:
    return Reader((gallery / PAGE).read_text(encoding="utf-8"))


def copied(name: str, folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """A loss's folder elsewhere, some of its files replaced, with the right sha256 of every file."""
    shutil.copytree(resolve(name), folder)
    for file, content in (files or {}).items():
        (folder / file).write_bytes(content)
    config = json.loads((folder / "config.json").read_text())
    config["sha256"] = {file: sha256(folder / file) for file in config["sha256"]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def with_evil(value: Any, key: str = "") -> Any:
    """The same JSON, with free text that tries to be more than text."""
    if isinstance(value, dict):
        return {name: with_evil(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [with_evil(each, key) for each in value]
    return EVIL if key == "use_for" else EVIL + value if key in FREE_TEXT and isinstance(value, str) else value


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of the bundled zoo."""
    folder = tmp_path_factory.mktemp("of-all") / "gallery"
    write_gallery(folder)
    return folder


def test_every_loss_is_on_the_page_with_its_pictures(gallery):
    page = read(gallery)
    articles = page.of("article")
    assert sorted(article["data-name"] for article in articles) == list_losses()
    gains = [float(article["data-gain"]) for article in articles]
    assert gains == sorted(gains, reverse=True)
    shown = {attrs["href"] for attrs in page.of("a") if not attrs["href"].startswith("#")}
    assert shown == {name for name in contents(gallery) if name not in {PAGE, MARK}}
    pictures = {f"assets/{loss}/{path.name}" for loss in list_losses() for path in resolve(loss).glob("plots/*.png")}
    assert shown == pictures


def test_the_page_opens_from_disk_without_a_network(gallery):
    text = (gallery / PAGE).read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)
    assert {attrs["src"].split("/")[0] for attrs in read(gallery).of("img") if "src" in attrs} == {"assets"}


@pytest.mark.parametrize("name", list_losses())
def test_the_snippet_is_the_cards(gallery, name):
    (card,) = re.findall(r"```python\n(.*?)```", (resolve(name) / "README.md").read_text(), re.DOTALL)[:1]
    assert card in read(gallery).texts


def test_ids_are_unique(gallery):
    ids = [attrs["id"] for _, attrs in read(gallery).tags if "id" in attrs]
    assert len(ids) == len(set(ids)) > len(list_losses())


def test_what_a_folder_says_stays_text(tmp_path):
    honest = resolve("long-tail")
    config, results = (json.loads((honest / file).read_text()) for file in ("config.json", "results.json"))
    card = (honest / "README.md").read_text().replace("import torch", f"import torch  # {EVIL} \u202e")
    evil = {
        "config.json": json.dumps(with_evil(config) | {"name": "long-tail"}).encode(),
        "results.json": json.dumps(with_evil(results)).encode(),
        "README.md": card.encode(),
    }
    hostile = copied("long-tail", tmp_path / "hostile", evil)
    honest = copied("long-tail", tmp_path / "honest")
    pages = []
    for folder in (honest, hostile):
        write_gallery(tmp_path / "gallery", [folder])
        pages.append(read(tmp_path / "gallery"))
    tags = [[(tag, sorted(attrs)) for tag, attrs in page.tags] for page in pages]
    assert tags[0] == tags[1]
    assert sum(EVIL in text for text in pages[1].texts) > 5
    assert "\u202e" not in (tmp_path / "gallery" / PAGE).read_text()


def test_own_losses_come_beside_the_zoo(folder, tmp_path):
    losses = tmp_path / "losses"
    losses.mkdir()
    folder.rename(losses / "unmeasured")
    copied("long-tail", losses / "again")
    gallery = tmp_path / "gallery"
    shown = write_gallery(gallery, ["sine-regression", "long-tail", losses, "long-tail"])
    assert len(shown) == 4
    page = read(gallery)
    assert {article["id"] for article in page.of("article")} == {
        "long-tail",
        "long-tail-2",
        "sine-regression",
        "sine-regression-2",
    }
    assert page.of("article")[-1]["data-gain"] == "", "what was not measured comes last"
    assert sum(str(losses) in text for text in page.texts) >= 2, "it is not said where they are from"
    write_gallery(gallery, [losses])
    assert {path.name for path in (gallery / "assets").iterdir()} == {"long-tail"}, "the older gallery is still there"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(OutputError, match=r"other files and no gallery\.json.*thesis\.tex"):
        write_gallery(tmp_path / "mine", ["long-tail"])
    assert list(contents(tmp_path / "mine")) == ["thesis.tex"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file, a folder was expected"):
        write_gallery(tmp_path / "file", ["long-tail"])


def test_no_loss_is_no_gallery(tmp_path):
    (tmp_path / "empty").mkdir()
    for losses, message in (([tmp_path / "empty"], "no loss in .*empty"), ([], "no loss to show")):
        with pytest.raises(UnknownNameError, match=message):
            write_gallery(tmp_path / "gallery", losses)
    assert not (tmp_path / "gallery").exists()


@pytest.mark.parametrize(
    ("file", "content", "error"),
    [("plots/ranks.png", b"<svg onload=harm()>", IntegrityError), ("results.json", b"{}", ConfigError)],
)
def test_a_broken_loss_leaves_the_older_gallery_as_it_was(file, content, error, tmp_path):
    gallery = tmp_path / "gallery"
    write_gallery(gallery, ["long-tail"])
    before = {name: sha256(gallery / name) for name in contents(gallery)}
    with pytest.raises(error):
        write_gallery(gallery, ["long-tail", copied("long-tail", tmp_path / "broken", {file: content})])
    assert {name: sha256(gallery / name) for name in contents(gallery)} == before
    assert {path.name for path in tmp_path.iterdir()} == {"gallery", "broken"}


def test_a_file_that_was_changed_is_not_shown(tmp_path):
    changed = copied("long-tail", tmp_path / "changed")
    (changed / "README.md").write_text("not what the sha256 says")
    with pytest.raises(IntegrityError, match="was changed or damaged"):
        write_gallery(tmp_path / "gallery", [changed])


def test_a_card_that_is_no_text_still_has_a_snippet(tmp_path):
    odd = copied("long-tail", tmp_path / "odd", {"README.md": b"\xff\xfe no code"})
    write_gallery(tmp_path / "gallery", [odd])
    assert any(f'load_loss("{odd}"' in text for text in read(tmp_path / "gallery").texts)
