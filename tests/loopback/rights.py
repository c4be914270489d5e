"""Who asks, and what they may see and change."""

from __future__ import annotations

from .accounts import USERS, User
from .hub import Hub
from .protocol import HubError, Request
from .storage import Commit, Repo


def caller(request: Request) -> User | None:
    """Who asks; None if nobody in particular.

    Raises:
        HubError: the token is unknown or has expired.
    """
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    token = authorization.removeprefix("Bearer ")
    user = USERS.get(token)
    if user is None:
        raise HubError(401, "Invalid credentials in Authorization header")
    if user.expired:
        raise HubError(401, f'User Access Token "{token}" is expired')
    return user


def named_caller(request: Request) -> User:
    """Who asks.

    Raises:
        HubError: nobody in particular, or with a bad token.
    """
    user = caller(request)
    if user is None:
        raise HubError(401, "Invalid username or password.")
    return user


def sees(user: User | None, repo: Repo) -> bool:
    """Whether a repository exists as far as a user can tell."""
    return not repo.private or (user is not None and user.belongs_to(repo.namespace))


def readable(hub: Hub, request: Request, repo_id: str) -> Repo:
    """A repository that the caller may know of.

    Raises:
        HubError: there is none, or it is a secret.
    """
    user, repo = caller(request), hub.repos.get(repo_id)
    if repo is not None and sees(user, repo):
        return repo
    if user is None:
        raise HubError(401, "Invalid username or password.", "RepoNotFound")
    raise HubError(404, "Repository not found", "RepoNotFound")


def writable(hub: Hub, request: Request, repo_id: str, *, proposal: bool = False) -> Repo:
    """A repository that the caller may write to.

    Args:
        proposal: it is only for a pull request, which any writer may open.

    Raises:
        HubError: there is none, it is a secret, or somebody else's.
    """
    repo, user = readable(hub, request, repo_id), named_caller(request)
    if not user.may_write or not (proposal or user.belongs_to(repo.namespace)):
        raise HubError(403, "You don't have the required permissions to perform this action")
    return repo


def commit_of(repo: Repo, revision: str) -> Commit:
    """The commit that a revision names.

    Raises:
        HubError: there is none.
    """
    commit = repo.find(revision)
    if commit is None:
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit
