"""The command line as a user runs it, and the table that tests apply losses to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(sys.executable).with_name("ml3zoo")
DIABETES = Path(__file__).parent / "data" / "diabetes.csv"


def ml3zoo(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [SCRIPT, *map(str, arguments)]
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, env=offline)
