"""GraphQL client of the demo: signs in as one person, refreshes the session and executes operations.

Uses HTTP as any client would, and only the standard library, so that the demo needs no dependencies beyond the
server's.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

Record = Mapping[str, Any]  # an object of a response
Response = Record
Transport = Callable[[str, Mapping[str, object], str | None], Awaitable[Response]]  # document, variables, access token

_TIMEOUT_SECONDS: Final = 8.0  # for one response
_REFRESH_MARGIN: Final = timedelta(seconds=60)
_SESSION_ENDED_CODES: Final = ("UNAUTHENTICATED", "TOKEN_EXPIRED")
_SESSION_FIELDS: Final = "{ accessToken refreshToken expiresAt userErrors { message } }"
_SIGN_IN_MUTATION: Final = f"mutation($input: SignInInput!) {{ session: signIn(input: $input) {_SESSION_FIELDS} }}"
_REFRESH_MUTATION: Final = (
    f"mutation($token: String!) {{ session: refreshSession(refreshToken: $token) {_SESSION_FIELDS} }}"
)


class ApiError(Exception):
    """The response has GraphQL errors or user errors; the message joins theirs."""


def create_http_transport(host: str, port: int) -> Transport:
    """Return a transport that POSTs operations to the server at host and port.

    It raises OSError, http.client.HTTPException or ValueError when there is no valid response.
    """

    def post(body: bytes, headers: dict[str, str]) -> Response:
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("POST", "/graphql", body, headers)
            response: Response = json.loads(connection.getresponse().read())
            return response
        finally:
            connection.close()

    async def send(document: str, variables: Mapping[str, object], token: str | None) -> Response:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = json.dumps({"query": document, "variables": variables}).encode()
        return await asyncio.to_thread(post, body, headers)

    return send


class ApiSession:
    """Executes operations as one person: signs in on first use and refreshes the session before it expires."""

    def __init__(self, transport: Transport, clock: Callable[[], datetime], email: str, password: str) -> None:
        self._transport, self._clock = transport, clock
        self._credentials = {"email": email, "password": password}
        self._access_token: str | None = None
        self._refresh_token: str | None = None
        self._expires_at: datetime | None = None

    async def execute(self, document: str, **variables: object) -> Response:
        """Execute an operation and return its data. Raises ApiError for GraphQL errors and user errors."""
        if self._expires_at is None:
            await self._start_session(_SIGN_IN_MUTATION, {"input": self._credentials})
        elif self._clock() >= self._expires_at - _REFRESH_MARGIN:
            await self._start_session(_REFRESH_MUTATION, {"token": self._refresh_token})
        return await self._send(document, variables, self._access_token)

    async def _start_session(self, document: str, variables: Mapping[str, object]) -> None:
        self._expires_at = None  # if this fails, the next operation signs in again
        session = (await self._send(document, variables, None))["session"]
        self._access_token, self._refresh_token = session["accessToken"], session["refreshToken"]
        self._expires_at = datetime.fromisoformat(session["expiresAt"].replace("Z", "+00:00"))

    async def _send(self, document: str, variables: Mapping[str, object], token: str | None) -> Response:
        response = await self._transport(document, variables, token)
        data: Response = response.get("data") or {}
        graphql_errors = response.get("errors") or ()
        if any((error.get("extensions") or {}).get("code") in _SESSION_ENDED_CODES for error in graphql_errors):
            self._expires_at = None
        messages = [error["message"] for error in graphql_errors]
        payloads = [value for value in data.values() if isinstance(value, dict)]
        messages += [error["message"] for payload in payloads for error in payload.get("userErrors", ())]
        if messages:
            raise ApiError("; ".join(messages))
        return data
