"""The endpoint `/metrics`: wrong tokens count for their network like all other wrong secrets."""

from __future__ import annotations

import math

from prometheus_client.registry import Collector
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from domain.errors.operation_errors import Throttled
from resolvers.auth import attempts
from resolvers.request.rate_limits import RateLimiterProtocol
from server.observability import prometheus
from server.requests.client_info import anonymous_client


async def answer_metrics(
    request: Request,
    token: SecretStr | None,
    rate_limiter: RateLimiterProtocol,
    collector: Collector,
) -> Response:
    """Answer a scrape: 429 for a network that has sent too many wrong secrets, before the token is compared."""
    network = anonymous_client(request.scope, request.headers).network
    authorization = request.headers.get("authorization")
    if token is not None and authorization is not None:
        wait_seconds = await attempts.seconds_throttled(rate_limiter, network)
        if not wait_seconds and not prometheus.is_allowed(request, token):
            try:
                await attempts.count_wrong_token(rate_limiter, network, authorization)
            except Throttled as error:
                wait_seconds = int(error.extensions["retryAfterMs"]) / 1000
        if wait_seconds:
            return PlainTextResponse("Too Many Requests", 429, {"retry-after": str(math.ceil(wait_seconds))})
    return prometheus.make_metrics_response(request, token, collector)
