"""Publish: a checked folder -> one commit on the Hub."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import ModelInfo, RepoSibling

from ml3zoo.errors import ConfigError, HubError, IntegrityError
from ml3zoo.format.config import FILE_NAME, LossConfig, largest, read_config
from ml3zoo.format.files import git_blob_hash, sha256
from ml3zoo.format.results import Results, read_results
from ml3zoo.zoo.card import render_card
from ml3zoo.zoo.hub.addressed import CARD, address_of, published
from ml3zoo.zoo.hub.client import TIMEOUT, allowance, ask, hub_api
from ml3zoo.zoo.hub.reference import HubReference, parse_reference, parse_repo
from ml3zoo.zoo.hub.search import TAG
from ml3zoo.zoo.store import verify


@dataclass(frozen=True)
class Publication:
    """What ``publish_loss`` did, or would do.

    Attributes:
        reference: pinned to the new commit, or the repository alone in a dry run.
        url: page of the commit, of the pull request, or of the repository in a dry run.
        uploaded: files that were sent, because they are new or changed.
        removed: files of an older version that were deleted.
        quick: whether the loss is of a quick run, whose numbers mean nothing.
    """

    reference: HubReference
    url: str
    uploaded: tuple[str, ...]
    removed: tuple[str, ...] = ()
    quick: bool = False


def publish_loss(
    folder: str | Path,
    repo: str,
    *,
    private: bool = False,
    pr: bool = False,
    tag: str | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> Publication:
    """Publish a loss's folder as one commit. Everything is checked before the first byte goes out.

    The card that goes out says how to load the loss from that repository; the folder stays as it is.

    Args:
        folder: written by a recipe or by ``write_card``.
        repo: ``"org/name"``; created if it does not exist.
        private: create it private.
        pr: open a pull request instead of committing; the repository must exist.
        tag: also name the commit, for example ``"v1"``.
        dry_run: check and compare, write nothing.
        force: replace a card that was edited on the Hub.

    Raises:
        ConfigError, IntegrityError: the folder does not verify, or its card is not the one its results give.
        HubError: not logged in, no right to write there, the repository is not a loss's or is public against
            ``private``, the card was edited on the Hub, the tag names another commit, or somebody else committed at
            the same time.
    """
    folder, reference = Path(folder), parse_repo(repo)
    results = check_publishable(folder)
    if pr and tag is not None:
        raise HubError("a pull request cannot be tagged before it is merged. Leave out --pr or --tag.")
    present = check_target(reference, pr=pr, force=force)
    if private and present is not None and not present.private:
        raise HubError(f"{reference.repo} exists and is public. Make it private on its page, or leave out --private.")
    with published(folder, results, reference) as (copy, config):
        done = _publish(copy, config, reference, present, private=private, pr=pr, tag=tag, dry_run=dry_run)
    return replace(done, quick=results.quick)


def _publish(
    folder: Path,
    config: LossConfig,
    reference: HubReference,
    present: ModelInfo | None,
    *,
    private: bool,
    pr: bool,
    tag: str | None,
    dry_run: bool,
) -> Publication:
    """Send what the Hub does not have, of a folder that was checked, to a repository that may be written to."""
    api = hub_api()
    uploaded, removed = _changes(folder, config, present)
    if tag is not None:
        parse_reference(str(reference.at(tag)))
        tag = _missing_tag(api, reference, tag, None if uploaded or removed or not present else present.sha)
    page = f"{api.endpoint}/{reference.repo}"
    if dry_run:
        return Publication(reference, page, uploaded, removed)
    if present is None:
        ask(lambda: api.create_repo(reference.repo, private=private, exist_ok=True), reference)
        present = ask(lambda: api.model_info(reference.repo, timeout=TIMEOUT, files_metadata=True), reference)
        if any(largest(file.rfilename) for file in present.siblings or []):
            raise HubError(f"somebody else published to {reference.repo} at the same time. Look at it and try again.")
        uploaded, removed = _changes(folder, config, present)
    commit, url = present.sha or "", page
    if uploaded or removed:
        message = f"{config.name}, ml3zoo schema {config.schema_version}"
        done = _commit(api, reference, folder, uploaded, removed, message=message, parent=present.sha, pr=pr)
        commit, url = done.oid, done.pr_url or done.commit_url
    if tag is not None:
        _tag(api, reference, tag, commit)
    return Publication(reference.at(commit), url, uploaded, removed)


def check_publishable(folder: Path) -> Results:
    """Check that a folder verifies, was measured, and holds its recipe and exactly the card its results give.

    Returns:
        Its results.

    Raises:
        ConfigError, IntegrityError: it does not.
    """
    verify(folder)
    config, results = read_config(folder), read_results(folder)
    missing = [name for name in ("results.json", CARD, "recipe.py") if name not in config.sha256]
    if missing or results is None:
        raise IntegrityError(
            f"{folder} has no {', '.join(missing)}: only measured losses are published. "
            "Train it from a recipe: ml3zoo train ./my_recipe.py"
        )
    card = (folder / CARD).read_text(encoding="utf-8")
    try:
        current = render_card(config, results, folder, address=address_of(card))
    except Exception as error:
        raise ConfigError(f"{folder / 'results.json'} does not make a card ({error}). Train the loss again.") from error
    if card != current:
        raise IntegrityError(
            f"{folder / CARD} is not the card its results give: cards change only by generation. "
            "Render it again: python -c \"from ml3zoo.recipe import refresh_card; refresh_card('FOLDER')\""
        )
    return results


def check_target(reference: HubReference, *, pr: bool = False, force: bool = False) -> ModelInfo | None:
    """Check that a loss may be published to a repository.

    Args:
        reference: the repository.
        pr: as a pull request.
        force: over a card that was edited on the Hub.

    Raises:
        HubError: not logged in, no right to write there, not a loss's, or its card was edited on the Hub.
    """
    check_rights(reference, pr=pr)
    present = _present(hub_api(), reference)
    if present is None and pr:
        raise HubError(f"{reference.repo} does not exist: a pull request needs a repository. Publish without --pr.")
    if present is not None:
        _check_ours(present, reference)
        if not force:
            _check_card_unedited(present, reference)
    return present


def check_rights(reference: HubReference, *, pr: bool = False) -> None:
    """Check that the user is logged in and may write to a repository.

    Raises:
        HubError: not logged in, or no right to write there.
    """
    name, names, role = ask(_who, reference)
    if role == "read":
        raise HubError("your token may only read. Make one that may write and log in with it: hf auth login")
    if reference.owner not in names and not pr:
        raise HubError(
            f"you ({name}) cannot write to {reference.repo}: you may use {', '.join(f'{n}/…' for n in names)}. "
            "To offer a change to somebody else's loss, add --pr."
        )


def _who() -> tuple[str, list[str], str | None]:
    """The user's name, all names they may write under, and the role of their token."""
    me = hub_api().whoami()
    names = [me["name"], *(org["name"] for org in me.get("orgs", []))]
    return names[0], names, me.get("auth", {}).get("accessToken", {}).get("role")


def _present(api: HfApi, reference: HubReference) -> ModelInfo | None:
    def look() -> ModelInfo | None:
        try:
            return api.model_info(reference.repo, timeout=TIMEOUT, files_metadata=True)
        except RepositoryNotFoundError:
            return None

    return ask(look, reference)


def _check_ours(present: ModelInfo, reference: HubReference) -> None:
    files = {file.rfilename for file in present.siblings or []} - {".gitattributes"}
    if files and TAG not in (present.tags or []):
        raise HubError(
            f"{reference.repo} holds something else than a learned loss ({', '.join(sorted(files)[:3])}). "
            "Publish to another repository."
        )


def _check_card_unedited(present: ModelInfo, reference: HubReference) -> None:
    """The config on the Hub knows the card it was published with."""
    files = {file.rfilename for file in present.siblings or []}
    if not {FILE_NAME, CARD} <= files:
        return
    config, card = (
        Path(ask(partial(hf_hub_download, reference.repo, name, revision=present.sha), reference))
        for name in (FILE_NAME, CARD)
    )
    if read_config(config.parent).sha256.get(CARD) != sha256(card):
        raise HubError(
            f"the card of {reference.repo} was edited on the Hub. Take the change over where it belongs (the recipe), "
            "or replace it with --force."
        )


def _changes(folder: Path, config: LossConfig, present: ModelInfo | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Files that the Hub does not have like this, and files of the format that it has and the folder has not."""
    there = {file.rfilename: file for file in (present.siblings or [] if present else [])}
    names = [FILE_NAME, *config.sha256]
    uploaded = tuple(name for name in names if name not in there or not _same(folder / name, there[name]))
    removed = tuple(sorted(name for name in there.keys() - set(names) if largest(name)))
    return uploaded, removed


def _same(path: Path, file: RepoSibling) -> bool:
    if file.lfs is not None:
        return file.lfs.sha256 == sha256(path)
    return file.blob_id == git_blob_hash(path)


def _commit(
    api: HfApi,
    reference: HubReference,
    folder: Path,
    uploaded: tuple[str, ...],
    removed: tuple[str, ...],
    *,
    message: str,
    parent: str | None,
    pr: bool,
) -> CommitInfo:
    """Make the one commit. Large files go ahead of it, one by one: sent together they could not be given up in time."""
    additions = [CommitOperationAdd(name, folder / name) for name in uploaded]
    for addition in additions:
        seconds = allowance(addition.upload_info.size)
        ask(partial(api.preupload_lfs_files, reference.repo, [addition], create_pr=pr), reference, seconds=seconds)
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *additions,
        *(CommitOperationDelete(name) for name in removed),
    ]
    return ask(
        lambda: api.create_commit(
            reference.repo, operations, commit_message=message, parent_commit=parent, create_pr=pr
        ),
        reference,
        seconds=allowance(sum(addition.upload_info.size for addition in additions)),
    )


def _missing_tag(api: HfApi, reference: HubReference, tag: str, commit: str | None) -> str | None:
    """The tag, if it is still to be set; None if it names this commit already.

    Raises:
        HubError: it names another commit; any does if the commit is still to be made.
    """

    def targets() -> dict[str, str]:
        try:
            return {ref.name: ref.target_commit for ref in api.list_repo_refs(reference.repo).tags}
        except RepositoryNotFoundError:
            return {}

    target = ask(targets, reference).get(tag)
    if target is not None and target != commit:
        raise HubError(f"{reference.repo} has a tag {tag!r} on another commit ({target[:12]}). Name another tag.")
    return tag if target is None else None


def _tag(api: HfApi, reference: HubReference, tag: str, commit: str) -> None:
    def create() -> None:
        try:
            api.create_tag(reference.repo, tag=tag, revision=commit)
        except HfHubHTTPError as error:
            if error.response.status_code != 409:
                raise
            raise HubError(
                f"{reference.repo} was published as {commit[:12]}, but somebody set the tag {tag!r} at the same time. "
                "Name another tag."
            ) from error

    ask(create, reference)
