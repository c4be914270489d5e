"""``ml3zoo verify``: is this loss what it says it is?"""

from __future__ import annotations

from .output import Json, Name, say, show_json, talk


def verify(name: Name, json: Json = False) -> None:
    """Check files, weights and golden tensors."""
    from ml3zoo.zoo.names import resolve
    from ml3zoo.zoo.store import verify as check

    folder = resolve(name)
    checks = check(folder)
    if json:
        show_json({"folder": str(folder), "checks": checks})
        return
    for line in checks:
        talk(f"  {line}")
    say(f"{name}: verified")
