"""Outside notification channels: signed webhooks, and mail and chat services through Apprise.

`SCORELINE_CHANNELS` holds a line `NAME=ADDRESS` for each channel, or a JSON object. An http or https
address is a webhook; its fragment (after `#`) is the secret that signs the requests. Every other
address belongs to Apprise, which is imported only if a channel needs it. Addresses contain secrets, so
no error, log or response repeats them.

Channels are configured by the operator of the server, so a webhook may be in a private network;
redirects are not followed and proxies are not used.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, urlsplit

import orjson

from resolvers.alerts.notifications import NotificationMessage

if TYPE_CHECKING:
    from apprise import Apprise

CHANNEL_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,49}")
MIN_SECRET_LENGTH: Final = 16  # characters
TIMEOUT_SECONDS: Final = 10.0  # for a whole attempt
_SAFE_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=~"  # not to be quoted in a path
_WEBHOOK_SCHEMES: Final = ("http", "https")
_MAIL_SCHEMES: Final = ("mailto", "mailtos")
_LOGGERS_WITH_ADDRESSES: Final = ("apprise", "urllib3")  # loggers silenced, since they log addresses with secrets


class DeliveryError(Exception):
    """A failed attempt. Its text contains no secrets. `permanent`: no further attempt can succeed."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class NotificationChannel(Protocol):
    async def send(self, message: NotificationMessage) -> None:
        """Send a message. Raises DeliveryError."""


def parse_channels(text: str) -> dict[str, str]:
    """Parse the setting into addresses by channel name. Raises ValueError, which repeats nothing of the text."""
    if text.lstrip().startswith("{"):
        try:
            addresses: dict[str, str] = json.loads(text)
        except json.JSONDecodeError:
            raise ValueError("not JSON") from None
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not all("=" in line for line in lines):
            raise ValueError("a line without =")
        addresses = {name.strip(): address.strip() for name, _, address in (line.partition("=") for line in lines)}
        if len(addresses) < len(lines):
            raise ValueError("a duplicate name")
    for name, address in addresses.items():
        if not CHANNEL_NAME.fullmatch(name) or not isinstance(address, str) or "://" not in address:
            raise ValueError("an invalid name or address")
        parts = urlsplit(address)
        if parts.scheme.lower() not in _WEBHOOK_SCHEMES:
            continue
        if not parts.hostname or parts.port == 0 or len(parts.fragment) < MIN_SECRET_LENGTH:
            raise ValueError("a webhook without a host or a secret")
        if parts.username is not None:
            raise ValueError("a webhook with a password: webhooks are signed and do not sign in")
    return addresses


def create_channels(addresses: Mapping[str, str], clock: Callable[[], datetime]) -> dict[str, NotificationChannel]:
    """Create the channel of each address, by name."""
    return {
        name: WebhookChannel(address, clock)
        if urlsplit(address).scheme.lower() in _WEBHOOK_SCHEMES
        else AppriseChannel(address)
        for name, address in addresses.items()
    }


def shared_channels(addresses: Mapping[str, str]) -> frozenset[str]:
    """Return the names of channels that are one place shared by all recipients.

    That is all but webhooks (their payload names the recipient) and mail that is addressed to each recipient.
    """
    return frozenset(
        name
        for name, address in addresses.items()
        if urlsplit(address).scheme.lower() not in _WEBHOOK_SCHEMES and not _lacks_recipient(address)
    )


def find_mail_channel(addresses: Mapping[str, str]) -> str | None:
    """Return the name of the first channel that sends mail to the recipient's own address, or None."""
    return next((name for name, address in addresses.items() if _lacks_recipient(address)), None)


def find_misconfigured(addresses: Mapping[str, str]) -> str | None:
    """Return a sentence that names the channels with an address unknown to Apprise, or None."""
    apprise_addresses = {
        name: address for name, address in addresses.items() if urlsplit(address).scheme.lower() not in _WEBHOOK_SCHEMES
    }
    unknown = [name for name, address in apprise_addresses.items() if _create_service(address) is None]
    return f"{', '.join(unknown)}: Apprise does not recognize the address." if unknown else None


def compute_signature(secret: str, timestamp: int, body: bytes) -> str:
    """Return the HMAC-SHA256 of timestamp, a dot and body in hexadecimal; receivers compute it again to verify."""
    return hmac.new(secret.encode(), b"%d.%s" % (timestamp, body), hashlib.sha256).hexdigest()


class WebhookChannel:
    """Posts messages to a webhook as signed JSON; `timeout`: seconds for a whole attempt."""

    def __init__(self, address: str, clock: Callable[[], datetime], timeout: float = TIMEOUT_SECONDS) -> None:
        parts = urlsplit(address)
        self._tls = parts.scheme.lower() == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._path = (quote(parts.path, safe=_SAFE_PATH_CHARACTERS) or "/") + (
            f"?{quote(parts.query, safe=_SAFE_PATH_CHARACTERS + '?')}" if parts.query else ""
        )
        self._secret, self._clock, self._timeout = parts.fragment, clock, timeout

    @cached_property
    def _tls_context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context() if self._tls else None

    async def send(self, message: NotificationMessage) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._post(self._request(message))
        except TimeoutError:
            raise DeliveryError("no answer in time") from None
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise DeliveryError(type(error).__name__) from None
        if not 200 <= status < 300:
            raise DeliveryError(f"answered {status}")

    def _request(self, message: NotificationMessage) -> bytes:
        body, timestamp = orjson.dumps(message.payload), int(self._clock().timestamp())
        lines = [
            f"POST {self._path} HTTP/1.1",
            f"Host: {self._authority}",
            "User-Agent: Scoreline",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"X-Scoreline-Delivery: {message.id}",
            f"X-Scoreline-Timestamp: {timestamp}",
            f"X-Scoreline-Signature: v1={compute_signature(self._secret, timestamp, body)}",
            "Connection: close",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    async def _post(self, request: bytes) -> int:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls_context, limit=65_536)
        try:
            writer.write(request)
            await writer.drain()
            return await _read_status(reader)
        finally:
            writer.transport.abort()  # the status is known; do not wait for a slow receiver to close


async def _read_status(reader: asyncio.StreamReader) -> int:
    """Read the status of the response, skipping provisional (1xx) responses."""
    while True:
        version, status, *_ = (await reader.readuntil(b"\n")).decode("latin-1").split(maxsplit=2)
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP")
        if int(status) >= 200:
            return int(status)
        while (await reader.readuntil(b"\n")).strip():
            continue


class AppriseChannel:
    """Sends through a service of Apprise; mail goes to the recipient's own address unless the channel's names one."""

    def __init__(self, address: str) -> None:
        self._address, self._needs_recipient = address, _lacks_recipient(address)

    @cached_property
    def _executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(2, thread_name_prefix="channel")  # own threads: a hanging channel blocks no other

    async def send(self, message: NotificationMessage) -> None:
        address = self._address
        if self._needs_recipient:
            if message.email is None:
                raise DeliveryError("the recipient has no e-mail address", permanent=True)
            address += f"{'&' if '?' in address else '?'}to={quote(message.email)}"
        notification = asyncio.get_running_loop().run_in_executor(self._executor, _notify, address, message)
        try:
            sent = await asyncio.wait_for(notification, 3 * TIMEOUT_SECONDS)
        except TimeoutError:
            raise DeliveryError("no answer in time") from None
        except DeliveryError:
            raise
        except Exception as error:  # noqa: BLE001 - each of the many services has its own errors
            raise DeliveryError(type(error).__name__) from None
        if not sent:
            raise DeliveryError("the service refused the message or did not answer")


def _lacks_recipient(address: str) -> bool:
    """Return whether the address is a mail address that names no recipient."""
    parts = urlsplit(address)
    has_recipient = parts.path.strip("/") or re.search(r"(^|&)to=", parts.query, re.IGNORECASE)
    return parts.scheme.lower() in _MAIL_SCHEMES and not has_recipient


def _notify(address: str, message: NotificationMessage) -> bool:
    service = _create_service(address)
    if service is None:
        raise DeliveryError("Apprise does not recognize the address")
    return bool(service.notify(title=message.title, body=message.text, body_format="text"))


def _create_service(address: str) -> Apprise | None:
    import apprise  # imported late, since it is slow to load

    for name in _LOGGERS_WITH_ADDRESSES:
        logging.getLogger(name).handlers[:] = [logging.NullHandler()]
        logging.getLogger(name).propagate = False
    service = apprise.Apprise()
    return service if service.add(address) else None
