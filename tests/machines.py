"""A user at a machine of their own: a clean Hub cache, a token, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.loopback.client import client_environment

SCRIPTS = Path(sys.executable).parent
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

    def start(self, *command: str | Path, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start a command, the virtual environment's first: ``ml3zoo``, ``hf`` or ``python``."""
        return subprocess.Popen(
            [*map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=cwd,
        )

    def run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, which must come within two minutes."""
        process = self.start(*command, cwd=cwd)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def ml3zoo(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``ml3zoo``."""
        return self.run("ml3zoo", *arguments, cwd=cwd)

    def json(self, *arguments: str | Path) -> Any:
        """What ``ml3zoo ... --json`` prints."""
        done = self.ml3zoo(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def digest(self, name: str) -> str:
        """Fingerprint of a loss's values and gradients, bit for bit, loaded in a new process."""
        done = self.run("python", "-c", DIGEST, name)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
