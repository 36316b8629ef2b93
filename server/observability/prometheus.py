"""What is counted of the process, for Prometheus.

Each process answers for itself: a scraper asks every server, not their balancer. Labels
take few values, whatever clients send: an operation counts under the schema's own field,
never under a name that its document chose.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from server.observability.scheduler_status import Tick
from subscriptions.core.hub import Hub

Kind = Literal["query", "mutation", "subscription", "none"]  # none: the document could not be read
Outcome = Literal["ok", "refused", "failed"]  # refused: by a rule that the client can know; failed: on our side

_METHODS: Final = frozenset({"GET", "POST", "OPTIONS", "WS"})
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REGISTRY: Final = CollectorRegistry()


def _counter(name: str, means: str, *labels: str) -> Counter:
    return Counter(f"scoreline_{name}", means, labels, registry=REGISTRY)


def _gauge(name: str, means: str) -> Gauge:
    return Gauge(f"scoreline_{name}", means, registry=REGISTRY)


REQUESTS: Final = _counter("requests", "HTTP requests by status, and closed sockets by close code.", "method", "status")
REQUEST_SECONDS: Final = Histogram(
    "scoreline_request_seconds", "How long HTTP requests took.", registry=REGISTRY, buckets=_SECONDS
)
OPERATIONS: Final = _counter("operations", "Finished GraphQL operations.", "kind", "field", "outcome")
OPERATION_SECONDS: Final = Histogram(
    "scoreline_operation_seconds", "How long queries and mutations took.", ["kind"], registry=REGISTRY, buckets=_SECONDS
)
SOCKETS: Final = _gauge("sockets_open", "Open WebSockets.")
SUBSCRIPTIONS: Final = _gauge("subscriptions_open", "Running subscriptions.")
PUSHES: Final = _counter("pushes", "Results sent to subscribers.")
DELIVERIES: Final = _counter("deliveries", "Messages to outside channels, attempt by attempt.", "channel", "outcome")
_LISTENERS: Final = _gauge("hub_listeners", "Streams that wait for news; equal ones are one.")
_LOOKED: Final = _gauge(
    "change_log_looked_seconds", "Seconds since the change log was last read: how late news may be."
)
_POSITION: Final = _gauge("change_log_position", "The last position of the change log that was told.")
_DOORBELL: Final = _gauge("hub_doorbell_up", "Whether Redis tells this process at once (1), or it looks by itself (0).")
_CONNECTS: Final = _gauge("hub_connects", "How often the connection to Redis was made: each after the first was a gap.")
_DEATHS: Final = _gauge("hub_deaths", "How often a task of the hub had to be started again.")
_DATABASE: Final = _gauge("database_up", "Whether the change log could be read lately.")
_CLOCK_HELD: Final = _gauge("clock_held", "Whether this server keeps the clock: of all servers one does.")
_CLOCK_TURNED: Final = _gauge("clock_turned_seconds", "Seconds since the clock went round, here or elsewhere.")
_CLOCK_DEATHS: Final = _gauge("clock_deaths", "How often a task of the clock had to be started again.")
_CLOCK_FAILURES: Final = _gauge("clock_failures", "How often a job of the clock failed.")
_LEDGER: Final = _gauge("ledger_entries", "Postings of the ledger.")


def count_request(method: str, status: int, seconds: float) -> None:
    """Count a finished request, or a closed socket as method `WS`; the signature of `RequestLog`'s `finished`."""
    REQUESTS.labels(method if method in _METHODS else "other", str(status) if 100 <= status < 5000 else "other").inc()
    if method != "WS":
        REQUEST_SECONDS.observe(seconds)


def count_operation(kind: Kind, field: str | None, outcome: Outcome, seconds: float | None = None) -> None:
    """Count a finished operation.

    field    its only root field, as found in the schema (not as the client wrote it); None when it has several, or none.
    seconds  how long it took; None for subscriptions, which last as long as their clients like.
    """
    OPERATIONS.labels(kind, field or "other", outcome).inc()
    if seconds is not None:
        OPERATION_SECONDS.labels(kind).observe(seconds)


def render(hub: Hub | None = None, entries: int | None = None, tick: Tick | None = None) -> bytes:
    """Return everything counted, and how the hub and the clock are, in Prometheus' text format."""
    if tick is not None:
        _CLOCK_HELD.set(tick.held)
        _CLOCK_TURNED.set(float("inf") if tick.turned is None else tick.turned)
        _CLOCK_DEATHS.set(tick.deaths)
        _CLOCK_FAILURES.set(tick.failures)
    if hub is not None:
        pulse = hub.pulse
        _LISTENERS.set(pulse.listeners)
        _LOOKED.set(float("inf") if pulse.looked is None else pulse.looked)
        _POSITION.set(pulse.position)
        _DOORBELL.set(pulse.doorbell)
        _CONNECTS.set(pulse.connects)
        _DEATHS.set(pulse.deaths)
        _DATABASE.set(hub.healthy)
    if entries is not None:
        _LEDGER.set(entries)
    return generate_latest(REGISTRY)


def allowed(request: Request, token: SecretStr | None) -> bool:
    """Return whether the asker may know: by the token if one is set, else when he is on this machine.

    A request that a proxy of this machine passed on comes from elsewhere.
    """
    if token is not None:
        wanted = f"Bearer {token.get_secret_value()}"
        return hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted.encode())
    if any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip")) or not request.client:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def response(
    request: Request,
    token: SecretStr | None,
    hub: Hub | None = None,
    entries: int | None = None,
    tick: Tick | None = None,
) -> Response:
    """Answer /metrics; strangers hear that there is nothing."""
    if not allowed(request, token):
        return PlainTextResponse("Not Found", status_code=404)
    return Response(render(hub, entries, tick), headers={"content-type": CONTENT_TYPE_LATEST})
