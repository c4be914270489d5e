"""Pull: a name on the Hub -> a folder in the Hub cache whose every file was checked."""

from __future__ import annotations

import contextlib
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.hf_api import ModelInfo, RepoSibling

from ml3zoo.__version__ import __version__
from ml3zoo.errors import IntegrityError, Ml3zooError, OutputError, UnreachableError
from ml3zoo.format.config import FILE_NAME, LARGEST, LossConfig, largest, read_config
from ml3zoo.format.files import git_blob_hash, make_folder, sha256, write_text
from ml3zoo.format.integrity import check_file, check_files
from ml3zoo.zoo.hub.client import TIMEOUT, allowance, ask, hub_api
from ml3zoo.zoo.hub.reference import HubReference

_THREADS = 8


@dataclass(frozen=True)
class PulledLoss:
    """A loss from the Hub: its folder, and the commit it is."""

    folder: Path
    reference: HubReference


def pull_loss(reference: HubReference) -> PulledLoss:
    """Fetch a loss into the Hub cache, or find it there.

    The revision is resolved to a commit first and every file comes from that commit. A pinned commit that is in the
    cache needs no network. Only files of the format are fetched, each with a bound on its size, and compared with the
    sha256 in the config and with what the Hub itself says.

    Raises:
        UnknownNameError: there is no such repository or revision.
        IntegrityError: a file is not what it should be; it is removed from the cache.
        ConfigError: the config cannot be read.
        HubError: the Hub refuses, or cannot be reached and the cache does not hold the loss.
        OutputError: the cache cannot be written to.
    """
    cached = _cached(reference) if reference.pinned or constants.HF_HUB_OFFLINE else None
    if cached is not None:
        return cached
    try:
        info = ask(
            lambda: hub_api().model_info(
                reference.repo, revision=reference.revision, timeout=TIMEOUT, files_metadata=True
            ),
            reference,
        )
    except UnreachableError:
        cached = _cached(reference)
        if cached is None:
            raise
        warnings.warn(f"the Hub cannot be reached; using {cached.reference} from the cache", stacklevel=2)
        return cached
    if info.sha is None:
        raise IntegrityError(f"the Hub names no commit for {reference}. Try again later.")
    pinned = reference.at(info.sha)
    pulled = _cached(pinned) or _fetch(pinned, info)
    if not reference.pinned:
        _remember(reference, pulled)
    return pulled


def _cached(reference: HubReference) -> PulledLoss | None:
    """The loss as the cache holds it, if it is there and whole."""
    path = try_to_load_from_cache(reference.repo, FILE_NAME, revision=reference.revision)
    if not isinstance(path, str):
        return None
    folder = Path(path).parent
    try:
        check_files(folder, read_config(folder))
    except Ml3zooError:
        return None
    return PulledLoss(folder, reference.at(folder.name))


def _remember(reference: HubReference, pulled: PulledLoss) -> None:
    """Note in the cache, as the client does, which commit a branch or tag was: offline it stands for that one.

    A cache that cannot be written to, because others share it, still serves the loss itself.
    """
    refs = pulled.folder.parents[1] / "refs"
    path = refs / (reference.revision or constants.DEFAULT_REVISION)
    with contextlib.suppress(OSError, OutputError):
        if not path.is_file() or path.read_text(encoding="utf-8") != pulled.folder.name:
            make_folder(path.parent)
            write_text(path, pulled.folder.name)


def _fetch(reference: HubReference, info: ModelInfo) -> PulledLoss:
    listed = {file.rfilename: file for file in info.siblings or []}
    _check_listed(FILE_NAME, listed, reference)
    path = _download(FILE_NAME, reference, allowance(LARGEST[FILE_NAME]))
    _check_as_listed(path, listed[FILE_NAME], reference)
    folder = path.parent
    try:
        config = read_config(folder)
    except Ml3zooError:
        _forget(path)
        raise
    for name, expected in config.sha256.items():
        file = _check_listed(name, listed, reference)
        if file.lfs is not None and file.lfs.sha256 != expected:
            raise IntegrityError(
                f"{reference}: the Hub holds another {name} than its config names "
                f"(sha256 {str(file.lfs.sha256)[:16]}…, not {expected[:16]}…). Ask its author to publish it again."
            )
    end = time.monotonic() + allowance(sum(listed[name].size or 0 for name in config.sha256))
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda name: _download_checked(listed[name], reference, config, end), config.sha256))
    return PulledLoss(folder, reference)


def _check_listed(name: str, listed: dict[str, RepoSibling], reference: HubReference) -> RepoSibling:
    if name not in listed:
        raise IntegrityError(f"{reference} has no {name}: this is no whole loss. Ask its author to publish it again.")
    size, limit = listed[name].size, largest(name) or 0
    if not isinstance(size, int) or not 0 <= size <= limit:
        raise IntegrityError(f"{reference}: {name} claims {size} bytes, at most {limit} are allowed. Do not use it.")
    return listed[name]


def _check_as_listed(path: Path, file: RepoSibling, reference: HubReference) -> None:
    """Compare a file with the hash the Hub gives: the only one there is for the config."""
    listed, found = (file.lfs.sha256, sha256(path)) if file.lfs else (file.blob_id, git_blob_hash(path))
    if listed is not None and listed != found:
        _forget(path)
        raise IntegrityError(f"{reference}: {file.rfilename} was damaged on its way. Run the command again.")


def _download_checked(file: RepoSibling, reference: HubReference, config: LossConfig, end: float) -> None:
    name = file.rfilename
    path = _download(name, reference, end - time.monotonic())
    folder = path.parents[name.count("/")]
    try:
        check_file(folder, name, config)
    except IntegrityError as error:
        _forget(path)
        raise IntegrityError(f"{reference}: {error}") from error
    _check_as_listed(path, file, reference)


def _download(name: str, reference: HubReference, seconds: float) -> Path:
    """Fetch a file into the cache.

    The client has no bound on how much it takes if more comes than is listed; only the time bounds it.
    """
    path = ask(
        lambda: hf_hub_download(
            reference.repo,
            name,
            revision=reference.revision,
            library_name="ml3zoo",
            library_version=__version__,
        ),
        reference,
        seconds=seconds,
    )
    return Path(path)


def _forget(path: Path) -> None:
    """Remove a file from the cache, so that it is fetched again."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)
