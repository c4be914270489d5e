"""Pull: a name on the Hub -> a folder in the Hub cache whose every file was checked."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache
from huggingface_hub.hf_api import ModelInfo, RepoSibling

import ml3zoo
from ml3zoo.config import FILE_NAME, LossConfig, largest, read_config
from ml3zoo.errors import IntegrityError, Ml3zooError
from ml3zoo.files import git_blob_hash, make_folder, write_text
from ml3zoo.hub.client import TIMEOUT, UnreachableError, hub_api, telling
from ml3zoo.hub.reference import HubReference
from ml3zoo.integrity import check_file, check_files

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
        with telling(reference):
            info = hub_api().model_info(
                reference.repo, revision=reference.revision, timeout=TIMEOUT, files_metadata=True
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
    """Note in the cache, as the client does, which commit a branch or tag was: offline it stands for that one."""
    refs = pulled.folder.parents[1] / "refs"
    path = refs / (reference.revision or constants.DEFAULT_REVISION)
    make_folder(path.parent)
    if not path.is_file() or path.read_text(encoding="utf-8") != pulled.folder.name:
        write_text(path, pulled.folder.name)


def _fetch(reference: HubReference, info: ModelInfo) -> PulledLoss:
    listed = {file.rfilename: file for file in info.siblings or []}
    _check_listed(FILE_NAME, listed, reference)
    path = _download(FILE_NAME, reference)
    _check_blob(path, listed[FILE_NAME], reference)
    folder = path.parent
    config = read_config(folder)
    for name, expected in config.sha256.items():
        file = _check_listed(name, listed, reference)
        if file.lfs is not None and file.lfs.sha256 != expected:
            raise IntegrityError(
                f"{reference}: the Hub holds another {name} than its config names "
                f"(sha256 {file.lfs.sha256[:16]}…, not {expected[:16]}…). Ask its author to publish it again."
            )
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda name: _download_checked(name, reference, config), config.sha256))
    return PulledLoss(folder, reference)


def _check_listed(name: str, listed: dict[str, RepoSibling], reference: HubReference) -> RepoSibling:
    if name not in listed:
        raise IntegrityError(f"{reference} has no {name}: this is no whole loss. Ask its author to publish it again.")
    size, limit = listed[name].size, largest(name) or 0
    if size is None or size > limit:
        raise IntegrityError(f"{reference}: {name} claims {size} bytes, at most {limit} are taken. Do not use it.")
    return listed[name]


def _check_blob(path: Path, file: RepoSibling, reference: HubReference) -> None:
    """Compare the config, which no sha256 covers, with the git hash the Hub gives."""
    if file.blob_id is not None and file.lfs is None and git_blob_hash(path) != file.blob_id:
        _forget(path)
        raise IntegrityError(f"{reference}: {file.rfilename} was damaged on its way. Run the command again.")


def _download_checked(name: str, reference: HubReference, config: LossConfig) -> None:
    path = _download(name, reference)
    folder = path.parents[name.count("/")]
    try:
        check_file(folder, name, config)
    except IntegrityError as error:
        _forget(path)
        raise IntegrityError(f"{reference}: {error}") from error


def _download(name: str, reference: HubReference) -> Path:
    with telling(reference):
        return Path(
            hf_hub_download(
                reference.repo,
                name,
                revision=reference.revision,
                library_name="ml3zoo",
                library_version=ml3zoo.__version__,
            )
        )


def _forget(path: Path) -> None:
    """Remove a file from the cache, so that it is fetched anew."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)
