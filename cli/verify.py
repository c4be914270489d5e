"""``ml3zoo verify``: is this loss what it says it is?"""

from __future__ import annotations

from .output import Json, Name, say, show_json, talk


def verify(name: Name, json: Json = False) -> None:
    """Check files, weights and golden tensors."""
    from ml3zoo.store import verify as check
    from ml3zoo.zoo import resolve

    folder = resolve(name)
    checks = check(folder)
    if json:
        show_json({"folder": str(folder), "checks": checks})
        return
    for line in checks:
        talk(f"  {line}")
    say(f"{name}: verified")
