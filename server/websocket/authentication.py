"""Authenticates the clients of WebSockets by a token in a message."""

from __future__ import annotations

from dataclasses import replace

from domain.errors.operation_errors import Throttled, Unauthenticated
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import choose_language
from resolvers.request.viewer import Viewer
from server.context_factory import ContextFactory
from server.requests.client_info import find_bearer_token, with_token
from server.websocket import close_codes
from server.websocket.close_codes import CloseConnection
from server.websocket.recent_viewers import RecentViewers


async def authenticate(
    context_factory: ContextFactory, client: ClientInfo, authorization: object
) -> tuple[ClientInfo, Viewer]:
    """Return the client with its token and language, and its viewer. Raises CloseConnection if the token is not valid.

    authorization  value of `Authorization` in the payload of a message, or of the header of the handshake.
    """
    try:
        # as for a query: sockets that open together share the viewer, which they do not change
        context = await context_factory.create_for_request(with_token(client, authorization), is_query=True)
    except Unauthenticated as error:
        raise CloseConnection(close_codes.FORBIDDEN, f"{error.code}: {error.message}") from None
    except Throttled as error:
        raise CloseConnection(close_codes.TRY_AGAIN_LATER, str(error)) from None
    if context.current_viewer is None:
        raise CloseConnection(
            close_codes.FORBIDDEN, "UNAUTHENTICATED: send an access token as `Authorization` of connection_init"
        )
    return replace(context.client, language=context.language), context.current_viewer


def authenticate_again(
    recent_viewers: RecentViewers, client: ClientInfo, authorization: object
) -> tuple[ClientInfo, Viewer] | None:
    """Return what `authenticate` does, for a token that was checked lately; None if the token must be checked."""
    token = find_bearer_token(authorization)
    entry = recent_viewers.find(token) if token is not None else None
    if entry is None:
        return None
    language = choose_language(client, entry.viewer)
    return ClientInfo(entry.token, language, client.address, client.request_id), entry.viewer
