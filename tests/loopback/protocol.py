"""Requests, answers, errors, and which function answers which request."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .hub import Hub

REPO = r"(?P<repo_id>[^/]+/[^/]+)"
REVISION = r"(?P<revision>[^/]+)"


@dataclass(frozen=True)
class Request:
    """A request, whole.

    Attributes:
        target: path and query as sent.
        headers: by lower-case name.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Still quoted, so that ``refs%2Fpr%2F1`` is one part."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    @property
    def endpoint(self) -> str:
        """The server's address as this client knows it."""
        return f"http://{self.headers['host']}"

    def first(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True)
class Response:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class HubError(Exception):
    """A refusal, as the Hub words it.

    Args:
        code: ``X-Error-Code``, by which the client chooses its exception.
        body: JSON to answer with instead of ``{"error": message}``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers, self.body = dict(headers or {}), body or {"error": message}

    def response(self) -> Response:
        """This refusal as an answer."""
        code = {"X-Error-Code": self.code} if self.code else {}
        return json_response(self.body, self.status, {**self.headers, **code, "X-Error-Message": self.message})


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON. What JSON has no word for, such as a date in a card, becomes text."""
    body = json.dumps(value, default=str).encode()
    return Response(status, body, {"Content-Type": "application/json", **(headers or {})})


Answer = Callable[..., Response]
_ROUTES: list[tuple[frozenset[str], re.Pattern[str], Answer]] = []


def route(methods: str, path: str) -> Callable[[Answer], Answer]:
    """Have a function answer requests.

    Args:
        methods: separated by spaces.
        path: regular expression of the whole path; its groups, unquoted, become the function's keyword arguments.
    """

    def register(answer: Answer) -> Answer:
        _ROUTES.append((frozenset(methods.split()), re.compile(path), answer))
        return answer

    return register


def respond(hub: Hub, request: Request) -> Response:
    """Answer a request, alone on the Hub's state."""
    try:
        for methods, path, answer in _ROUTES:
            match = path.fullmatch(request.path)
            if match and request.method in methods:
                groups = {name: text and unquote(text) for name, text in match.groupdict().items()}
                with hub.lock:
                    return answer(hub, request, **groups)
        raise HubError(404, f"the loopback Hub has nothing at {request.method} {request.path}")
    except HubError as error:
        return error.response()
