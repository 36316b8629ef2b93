"""What the executor of a stream keeps between its events."""

from __future__ import annotations

from typing import Any

from graphql import build_schema, parse

from graph.executing import Executor, is_awaitable

SCHEMA = "type Query { a: Int } type Subscription { board: Board } type Board { total: Int best: Row } type Row { rank: Int }"


async def test_a_stream_keeps_nothing_of_its_past_events() -> None:
    """The library remembers the fields of each event by lists that it makes anew for it."""
    document = parse("subscription { board { total best { rank } } }")
    stream: Any = Executor.build(build_schema(SCHEMA), document, is_awaitable=is_awaitable)

    kept = []
    for total in range(5):
        board = {"total": total, "best": {"rank": 1}}
        result = stream.build_per_event_executor({"board": board}).execute_operation()
        assert (result.data, result.errors) == ({"board": board}, None)
        kept.append(len(stream._relevant_sub_fields))
    assert kept == [kept[0]] * 5
