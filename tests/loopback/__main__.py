"""Run a loopback Hub: ``python -m tests.loopback --port 8091`` from the repository's root."""

from __future__ import annotations

import argparse
import contextlib

from .hub import Hub
from .server import HubServer


def main() -> None:
    """Serve until ended; the first line printed is the endpoint."""
    parser = argparse.ArgumentParser(prog="loopback", description="A Hugging Face Hub, in memory, on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8091, help="0 takes a free one")
    parser.add_argument("--page-size", type=int, default=1000, help="models a page of a listing holds")
    parser.add_argument("--with-parent", action="store_true", help="end with the process that started it")
    options = parser.parse_args()
    server = HubServer(Hub(page_size=options.page_size), options.port, with_parent=options.with_parent)
    print(server.endpoint, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
