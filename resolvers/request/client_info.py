"""Who knocks, before anybody has looked who that is: what one request or socket brings along."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """What is sent along.

    token     None for a stranger
    language  "en" or "ru"; empty for a client that has not said, to whom his profile's is spoken
    address   the client's own, for throttles
    """

    token: str | None = None
    language: str = ""
    address: str = ""
    request_id: str = ""
