"""The loopback Hub, driven by the real client."""

from __future__ import annotations

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    constants,
    hf_hub_download,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.loopback import Fault, LoopbackHub, RawFile, loopback_hub

CARD = b"---\nlibrary_name: ml3zoo\ntags: [ml3zoo, learned-loss]\nlicense: mit\n---\n# A loss\n"
WEIGHTS = bytes(range(256)) * 400
ROUND_TRIP = """
import sys
from pathlib import Path
from huggingface_hub import HfApi, hf_hub_download
repo, folder = sys.argv[1], Path(sys.argv[2])
api = HfApi()
api.create_repo(repo)
api.upload_folder(repo_id=repo, folder_path=folder)
for name in ("README.md", "model.safetensors"):
    assert Path(hf_hub_download(repo, name)).read_bytes() == (folder / name).read_bytes(), name
assert [model.id for model in api.list_models(filter=["ml3zoo", "license:mit"])] == [repo]
files = {file.rfilename: file for file in api.model_info(repo, files_metadata=True).siblings}
assert files["model.safetensors"].lfs.size == files["model.safetensors"].size == 102400
assert files["README.md"].lfs is None
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackHub]:
    with loopback_hub(page_size=2) as hub:
        yield hub


@pytest.fixture
def hub(server: LoopbackHub) -> Iterator[LoopbackHub]:
    yield server
    server.faults([])
    server.log()


@pytest.fixture
def repo(hub: LoopbackHub, request: pytest.FixtureRequest) -> str:
    """A public repository of the test's own, with a card and weights."""
    name = f"ml3zoo/{request.node.name}"[:90].rstrip("_[]")
    hub.put(name, {"README.md": CARD, "model.safetensors": WEIGHTS})
    return name


def api(hub: LoopbackHub, name: str = "alice") -> HfApi:
    return HfApi(endpoint=hub.endpoint, token=f"hf_{name}")


def download(hub: LoopbackHub, repo: str, name: str, cache: Path) -> bytes:
    return Path(hf_hub_download(repo, name, endpoint=hub.endpoint, cache_dir=cache, token=False)).read_bytes()


def get(hub: LoopbackHub, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_client_process_uploads_finds_and_downloads(tmp_path):
    folder = tmp_path / "a-loss"
    folder.mkdir()
    (folder / "README.md").write_bytes(CARD)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    with loopback_hub() as hub:
        environment = hub.environment(tmp_path / "home", token="hf_alice")
        subprocess.run([sys.executable, "-c", ROUND_TRIP, "ml3zoo/round", str(folder)], env=environment, check=True)
        log = hub.log()
    assert all(entry.auth for entry in log if not entry.path.startswith(("/_cdn/", "/_lfs/")))
    assert not any(entry.auth for entry in log if entry.path.startswith("/_cdn/"))
    assert {entry.status for entry in log} <= {200, 302}


def test_commits_that_come_too_late_are_refused(hub, repo):
    first = api(hub).model_info(repo).sha
    edit = [CommitOperationAdd("a.txt", b"a"), CommitOperationDelete("README.md")]
    done = api(hub).create_commit(repo, edit, commit_message="in time", parent_commit=first)
    late = [CommitOperationAdd("a.txt", b"b")]
    with pytest.raises(HfHubHTTPError) as caught:
        api(hub).create_commit(repo, late, commit_message="too late", parent_commit=first)
    assert caught.value.response.status_code == 412
    assert set(api(hub).list_repo_files(repo)) == {".gitattributes", "a.txt", "model.safetensors"}
    assert [commit.commit_id for commit in api(hub).list_repo_commits(repo)][:2] == [done.oid, first]


def test_private_repositories_exist_for_their_owners_only(hub):
    api(hub).create_repo("ml3zoo/private", private=True)
    assert api(hub).create_repo("ml3zoo/private", exist_ok=True).repo_id == "ml3zoo/private"
    assert api(hub).model_info("ml3zoo/private").private
    assert "ml3zoo/private" in [model.id for model in api(hub).list_models(search="private")]
    for name in ("bob", "mallory"):
        with pytest.raises(RepositoryNotFoundError):
            api(hub, name).model_info("ml3zoo/private")
        assert not list(api(hub, name).list_models(search="private"))
    api(hub).update_repo_settings("ml3zoo/private", private=False)
    assert not api(hub, "bob").model_info("ml3zoo/private").private


def test_what_is_missing_or_closed_is_refused_as_the_client_expects(hub, repo, tmp_path):
    with pytest.raises(RevisionNotFoundError):
        api(hub).model_info(repo, revision="v9")
    with pytest.raises(EntryNotFoundError):
        download(hub, repo, "nothing.json", tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        download(hub, "ml3zoo/nothing", "config.json", tmp_path)
    with pytest.raises(HfHubHTTPError, match="expired"):
        api(hub, "expired").model_info(repo)
    api(hub).update_repo_settings(repo, gated="manual")
    with pytest.raises(GatedRepoError, match="403"):
        api(hub, "bob").hf_hub_download(repo, "README.md", cache_dir=tmp_path)
    assert api(hub).hf_hub_download(repo, "README.md", cache_dir=tmp_path)


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own, when it sends an LFS file
def test_strangers_may_propose_but_not_write(hub, repo):
    edit = [CommitOperationAdd("a.txt", b"a")]
    for name in ("bob", "mallory"):
        with pytest.raises(HfHubHTTPError, match="403"):
            api(hub, name).create_commit(repo, edit, commit_message="mine now")
        with pytest.raises(HfHubHTTPError, match="403"):
            api(hub, name).create_repo("ml3zoo/mine")
    edit = [CommitOperationAdd("a.txt", b"a"), CommitOperationAdd("b.safetensors", b"weights")]
    done = api(hub, "mallory").create_commit(repo, edit, commit_message="an offer", create_pr=True)
    assert done.pr_revision == "refs/pr/1"
    assert "b.safetensors" in api(hub).list_repo_files(repo, revision=done.pr_revision)
    assert "b.safetensors" not in api(hub).list_repo_files(repo)


def test_tags_branches_and_folders(hub, repo):
    hub.put(repo, {"plots/a.png": b"a", "plots/deep/b.png": b"b"})
    api(hub).create_tag(repo, tag="v1")
    api(hub).create_branch(repo, branch="next", revision="v1")
    with pytest.raises(HfHubHTTPError, match="409"):
        api(hub).create_tag(repo, tag="v1")
    refs = api(hub).list_repo_refs(repo)
    assert [tag.name for tag in refs.tags] == ["v1"]
    assert {branch.name for branch in refs.branches} == {"main", "next"}
    assert [entry.path for entry in api(hub).list_repo_tree(repo, "plots")] == ["plots/a.png", "plots/deep"]
    api(hub).delete_folder("plots", repo, revision="next")
    assert [info.path for info in api(hub).get_paths_info(repo, ["plots", "README.md"])] == ["plots", "README.md"]
    assert not api(hub).get_paths_info(repo, ["plots"], revision="next")
    api(hub).delete_tag(repo, tag="v1")
    assert not api(hub).list_repo_refs(repo).tags


def test_listings_have_pages(hub):
    for name in "abcde":
        hub.put(f"alice/{name}", {"README.md": CARD})
    hub.log()
    found = list(api(hub).list_models(author="alice", filter="ml3zoo", expand=["lastModified", "cardData"]))
    assert {model.id for model in found} == {f"alice/{name}" for name in "abcde"}
    assert found[0].last_modified is not None
    assert found[0].card_data.license == "mit"
    assert len(hub.log()) == 3


def test_ranges(hub, repo):
    path = f"/{repo}/resolve/main/README.md"
    assert get(hub, path, {"Range": "bytes=0-2"}) == (206, b"---")
    assert get(hub, path, {"Range": f"bytes={len(CARD) - 5}-"}) == (206, b"loss\n")
    assert get(hub, path, {"Range": f"bytes={len(CARD)}-"})[0] == 416
    assert [entry.range for entry in hub.log() if entry.status == 206] == ["bytes=0-2", f"bytes={len(CARD) - 5}-"]


def test_a_download_that_breaks_off_once_is_tried_again(hub, repo, tmp_path):
    hub.faults([Fault("/_cdn/", truncate=1000)])
    assert download(hub, repo, "model.safetensors", tmp_path) == WEIGHTS
    assert len([entry for entry in hub.log() if entry.path.startswith("/_cdn/")]) == 2


def test_a_large_download_that_breaks_off_once_is_resumed(hub, tmp_path):
    large, chunk = WEIGHTS * 110, constants.DOWNLOAD_CHUNK_SIZE
    hub.put("ml3zoo/large", {"model.safetensors": large})
    hub.faults([Fault("/_cdn/", truncate=chunk + 500)])
    assert download(hub, "ml3zoo/large", "model.safetensors", tmp_path) == large
    assert [entry.range for entry in hub.log() if entry.path.startswith("/_cdn/")] == [None, f"bytes={chunk}-"]


def test_a_download_that_always_breaks_off_is_an_error(hub, repo, tmp_path):
    hub.faults([Fault("model.safetensors", method="GET", times=100, truncate=0)])
    with pytest.raises(HTTPError):
        download(hub, repo, "model.safetensors", tmp_path)
    assert not list(tmp_path.rglob("model.safetensors"))


def test_a_connection_that_is_reset_is_an_error(hub, repo, tmp_path):
    hub.faults([Fault("README.md", reset=10)])
    with pytest.raises(HTTPError):
        download(hub, repo, "README.md", tmp_path)


def test_a_corrupt_download_passes_the_client(hub, repo, tmp_path):
    hub.faults([Fault("model.safetensors", corrupt=3)])
    data = download(hub, repo, "model.safetensors", tmp_path)
    assert len(data) == len(WEIGHTS)
    assert sum(a != b for a, b in zip(data, WEIGHTS, strict=True)) == 3


def test_statuses_delays_and_drips(hub, repo):
    path = f"/{repo}/resolve/main/README.md"
    hub.faults(
        [Fault("README", status=503, headers={"Retry-After": "7"}), Fault("README", delay=0.2), Fault("", drip=300)]
    )
    with pytest.raises(HfHubHTTPError) as caught:
        api(hub).file_exists(repo, "README.md")
    assert caught.value.response.headers["Retry-After"] == "7"
    for seconds in (0.2, len(CARD) / 300):
        start = time.monotonic()
        assert get(hub, path) == (200, CARD)
        assert time.monotonic() - start >= 0.9 * seconds


def test_hostile_repositories(hub, repo, tmp_path):
    hub.put(repo, {"../../evil.py": b"evil", "bomb.safetensors": RawFile(WEIGHTS, size=10, oid="0" * 64)})
    files = {file.rfilename: file for file in api(hub).model_info(repo, files_metadata=True).siblings}
    assert "../../evil.py" in files
    assert files["bomb.safetensors"].lfs.sha256 == "0" * 64
    with pytest.raises(OSError, match="Consistency check failed"):
        download(hub, repo, "bomb.safetensors", tmp_path)
    listed = [{"type": "file", "path": "README.md", "size": 1, "oid": "0"}]
    commit = hub.put(repo, {}, siblings=[{"rfilename": "x"}], tree=listed)
    assert [file.rfilename for file in api(hub).model_info(repo).siblings] == ["x"]
    folder = snapshot_download(repo, revision=commit, endpoint=hub.endpoint, cache_dir=tmp_path, token=False)
    assert [path.name for path in Path(folder).iterdir()] == ["README.md"]


def test_many_clients_at_once(hub, repo):
    path = f"/{repo}/resolve/main/README.md"
    hub.faults([Fault("README", times=60, delay=0.3)])
    start = time.monotonic()
    with ThreadPoolExecutor(60) as pool:
        answers = list(pool.map(lambda _: get(hub, path), range(60)))
    assert answers == [(200, CARD)] * 60
    assert time.monotonic() - start < 5


def test_a_hub_that_is_gone_refuses():
    with loopback_hub() as hub:
        hub.faults([Fault("/api/", gone=True)])
        with pytest.raises(HTTPError):
            api(hub).whoami()
        with pytest.raises(ConnectionRefusedError):
            get(hub, "/api/models")
        assert hub.process.wait(5) == 0


def test_faults_that_are_none_are_refused(hub):
    with pytest.raises(ValueError, match="nothing goes wrong"):
        Fault("x")
    with pytest.raises(ValueError, match="truncate or reset"):
        Fault("x", truncate=1, reset=1)
