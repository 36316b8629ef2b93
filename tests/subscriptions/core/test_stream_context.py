"""What live streams share: authentication before each read, midnight, and streams of a feed with cursors."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from domain.errors.operation_errors import CursorUnknown
from domain.primitives.calendar import Calendar, Weekday
from subscriptions.core import stream_context
from subscriptions.core.stream_context import (
    FROM_NOW,
    feed_stream,
    history_check,
    next_day_start,
    reference_version,
    refresh_viewer,
    with_viewer_topics,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

BERLIN = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(Weekday), None)
UNKNOWN = CursorUnknown("`after` is unknown.", field="after")


class FakeContext(SimpleNamespace):
    """A stream context that records what is done with it."""

    def __init__(self, hub=None, **fields):
        self.calls = []
        defaults = {
            "hub": hub,
            "viewer": "Ann",
            "loaded_employees": {1: "Ann"},
            "reference_cache": None,
            "refresh_viewer": None,
            "start_position": None,
            "services": SimpleNamespace(rewind_count=0),
            "on_caught_up": lambda position: self.calls.append(f"caught up at {position}"),
        }
        super().__init__(**defaults | fields)

    def invalidate(self):
        self.calls.append("invalidate")

    async def calendar(self):
        return BERLIN

    def now(self):
        return self.time


@pytest.fixture(autouse=True)
def sessions(monkeypatch):
    async def reauthenticate(context):
        context.calls.append("reauthenticate")

    functions = SimpleNamespace(reauthenticate=reauthenticate, revocation_topics=lambda viewer: {f"session:{viewer}"})
    monkeypatch.setattr(stream_context, "sessions", functions)


async def test_viewer_is_authenticated_again_and_employees_are_forgotten():
    context = FakeContext()

    await refresh_viewer(context)

    assert (context.calls, context.loaded_employees) == (["reauthenticate"], {})


async def test_shared_stream_refreshes_its_viewer_by_its_own_means():
    async def refresh():
        context.calls.append("refresh")

    context = FakeContext(refresh_viewer=refresh)

    await refresh_viewer(context)

    assert (context.calls, context.loaded_employees) == (["invalidate", "refresh"], {})


async def test_topics_of_the_viewer_company_and_metrics_are_added():
    assert with_viewer_topics(FakeContext(), ["goals"]) == {"goals", "session:Ann", "company", "metrics"}


async def test_reference_version_is_that_of_the_cache_and_0_without_one():
    assert reference_version(FakeContext(reference_cache=SimpleNamespace(version=7))) == 7
    assert reference_version(FakeContext()) == 0


@pytest.mark.parametrize(
    ("time", "midnight"),
    [
        pytest.param(datetime(2026, 11, 18, 22, 59, 59), datetime(2026, 11, 18, 23), id="last second of the day"),
        pytest.param(datetime(2026, 11, 18, 23), datetime(2026, 11, 19, 23), id="midnight"),
        pytest.param(datetime(2026, 10, 25, 12), datetime(2026, 10, 25, 23), id="day of 25 hours"),
    ],
)
async def test_next_day_starts_at_midnight_of_the_company(time, midnight):
    assert await next_day_start(FakeContext(time=time.replace(tzinfo=UTC))) == midnight.replace(tzinfo=UTC)


async def test_history_check_fails_once_the_database_went_back_in_time():
    context = FakeContext()
    check = history_check(context)
    check()
    context.services.rewind_count += 1

    with pytest.raises(CursorUnknown):
        check()
    history_check(context)()  # a check that begins later


class Feed:
    """Rows of a feed by id; the cursor of a row is "c" and its id."""

    def __init__(self, row_count):
        self.rows = [SimpleNamespace(pk=number) for number in range(1, row_count + 1)]

    async def read_after(self, position):
        return [row for row in self.rows if row.pk > position][:2]

    async def find_newest(self):
        return self.rows[-1].pk

    async def find_position(self, cursor):
        return int(cursor[1:]) if cursor.startswith("c") else None

    def stream(self, context, after=None):
        return aclosing(
            feed_stream(
                context,
                ["wins"],
                self.read_after,
                after=after,
                find_newest=self.find_newest,
                find_position=self.find_position,
                unknown_cursor=UNKNOWN,
            )
        )


async def read_ids(stream, count):
    return [(await anext(stream)).pk for _ in range(count)]


async def receive_next(hub, feed, stream):
    """Add a row once the stream waits, and return the id of the next row that the stream sends."""
    received = asyncio.create_task(anext(stream))
    for _ in range(20):
        await asyncio.sleep(0)
    feed.rows.append(SimpleNamespace(pk=feed.rows[-1].pk + 1))
    hub.publish_local(["wins"])
    return (await received).pk


@pytest.mark.parametrize(
    ("start_position", "after", "missed"),
    [
        pytest.param(None, None, [], id="from now on"),
        pytest.param(FROM_NOW, "c1", [], id="from now on, though the arguments name a cursor"),
        pytest.param(None, "c2", [3, 4, 5], id="after a cursor"),
        pytest.param(4, "c1", [5], id="after the position of a shared stream"),
        pytest.param(0, None, [1, 2, 3, 4, 5], id="after no row at all"),
    ],
)
async def test_feed_starts_where_it_is_asked_to_and_goes_on(running_hub, start_position, after, missed):
    feed = Feed(row_count=5)
    async with running_hub() as hub, feed.stream(FakeContext(hub, start_position=start_position), after) as stream:
        assert await read_ids(stream, len(missed)) == missed
        assert await receive_next(hub, feed, stream) == 6


async def test_feed_authenticates_before_each_read_and_tells_when_it_has_caught_up(running_hub):
    feed = Feed(row_count=3)
    async with running_hub() as hub:
        context = FakeContext(hub)
        async with feed.stream(context, after="c0") as stream:
            await read_ids(stream, 3)
            assert context.calls == ["reauthenticate"] * 2  # two rows at a time
            assert await receive_next(hub, feed, stream) == 4

    assert context.calls == ["reauthenticate"] * 3 + ["caught up at 3", "reauthenticate"]


async def test_feed_refuses_an_unknown_cursor(running_hub):
    async with running_hub() as hub, Feed(row_count=3).stream(FakeContext(hub), after="x") as stream:
        with pytest.raises(CursorUnknown) as caught:
            await anext(stream)

    assert caught.value is UNKNOWN


async def test_feed_ends_when_the_database_went_back_in_time(running_hub):
    async with running_hub() as hub:
        context = FakeContext(hub)
        async with Feed(row_count=3).stream(context, after="c0") as stream:
            await read_ids(stream, 2)
            context.services.rewind_count += 1

            with pytest.raises(CursorUnknown):
                await anext(stream)
