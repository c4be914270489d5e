"""A user at a machine of their own: a clean Hub cache, a token, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command import Running, finished, start
from tests.loopback.client import client_environment

SCRIPTS = Path(sys.executable).parent
_LONGEST = 120.0
DIGEST = """
import hashlib, sys, torch
from ml3zoo import load_loss
loss = load_loss(sys.argv[1])
x = torch.linspace(-2, 2, 64).requires_grad_()
value = loss(x, x.detach().sin(), progress=torch.tensor(0.3))
value.backward()
print(hashlib.sha256(value.detach().numpy().tobytes() + x.grad.numpy().tobytes()).hexdigest())
"""


@dataclass
class Machine:
    """One user's machine.

    Attributes:
        home: where its Hub cache and token lie.
        endpoint: the Hub it talks to.
        token: what it logs in with; empty for nobody.
        extra: more environment variables of its commands.
    """

    home: Path
    endpoint: str
    token: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of every command."""
        client = client_environment(self.endpoint, self.home, self.token)
        path = f"{SCRIPTS}{os.pathsep}{client['PATH']}"
        return client | {"PATH": path, "OMP_NUM_THREADS": "1"} | self.extra

    def start(self, *arguments: str | Path, cwd: Path | None = None) -> Running:
        """Start ``ml3zoo``."""
        return start("ml3zoo", *arguments, env=self.environment, cwd=cwd)

    def ml3zoo(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``ml3zoo`` to its end, which must come within two minutes."""
        return finished(self.start(*arguments, cwd=cwd), _LONGEST)

    def run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run another command, the virtual environment's first, such as ``hf`` or ``python``."""
        return subprocess.run(
            [*map(str, command)], capture_output=True, text=True, timeout=_LONGEST, env=self.environment, cwd=cwd
        )

    def json(self, *arguments: str | Path) -> Any:
        """What ``ml3zoo ... --json`` prints."""
        done = self.ml3zoo(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def digest(self, name: str) -> str:
        """Fingerprint of a loss's values and gradients, bit for bit, loaded in a new process."""
        done = finished(start("python", "-c", DIGEST, name, env=self.environment), _LONGEST)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
