"""Reads client information from a request: address, language, bearer token; checks the Origin header."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from domain.errors.operation_errors import Unauthenticated
from resolvers.request.client_info import ClientInfo
from server.observability import logging
from server.requests.content_negotiation import negotiate_language

ALLOWED_METHODS: Final = "GET, POST, OPTIONS"


class ClientInfoReader:
    """Reads client information, as the settings allow.

    origins          allowed values of `Origin`, besides the server's own host.
    trusted_proxies  networks with a trusted `X-Forwarded-For`.
    """

    def __init__(self, origins: Sequence[str], trusted_proxies: Sequence[str]) -> None:
        self._origins = frozenset(origins)
        self._trusted_networks = [ipaddress.ip_network(network, strict=False) for network in trusted_proxies]

    def anonymous_client(self, scope: Scope, headers: Headers) -> ClientInfo:
        """Return client information without a token."""
        return ClientInfo(
            None,
            negotiate_language(joined_header(headers, "accept-language")),
            self._resolve_address(scope, headers),
            logging.current_request_id(),
        )

    def _resolve_address(self, scope: Scope, headers: Headers) -> str:
        """Return the client's address: the last hop that is not a trusted proxy, cut to 100 characters.

        The hops of `X-Forwarded-For` are read from the right: those on the left are whatever the client sent.
        """
        address: str = scope["client"][0] if scope.get("client") else ""
        hops = [hop.strip() for hop in joined_header(headers, "x-forwarded-for").split(",") if hop.strip()]
        while hops and self._is_trusted_proxy(address):
            address = hops.pop()
        return address[:100]

    def _is_trusted_proxy(self, address: str) -> bool:
        try:
            parsed_address = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed_address in network for network in self._trusted_networks)

    def is_origin_allowed(self, headers: Headers) -> bool:
        """Return whether the request has no `Origin`, or one that is allowed or equals the host."""
        origin = headers.get("origin")
        return origin is None or origin in self._origins or urlsplit(origin).netloc == headers.get("host")

    def cors_headers(self, headers: Headers) -> dict[str, str]:
        """Return the CORS headers of a response: empty unless the origin is one of the allowed."""
        origin = headers.get("origin")
        if origin is None or origin not in self._origins:
            return {}
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": ALLOWED_METHODS,
            "access-control-allow-headers": "authorization, content-type, accept-language",
            "access-control-expose-headers": "x-request-id, retry-after",
            "access-control-max-age": "600",
        }


def joined_header(headers: Headers, name: str) -> str:
    """Return a header with a list as its value. It may be sent in several lines, which mean the same as one."""
    return ", ".join(headers.getlist(name))


def with_token(client: ClientInfo, authorization: object) -> ClientInfo:
    """Return the client with the bearer token of an `Authorization` value; unchanged if the value is None.

    raises  Unauthenticated if the value is not a bearer token.
    """
    if authorization is None:
        return client
    if isinstance(authorization, str):
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return dataclasses.replace(client, token=token.strip())
    raise Unauthenticated("Send an access token as `Authorization: Bearer …`.")


def with_language(client: ClientInfo, payload: Mapping[str, Any]) -> ClientInfo:
    """Return the client with the language in the payload of `connection_init`; unchanged if it has none."""
    for key in ("Accept-Language", "accept-language", "acceptLanguage"):
        if isinstance(payload.get(key), str):
            return dataclasses.replace(client, language=negotiate_language(payload[key]) or client.language)
    return client
