"""Headers that tell browsers how to treat responses: no guessing of media types, no embedding, no address passed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# For responses that are data, also when a browser opens them as a page; pages have a policy of their own.
DATA_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
_DEFAULTS: Final = (
    (b"content-security-policy", DATA_POLICY.encode()),
    (b"cache-control", b"no-store"),
)


def list_common_headers(*, hsts: bool) -> list[tuple[str, str]]:
    """Return the headers of all responses, those of WebSocket handshakes and of malformed requests included.

    hsts  whether browsers shall use nothing but HTTPS for this host and its subdomains
    """
    headers = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ]
    return [*headers, ("strict-transport-security", "max-age=31536000; includeSubDomains")] if hsts else headers


class DataHeadersMiddleware:
    """ASGI middleware: gives responses the policy of data and forbids caching, unless they have such headers.

    more_headers  further headers of all responses
    """

    def __init__(self, app: ASGIApp, more_headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self._app, self._more_headers = app, more_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                names = {name for name, _ in headers}
                headers += self._more_headers
                headers += [item for item in _DEFAULTS if item[0] not in names]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, send_with_headers)
