"""The Python of a framework's page in docs/frameworks, word for word."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def run_page(framework: str, block: int = 0) -> dict[str, Any]:
    """Run one of its blocks in this process, in the current folder.

    Returns:
        the names it defined.
    """
    page = ROOT / "docs" / "frameworks" / f"{framework}.md"
    code = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[block]
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
