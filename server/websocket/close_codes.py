"""Close codes of graphql-transport-ws and RFC 6455, and the exception that closes a connection with one.

Client libraries treat some codes as fatal and never connect again: graphql-ws (which Apollo and urql use) those from
1000 to 1999 except 1000, 1001, 1005, 1006 and 1012 to 1014, and 4004, 4005, 4400, 4401, 4406, 4409 and 4429. A fault
that a new connection may cure is therefore never closed with 1011, the code for internal errors.
"""

from __future__ import annotations

from typing import Final

GOING_AWAY: Final = 1001  # the client is gone or asleep
SERVICE_RESTART: Final = 1012
TRY_AGAIN_LATER: Final = 1013
INVALID_MESSAGE: Final = 4400
UNAUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
SUBPROTOCOL_NOT_ACCEPTABLE: Final = 4406
INIT_TIMEOUT: Final = 4408
SUBSCRIBER_EXISTS: Final = 4409
TOO_MANY_INITS: Final = 4429


class CloseConnection(Exception):
    """Raised to close the socket with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
