"""``hf://org/name@revision``: where on the Hub a loss is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

from ml3zoo.errors import HubError, UnknownNameError

SCHEME = "hf://"
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_REPO = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubReference:
    """A repository on the Hub and, if given, a branch, tag or commit of it."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{SCHEME}{self.repo}" + (f"@{self.revision}" if self.revision else "")

    @property
    def owner(self) -> str:
        """The user or organisation."""
        return self.repo.split("/")[0]

    @property
    def pinned(self) -> bool:
        """Whether it names one commit, which can never change."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    def at(self, commit: str) -> HubReference:
        """The same repository at a commit."""
        return replace(self, revision=commit)


def parse_reference(text: str) -> HubReference:
    """Read ``hf://org/name`` or ``hf://org/name@revision``.

    Raises:
        UnknownNameError: it is written differently, or holds letters outside ASCII that could pass for others.
    """
    repo, _, revision = text.removeprefix(SCHEME).partition("@")
    named = _REPO.fullmatch(repo) and "--" not in repo and not repo.endswith(".git")
    valid = named and (not revision or _REVISION.fullmatch(revision))
    if not text.startswith(SCHEME) or not valid or ".." in text or text.endswith("@"):
        raise UnknownNameError(
            f"{text!a} is no name on the Hub: expected hf://org/name or hf://org/name@revision, "
            "of ASCII letters, digits, '-', '_' and '.', without '--' and without '.git' at the end."
        )
    return HubReference(repo, revision or None)


def parse_repo(text: str) -> HubReference:
    """Read ``org/name``, as given to ``--repo``.

    Raises:
        UnknownNameError: it is written differently.
    """
    reference = parse_reference(text if text.startswith(SCHEME) else SCHEME + text)
    if reference.revision:
        raise UnknownNameError(f"{text} names a revision; a repository was expected: {reference.repo}")
    return reference


def official(name: str) -> HubReference:
    """Where the official zoo keeps a loss; ``ML3ZOO_NAMESPACE`` names another organisation.

    Raises:
        HubError: ``ML3ZOO_NAMESPACE`` is no name of an organisation.
        UnknownNameError: the loss's name is none.
    """
    namespace = os.environ.get("ML3ZOO_NAMESPACE", "ml3zoo")
    if not re.fullmatch(_PART, namespace):
        raise HubError(
            f"ML3ZOO_NAMESPACE is {namespace!a}: expected an organisation on the Hub, such as ml3zoo. "
            "Set it to one, or unset it."
        )
    return parse_reference(f"{SCHEME}{namespace}/{name}")
