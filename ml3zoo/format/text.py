"""Text from strangers, before it is shown."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Untrusted text made harmless to a reader: control and format characters become ``?``."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"} else "?" for c in text)
