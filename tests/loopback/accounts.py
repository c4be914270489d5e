"""Who may do what on the loopback Hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    """The account behind one access token."""

    name: str
    role: str
    orgs: tuple[str, ...] = ()
    expired: bool = False

    def belongs_to(self, namespace: str) -> bool:
        """Whether repositories of a namespace are this user's own."""
        return namespace == self.name or namespace in self.orgs

    @property
    def may_write(self) -> bool:
        return self.role == "write"


USERS = {
    "hf_alice": User("alice", "write", ("ml3zoo",)),
    "hf_bob": User("bob", "read"),
    "hf_me": User("me", "write"),
    "hf_mallory": User("mallory", "write"),
    "hf_expired": User("alice", "write", ("ml3zoo",), expired=True),
}
"""Every token the Hub knows, and whose it is."""
