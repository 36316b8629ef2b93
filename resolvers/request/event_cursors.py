"""Cursors of event streams: the position of an event, with the epoch of the history in which it is that event."""

from __future__ import annotations

from domain.primitives.global_ids import decode_global_id
from models.db.keyset_pagination import decode_cursor, encode_cursor
from resolvers.request.context import RequestContext


def encode_event_cursor(context: RequestContext, position: int) -> str:
    """Return the cursor of an event; the lists of the same events have equal ones."""
    epoch = context.services.epoch
    return encode_cursor([position, epoch] if epoch else [position])


def parse_event_cursor(context: RequestContext, cursor: str, type_name: str) -> int | None:
    """Return the position in a cursor, or in the global id of an event of the type.

    None if it is neither, or a cursor of another epoch: its event may be gone, and its position that of another one.
    """
    type_and_id = decode_global_id(cursor)
    if type_and_id is not None and type_and_id[0] == type_name:
        return type_and_id[1]
    match decode_cursor(cursor):
        case [int(position)]:
            return position
        case [int(position), str(epoch)] if epoch == (context.services.epoch or epoch):
            return position
    return None
