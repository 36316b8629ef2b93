"""Reads client information from a request: address, language, bearer token; checks the Origin header of a WebSocket."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from domain.errors.operation_errors import Unauthenticated
from resolvers.request.client_info import ClientInfo
from server.observability import logging
from server.requests.content_negotiation import negotiate_language


def anonymous_client(scope: Scope, headers: Headers) -> ClientInfo:
    """Return client information without a token.

    The address is that of the client also behind trusted proxies, as uvicorn has put it into the scope. It is cut to 100
    characters: a proxy may pass on any text.
    """
    address: str = scope["client"][0] if scope.get("client") else ""
    language = negotiate_language(joined_header(headers, "accept-language"))
    return ClientInfo(None, language, address[:100], logging.current_request_id())


def is_origin_allowed(headers: Headers, origins: Container[str]) -> bool:
    """Return whether the request has no `Origin`, or one that is among the allowed or equals the host."""
    origin = headers.get("origin")
    return origin is None or origin in origins or urlsplit(origin).netloc == headers.get("host")


def joined_header(headers: Headers, name: str) -> str:
    """Return a header with a list as its value. It may be sent in several lines, which mean the same as one."""
    return ", ".join(headers.getlist(name))


def with_token(client: ClientInfo, authorization: object) -> ClientInfo:
    """Return the client with the bearer token of an `Authorization` value; unchanged if the value is None.

    raises  Unauthenticated if the value is not a bearer token.
    """
    if authorization is None:
        return client
    token = find_bearer_token(authorization)
    if token is None:
        raise Unauthenticated("Send an access token as `Authorization: Bearer …`.")
    return ClientInfo(token, client.language, client.address, client.request_id)


def find_bearer_token(authorization: object) -> str | None:
    """Return the token of an `Authorization` value; None if the value is no text with a bearer token."""
    if not isinstance(authorization, str):
        return None
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def with_language(client: ClientInfo, payload: Mapping[str, object]) -> ClientInfo:
    """Return the client with the language in the payload of `connection_init`; unchanged if it has none."""
    for key in ("Accept-Language", "accept-language", "acceptLanguage"):
        if isinstance(header := payload.get(key), str):
            return dataclasses.replace(client, language=negotiate_language(header) or client.language)
    return client
