"""Repositories: made, set up, taken away."""

from __future__ import annotations

import re

from ..hub import Hub
from ..protocol import REPO, HubError, Request, Response, json_response, route
from ..rights import named_caller, writable
from ..storage import Repo

_NAME = r"(?!.*(--|\.\.))[\w][\w.-]{0,95}"


@route("POST", "/api/repos/create")
def create(hub: Hub, request: Request) -> Response:
    user, asked = named_caller(request), request.json
    namespace = asked.get("organization") or user.name
    repo_id = f"{namespace}/{asked['name']}"
    if asked.get("type") not in (None, "model"):
        raise HubError(400, "the loopback Hub holds models only")
    if not re.fullmatch(_NAME, asked["name"]):
        raise HubError(400, f"Invalid repo name: {asked['name']}")
    if not user.may_write or not user.belongs_to(namespace):
        raise HubError(403, f'You don\'t have the rights to create a model under the namespace "{namespace}"')
    url = f"{request.endpoint}/{repo_id}"
    if repo_id in hub.repos:
        message = "You already created this model repo"
        raise HubError(409, message, body={"error": message, "url": url})
    hub.repos[repo_id] = Repo(repo_id, private=asked.get("visibility") == "private" or bool(asked.get("private")))
    return json_response({"url": url, "name": repo_id, "id": repo_id})


@route("DELETE", "/api/repos/delete")
def delete(hub: Hub, request: Request) -> Response:
    asked = request.json
    namespace = asked.get("organization") or named_caller(request).name
    del hub.repos[writable(hub, request, f"{namespace}/{asked['name']}").id]
    return json_response({})


@route("PUT", f"/api/models/{REPO}/settings")
def settings(hub: Hub, request: Request, repo_id: str) -> Response:
    repo, asked = writable(hub, request, repo_id), request.json
    if "visibility" in asked:
        repo.private = asked["visibility"] == "private"
    repo.private = asked.get("private", repo.private)
    repo.gated = asked.get("gated", repo.gated)
    return json_response({})
