"""What models there are, and what is said of one."""

from __future__ import annotations

from urllib.parse import urlencode

from ..hub import Hub
from ..protocol import REPO, REVISION, HubError, Request, Response, json_response, route
from ..rights import caller, commit_of, readable, sees
from ..shapes import Json, card_json, model_json, siblings_json
from ..storage import Repo

_ALWAYS = ("_id", "id", "modelId")


@route("GET", f"/api/models/{REPO}(/revision/{REVISION})?")
def model_info(hub: Hub, request: Request, repo_id: str, revision: str | None) -> Response:
    repo = readable(hub, request, repo_id)
    commit = commit_of(repo, revision or "main")
    shape = model_json(repo, commit) | card_json(commit) | siblings_json(commit, blobs="blobs" in request.query)
    return json_response(_expanded(shape, request))


@route("GET", "/api/models")
def list_models(hub: Hub, request: Request) -> Response:
    user = caller(request)
    found = [_listed(repo, request) for repo in hub.repos.values() if sees(user, repo)]
    found = [shape for shape in found if _is_asked_for(shape, request)]
    found.sort(key=lambda shape: shape.get(request.first("sort", "downloads")) or 0, reverse=True)
    start = int(request.first("cursor", "0"))
    stop = start + min(hub.page_size, int(request.first("limit", str(hub.page_size))))
    query = urlencode({**request.query, "cursor": [str(stop)]}, doseq=True)
    link = {"Link": f'<{request.endpoint}/api/models?{query}>; rel="next"'} if stop < len(found) else {}
    return json_response([_expanded(shape, request) for shape in found[start:stop]], headers=link)


def _listed(repo: Repo, request: Request) -> Json:
    """A model with what may be asked of it, so that it can be searched and sorted."""
    commit = commit_of(repo, "main")
    shape, expand = model_json(repo, commit), request.query.get("expand", [])
    if "full" in request.query or "siblings" in expand:
        shape |= siblings_json(commit)
    if "cardData" in request.query or {"cardData", "model-index"} & set(expand):
        shape |= card_json(commit)
    return shape


def _is_asked_for(shape: Json, request: Request) -> bool:
    query = request.query
    return (
        set(query.get("filter", [])) <= set(shape["tags"])
        and query.get("author", [shape["author"]])[0] == shape["author"]
        and request.first("search").lower() in shape["id"].lower()
        and query.get("pipeline_tag", [shape.get("pipeline_tag")])[0] == shape.get("pipeline_tag")
    )


def _expanded(shape: Json, request: Request) -> Json:
    """The model reduced to the properties named by ``expand``, if any are."""
    expand = request.query.get("expand")
    if expand is None:
        return shape
    if "full" in request.query or "cardData" in request.query:
        raise HubError(400, "expand cannot be used together with full or cardData")
    return {key: value for key, value in shape.items() if key in (*_ALWAYS, *expand)}
