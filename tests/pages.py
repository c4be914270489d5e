"""The fenced blocks of README and the pages in docs, word for word."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```", re.M | re.S)


class Block(NamedTuple):
    """A fenced block: the comment on the line before it, its language, and what is in it."""

    mark: str
    language: str
    code: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found = FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["mark"] or "", one["language"], one["code"]) for one in found]


def marked(mark: str) -> str:
    """The one block of any page that has this mark."""
    (code,) = (block.code for page in PAGES for block in blocks(page) if block.mark == mark)
    return code


def recipes() -> dict[str, str]:
    """The recipes that pages show, by the names of the files they are to be saved as."""
    found = (block for page in PAGES for block in blocks(page))
    return {block.mark: block.code for block in found if block.mark.endswith(".py")}


def run_page(framework: str) -> dict[str, Any]:
    """Run the Python of a framework's page in this process, in the current folder.

    Returns:
        the names it defined.
    """
    page = ROOT / "docs" / "frameworks" / f"{framework}.md"
    (code,) = (block.code for block in blocks(page) if block.language == "python")
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, str(page), "exec"), scope)
    return scope


def in_a_new_process(test: str, function: str, *arguments: object) -> Any:
    """Call ``tests.integrations.<test>.<function>(*arguments)`` in a new process.

    Returns:
        what it returned, through JSON.
    """
    call = f"m.{function}(*{json.dumps(list(map(str, arguments)))})"
    code = f"import json, tests.integrations.{test} as m; print('RETURNED', json.dumps({call}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("RETURNED ")[2])
