"""Who knocks, before anybody has looked who that is: what one request or socket brings along."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """`token` as sent, None for a stranger; `language` "en" or "ru"; `address` the client's own, for throttles."""

    token: str | None = None
    language: str = "en"
    address: str = ""
    request_id: str = ""
