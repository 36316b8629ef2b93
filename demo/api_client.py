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

Answer = Mapping[str, Any]
Ask = Callable[[str, Mapping[str, Any], str | None], Awaitable[Answer]]  # document, variables, access token

_PATIENCE: Final = 8.0  # for one response
_BEFOREHAND: Final = timedelta(seconds=60)
_ENDED: Final = ("UNAUTHENTICATED", "TOKEN_EXPIRED")
_SESSION: Final = "{ accessToken refreshToken expiresAt userErrors { message } }"
_SIGN_IN: Final = f"mutation($input: SignInInput!) {{ session: signIn(input: $input) {_SESSION} }}"
_REFRESH: Final = f"mutation($token: String!) {{ session: refreshSession(refreshToken: $token) {_SESSION} }}"


class Refused(Exception):
    """The response has GraphQL errors or user errors; the message joins theirs."""


def over_http(host: str, port: int) -> Ask:
    """Return a transport that POSTs operations to the server at host and port.

    It raises OSError, http.client.HTTPException or ValueError when there is no valid response.
    """

    def post(body: bytes, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        try:
            connection.request("POST", "/graphql", body, headers)
            answer: Answer = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()

    async def ask(document: str, variables: Mapping[str, Any], token: str | None) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = json.dumps({"query": document, "variables": variables}).encode()
        return await asyncio.to_thread(post, body, headers)

    return ask


class Session:
    """Executes operations as one person: signs in on first use and refreshes the session before it expires."""

    def __init__(self, ask: Ask, clock: Callable[[], datetime], email: str, password: str) -> None:
        self._ask, self._clock = ask, clock
        self._given = {"email": email, "password": password}
        self._access: str | None = None
        self._refresh: str | None = None
        self._until: datetime | None = None

    async def ask(self, document: str, **variables: Any) -> Answer:
        """Execute an operation and return its data. Raises ApiError for GraphQL errors and user errors."""
        if self._until is None:
            await self._begin(_SIGN_IN, {"input": self._given})
        elif self._clock() >= self._until - _BEFOREHAND:
            await self._begin(_REFRESH, {"token": self._refresh})
        return await self._asked(document, variables, self._access)

    async def _begin(self, document: str, variables: Mapping[str, Any]) -> None:
        self._until = None  # if this fails, the next operation signs in again
        session = (await self._asked(document, variables, None))["session"]
        self._access, self._refresh = session["accessToken"], session["refreshToken"]
        self._until = datetime.fromisoformat(session["expiresAt"].replace("Z", "+00:00"))

    async def _asked(self, document: str, variables: Mapping[str, Any], token: str | None) -> Answer:
        answer = await self._ask(document, variables, token)
        data: Answer = answer.get("data") or {}
        failures = answer.get("errors") or ()
        if any((failure.get("extensions") or {}).get("code") in _ENDED for failure in failures):
            self._until = None
        errors = [failure["message"] for failure in failures]
        payloads = [value for value in data.values() if isinstance(value, dict)]
        errors += [error["message"] for payload in payloads for error in payload.get("userErrors", ())]
        if errors:
            raise Refused("; ".join(errors))
        return data
