"""What the loopback Hub holds: repositories, their commits, their files."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

LFS_SUFFIXES = ("safetensors", "bin", "pt", "pth", "ckpt", "npz", "zip", "onnx")
GIT_ATTRIBUTES = "".join(f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)


@dataclass(frozen=True)
class StoredFile:
    """A file of a commit.

    Attributes:
        data: the true content.
        lfs: whether it is served by redirect, as large files are.
        claimed_size: bytes that metadata says it has; the truth if None.
        claimed_oid: sha256 (LFS) or git blob hash (regular) that metadata says it has; the truth if None.
    """

    data: bytes
    lfs: bool = False
    claimed_size: int | None = None
    claimed_oid: str | None = None

    @property
    def size(self) -> int:
        return len(self.data) if self.claimed_size is None else self.claimed_size

    @property
    def oid(self) -> str:
        if self.claimed_oid is not None:
            return self.claimed_oid
        return hashlib.sha256(self.data).hexdigest() if self.lfs else git_hash(self.data)

    @property
    def blob_id(self) -> str:
        """The git hash: of the content, or of what stands for it in git if it is an LFS file."""
        return git_hash(f"pointer to {self.oid}".encode()) if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    """One version of a repository.

    Attributes:
        siblings, tree: raw JSON to answer with instead of what ``files`` gives.
    """

    oid: str
    parent: str | None
    title: str
    message: str
    author: str
    date: str
    files: Mapping[str, StoredFile]
    siblings: list[Any] | None = None
    tree: list[Any] | None = None


@dataclass
class Repo:
    """A model repository; new ones hold one commit with ``.gitattributes``, as on the Hub.

    Attributes:
        heads: branch or ``refs/pr/N`` -> commit.
        tags: tag -> commit.
    """

    id: str
    private: bool = False
    gated: str | bool = False
    created: str = field(default_factory=lambda: now())
    commits: dict[str, Commit] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    downloads: int = 0

    def __post_init__(self) -> None:
        attributes = {".gitattributes": StoredFile(GIT_ATTRIBUTES.encode())}
        self.commit("main", attributes, title="initial commit", author="system")

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    def find(self, revision: str) -> Commit | None:
        """The commit of a branch, tag, pull request or (shortened) hash."""
        name = revision.removeprefix("refs/heads/")
        oid = self.heads.get(name) or self.tags.get(revision)
        if oid is None and re.fullmatch(r"[0-9a-f]{7,40}", revision):
            oid = next((known for known in self.commits if known.startswith(revision)), None)
        return None if oid is None else self.commits[oid]

    def commit(
        self,
        branch: str,
        files: Mapping[str, StoredFile],
        *,
        title: str,
        author: str,
        message: str = "",
        parent: Commit | None = None,
    ) -> Commit:
        """Make ``files`` the whole content of a branch."""
        oid = uuid.uuid4().hex + uuid.uuid4().hex[:8]
        self.commits[oid] = Commit(oid, parent.oid if parent else None, title, message, author, now(), dict(files))
        self.heads[branch] = oid
        return self.commits[oid]

    def misreport(self, commit: Commit, siblings: list[Any] | None, tree: list[Any] | None) -> None:
        """Have a commit's listings answered with this JSON."""
        self.commits[commit.oid] = replace(commit, siblings=siblings, tree=tree)


def git_hash(data: bytes) -> str:
    """Hash that git gives a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def now() -> str:
    """The time as the Hub writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
