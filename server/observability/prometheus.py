"""Prometheus metrics of the process.

Each process exports its own metrics: scrape every server, not the load balancer. Label values are bounded whatever
clients send: an operation is counted under its root field in the schema, not under a name from the document.
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

Kind = Literal["query", "mutation", "subscription", "none"]  # none: the document could not be parsed
Outcome = Literal["ok", "refused", "failed"]  # refused: error of the client; failed: error of the server

_METHODS: Final = frozenset({"GET", "POST", "OPTIONS", "WS"})
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REGISTRY: Final = CollectorRegistry()


def _counter(name: str, means: str, *labels: str) -> Counter:
    return Counter(f"scoreline_{name}", means, labels, registry=REGISTRY)


def _gauge(name: str, means: str) -> Gauge:
    return Gauge(f"scoreline_{name}", means, registry=REGISTRY)


REQUESTS: Final = _counter("requests", "HTTP requests by status, closed WebSockets by close code.", "method", "status")
REQUEST_SECONDS: Final = Histogram(
    "scoreline_request_seconds", "Duration of HTTP requests.", registry=REGISTRY, buckets=_SECONDS
)
OPERATIONS: Final = _counter("operations", "Finished GraphQL operations.", "kind", "field", "outcome")
OPERATION_SECONDS: Final = Histogram(
    "scoreline_operation_seconds", "Duration of queries and mutations.", ["kind"], registry=REGISTRY, buckets=_SECONDS
)
SOCKETS: Final = _gauge("sockets_open", "Open WebSockets.")
SUBSCRIPTIONS: Final = _gauge("subscriptions_open", "Running subscriptions.")
PUSHES: Final = _counter("pushes", "Results sent to subscribers.")
DELIVERIES: Final = _counter("deliveries", "Attempts to send to an external channel.", "channel", "outcome")
_LISTENERS: Final = _gauge("hub_listeners", "Listeners waiting for news; equal subscriptions share one.")
_LOOKED: Final = _gauge(
    "change_log_looked_seconds", "Seconds since the change log was last read: the most that news may be late."
)
_POSITION: Final = _gauge("change_log_position", "Last change-log position delivered to listeners.")
_DOORBELL: Final = _gauge("hub_doorbell_up", "Whether Redis is connected; if not, the process polls.")
_CONNECTS: Final = _gauge("hub_connects", "Connections made to Redis: each after the first followed a gap.")
_DEATHS: Final = _gauge("hub_deaths", "Restarts of the hub's tasks.")
_DATABASE: Final = _gauge("database_up", "Whether the change log was read recently.")
_CLOCK_HELD: Final = _gauge("clock_held", "1 on the server that runs the scheduled jobs, else 0.")
_CLOCK_TURNED: Final = _gauge("clock_turned_seconds", "Seconds since the scheduler last ran, on any server.")
_CLOCK_DEATHS: Final = _gauge("clock_deaths", "Restarts of the scheduler's tasks.")
_CLOCK_FAILURES: Final = _gauge("clock_failures", "Failed scheduled jobs.")
_LEDGER: Final = _gauge("ledger_entries", "Entries of the score ledger.")


def count_request(method: str, status: int, seconds: float) -> None:
    """Count a finished request, or a closed socket as method `WS`. Used as `on_finished` of `RequestLogMiddleware`."""
    REQUESTS.labels(method if method in _METHODS else "other", str(status) if 100 <= status < 5000 else "other").inc()
    if method != "WS":
        REQUEST_SECONDS.observe(seconds)


def count_operation(kind: Kind, field: str | None, outcome: Outcome, seconds: float | None = None) -> None:
    """Count a finished operation.

    field    its only root field, by its name in the schema (not an alias); None if it has several or none.
    seconds  duration; None for subscriptions, which last as long as the client wants.
    """
    OPERATIONS.labels(kind, field or "other", outcome).inc()
    if seconds is not None:
        OPERATION_SECONDS.labels(kind).observe(seconds)


def render(hub: Hub | None = None, entries: int | None = None, tick: Tick | None = None) -> bytes:
    """Return all metrics, with the current state of the hub and the scheduler, in the Prometheus text format."""
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
    """Return whether the request may read metrics: by the token if one is set, else only from this machine.

    A request with forwarding headers came through a local proxy, so it counts as remote.
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
    """Answer `/metrics`: 404 for requests that are not allowed, so that the path looks absent."""
    if not allowed(request, token):
        return PlainTextResponse("Not Found", status_code=404)
    return Response(render(hub, entries, tick), headers={"content-type": CONTENT_TYPE_LATEST})
