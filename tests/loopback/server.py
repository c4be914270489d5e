"""The loopback Hub behind a socket."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import routes  # noqa: F401 - importing them registers them
from .faults import Fault, take
from .hub import Hub, LogEntry
from .protocol import HubError, Request, Response, respond

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_READING = 0.05


class HubServer(ThreadingHTTPServer):
    """A loopback Hub that listens on 127.0.0.1.

    Args:
        port: 0 takes a free one.
        with_parent: end when the process that started this one has ended.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, hub: Hub, port: int = 0, *, with_parent: bool = False) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.hub = hub
        self.connections: set[socket.socket] = set()
        self._parent = os.getppid() if with_parent else None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def service_actions(self) -> None:
        if self._parent is not None and os.getppid() != self._parent:
            sys.exit()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are nothing to report."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def vanish(self) -> None:
        """Refuse new connections, end the present ones, stop serving. Called from a handler's thread."""
        for connection in [self.socket, *self.connections]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self.shutdown()


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: HubServer
    protocol_version = "HTTP/1.1"
    server_version = "loopback-hub"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the log is for asking."""

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._read_body())
        if request.path.startswith("/_control/"):
            self._send(respond(self.server.hub, request), None)
            return
        with self.server.hub.lock:
            fault = take(self.server.hub.faults, request.method, request.target)
        time.sleep(fault.delay if fault else 0)
        if fault and fault.gone:
            self.close_connection = True
            self.server.vanish()
            return
        response = _faulty(fault) or respond(self.server.hub, request)
        self._log(request, response)
        self._send(response, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _log(self, request: Request, response: Response) -> None:
        auth, asked_range = "authorization" in request.headers, request.headers.get("range")
        entry = LogEntry(request.method, request.target, auth, asked_range, response.status)
        with self.server.hub.lock:
            self.server.hub.log.append(entry)

    def _send(self, response: Response, fault: Fault | None) -> None:
        self.send_response(response.status)
        length = {"Content-Length": str(len(response.body)), "X-Request-Id": "loopback"}
        for name, value in {**response.headers, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in fault.pieces(response.body) if fault else [response.body]:
            self.wfile.write(piece)
        if fault and fault.cut is not None:
            self.close_connection = True
        if fault and fault.reset is not None:
            # A reset overtakes what the client has not read yet.
            time.sleep(_READING)
            reset(self.connection)


def _faulty(fault: Fault | None) -> Response | None:
    """The answer that a fault puts in place of the true one."""
    if fault is None or fault.status is None:
        return None
    return HubError(fault.status, "injected fault", headers=fault.headers).response()


def reset(connection: socket.socket) -> None:
    """End a connection the hard way, by TCP reset."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # The handler's files hold the socket open: close it under them.
        socket.close(connection.detach())
