"""Client information of a request or socket before authentication."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Client information.

    token       bearer token; None for a client that is not signed in
    language    code of a language of `LANGUAGES`; empty if the client states none: then the viewer's profile decides
    address     IP address of the client, for rate limits
    request_id  id of the HTTP request or operation, for errors and logs
    """

    token: str | None = None
    language: str = ""
    address: str = ""
    request_id: str = ""
