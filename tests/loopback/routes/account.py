"""Who am I?"""

from __future__ import annotations

from ..hub import Hub
from ..protocol import Request, Response, json_response, route
from ..rights import named_caller


@route("GET", "/api/whoami-v2")
def whoami(hub: Hub, request: Request) -> Response:
    user = named_caller(request)
    return json_response(
        {
            "type": "user",
            "id": user.name,
            "name": user.name,
            "fullname": user.name.title(),
            "orgs": [{"type": "org", "name": name, "roleInOrg": user.role} for name in user.orgs],
            "auth": {"type": "access_token", "accessToken": {"displayName": "loopback", "role": user.role}},
        }
    )


@route("GET", "/api/agent-harnesses")
def agent_harnesses(hub: Hub, request: Request) -> Response:
    """The client asks for it to word its user agent."""
    return json_response({"standardEnvVars": [], "harnesses": {}})
