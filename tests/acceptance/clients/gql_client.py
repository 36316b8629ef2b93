"""A dashboard in Python: subscribes to the leaderboard with gql and prints what happens, as `client.mjs` does.

Its argument is the JSON object of `client.mjs`. gql connects again by itself; subscriptions are made again here, since
gql ends them when the connection is lost.
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from datetime import UTC, datetime
from typing import Any

from gql import Client, gql
from gql.client import ReconnectingAsyncClientSession
from gql.transport.exceptions import TransportClosed, TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport
from tenacity import retry, wait_random_exponential

OPTIONS = json.loads(sys.argv[1])
QUERY = gql("subscription { leaderboard { total } }")
REFRESH = """mutation($token: String!) { refreshSession(refreshToken: $token) {
  accessToken refreshToken expiresAt userErrors { message } } }"""


def report(event: str, **details: Any) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


class Transport(WebsocketsTransport):
    """Sends a valid token with each connection, and reports connections."""

    session: dict[str, Any] = OPTIONS

    async def connect(self) -> None:
        if (datetime.fromisoformat(self.session["expiresAt"]) - datetime.now(UTC)).total_seconds() < 0.5:
            await self.refresh_session()
        self.init_payload = {"Authorization": f"Bearer {self.session['accessToken']}"}
        await super().connect()
        report("connected")

    async def refresh_session(self) -> None:
        body = json.dumps({"query": REFRESH, "variables": {"token": self.session["refreshToken"]}}).encode()
        request = urllib.request.Request(
            f"http://{OPTIONS['address']}/graphql", body, {"Content-Type": "application/json"}
        )
        response = await asyncio.to_thread(lambda: json.load(urllib.request.urlopen(request, timeout=60)))
        self.session = response["data"]["refreshSession"]

    async def renew_token(self) -> None:
        """Hand a new token to the open socket."""
        await asyncio.sleep(1)
        await self.refresh_session()
        await self.send_ping({"Authorization": f"Bearer {self.session['accessToken']}"})
        await self.pong_received.wait()
        report("pong", **self.payloads["pong"])


async def subscribe(session: ReconnectingAsyncClientSession) -> None:
    """Print the states of the leaderboard; subscribe again after each loss of the connection."""
    while True:
        try:
            async for result in session.subscribe(QUERY):
                report("state", total=result["leaderboard"]["total"])
        except (TransportConnectionFailed, TransportClosed) as error:
            cause = error.__cause__
            report("closed", code=getattr(getattr(cause, "rcvd", None), "code", 1006), reason=repr(cause))
        await asyncio.sleep(0.2)


async def main() -> None:
    transport = Transport(url=f"ws://{OPTIONS['address']}/graphql")
    retry_connect = retry(wait=wait_random_exponential(max=5))
    session = await Client(transport=transport).connect_async(reconnecting=True, retry_connect=retry_connect)
    if OPTIONS["renews"]:
        await asyncio.gather(subscribe(session), transport.renew_token())
    await subscribe(session)


asyncio.run(main())
