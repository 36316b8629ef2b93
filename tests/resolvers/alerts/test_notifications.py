"""Notifications through outside channels: recipients, send times, combined messages, retries and giving up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from models.alerts import outbox
from models.alerts.outbox import Delivery
from models.organization.people import Employee
from resolvers.alerts import notifications
from tests.resolvers.alerts.alert_company import inbox, lost, office, only
from tests.resolvers.two_sellers import goal, won
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with office() as world:
        world.services.channels = frozenset({"chat", "mail"})
        await only(world, "DEAL_LOST", channels=["chat"])
        yield world


async def waiting() -> list[tuple[str, int, datetime | None]]:
    """Return channel, number of alerts and due time of each message, the oldest first."""
    return [(row.channel, len(row.alerts), row.due_at) for row in await Delivery.all().order_by("id")]


async def test_a_message_is_due_at_once_for_each_person_and_channel(world: World) -> None:
    await only(world, "DEAL_LOST", recipients=["MANAGER", "DIRECTORS"], channels=["chat", "mail"])
    await lost(world)

    assert await waiting() == [(channel, 1, world.now) for channel in ("chat", "mail", "chat", "mail")]


async def test_a_message_says_in_the_recipients_language_what_happened_to_whom(world: World) -> None:
    await world.act("updateProfile", "Mia", language="ru")
    deal = await lost(world, reason="дорого")
    [row] = await Delivery.all()
    message = await notifications.written(row)
    assert message is not None
    [alert] = await inbox(world, "Mia")

    assert (message.title, message.text) == (
        "Scoreline: 1 оповещение",
        "Ann: проиграна сделка «Chairs», 100,00 EUR: дорого",
    )
    assert message.payload == {
        "id": row.key,
        "recipient": {"id": world.ids["Mia"], "name": "Mia", "email": "mia@example.com"},
        "alerts": [
            {
                "id": alert["id"],
                "kind": "DEAL_LOST",
                "message": message.text,
                "subject": deal,
                "employee": world.ids["Ann"],
                "occurredAt": world.now.isoformat(),
                "raisedAt": world.now.isoformat(),
                "resolvedAt": None,
            }
        ],
    }


async def test_in_quiet_hours_messages_wait_for_their_end_together(world: World) -> None:
    await world.act("updateProfile", "Mia", quietFrom=9 * 60, quietTo=12 * 60)  # it is ten in Berlin
    for _ in range(2):
        await lost(world)
        world.later(minutes=5)

    assert await waiting() == [("chat", 2, datetime(2026, 11, 18, 11, tzinfo=UTC))]
    world.now = datetime(2026, 11, 18, 11, tzinfo=UTC)
    await lost(world)
    assert [count for _, count, _ in await waiting()] == [2, 1]


async def test_a_digest_gathers_a_day_and_the_inbox_does_not_wait(world: World) -> None:
    await world.act("updateProfile", "Mia", digestAt=18 * 60)
    for _ in range(5):
        await lost(world)
        world.later(hours=3)

    assert await waiting() == [
        ("chat", 3, datetime(2026, 11, 18, 17, tzinfo=UTC)),
        ("chat", 2, datetime(2026, 11, 19, 17, tzinfo=UTC)),
    ]
    assert len(await inbox(world, "Mia")) == 5


async def test_after_a_sleep_there_is_one_message_and_not_four_hundred(world: World) -> None:
    await only(world, "TASK_OVERDUE", channels=["chat"])
    for number in range(1, 401):
        due = (world.now + timedelta(minutes=number)).isoformat()
        await world.act("createTask", "Ann", title=f"Task {number}", dueAt=due)
    await world.passes(days=5)

    assert await waiting() == [("chat", 400, world.now + timedelta(minutes=1))]
    assert (await world.ask("{ viewer { unreadAlerts } }", "Mia"))["viewer"]["unreadAlerts"] == 400


async def test_many_at_one_moment_are_one_message(world: World) -> None:
    await only(world, "TASK_OVERDUE", channels=["chat"])
    for number in range(4):
        await world.act("createTask", "Ann", title=f"Task {number}", dueAt="2026-11-18T10:00:00Z")
    await world.passes(hours=1)

    assert await waiting() == [("chat", 4, world.now)]


async def test_a_message_that_is_being_sent_takes_nothing_more_in(world: World) -> None:
    await world.act("updateProfile", "Mia", digestAt=18 * 60)
    await lost(world)
    [row] = await Delivery.all()
    taken = await outbox.claim(row, world.now, world.now + timedelta(minutes=1))
    assert taken is not None
    assert await outbox.claim(row, world.now, world.now + timedelta(minutes=1)) is None  # by another process
    await lost(world)

    assert [count for _, count, _ in await waiting()] == [1, 1]


async def test_a_failed_message_is_tried_with_growing_pauses_and_dead_after_a_day(world: World) -> None:
    await lost(world)
    pauses, dead, began = [], False, world.now
    while not dead:
        [row] = await outbox.due(world.now, 10)
        taken = await outbox.claim(row, world.now, world.now + timedelta(minutes=1))
        assert taken is not None
        dead = await notifications.failed(taken, world.now, 0.0)
        if not dead:
            [row] = await Delivery.all()
            assert row.due_at is not None
            pauses.append((row.due_at - world.now).total_seconds())
            world.now = row.due_at

    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == 600
    assert timedelta(days=1) <= world.now - began < timedelta(days=1, minutes=10)
    assert await outbox.due(world.now + timedelta(days=9), 10) == []


async def test_what_has_settled_meanwhile_is_said_so(world: World) -> None:
    await world.act("reopenDeal", "Ann", id=await lost(world))
    [row] = await Delivery.all()

    message = await notifications.written(row)
    assert message is not None
    assert message.text.endswith("(settled since)")


async def test_an_alert_that_comes_while_its_message_is_being_taken_is_another_message(world: World) -> None:
    await world.act("updateProfile", "Mia", digestAt=18 * 60)
    await lost(world)
    [read] = await Delivery.all()
    await outbox.claim(read, world.now, world.now + timedelta(minutes=1))

    assert not await outbox.take_in(read, [2])
    assert [row.alerts for row in await Delivery.all()] == [[1]]


async def said_to_mia() -> list[str]:
    """Return the lines of the only message to Mia."""
    [row] = await Delivery.filter(recipient__name="Mia")
    message = await notifications.written(row)
    return message.text.splitlines() if message else []


async def test_what_a_recipient_may_no_longer_see_when_his_digest_leaves_is_not_in_it(world: World) -> None:
    await world.hire("Eve", "North")
    await world.act("updateProfile", "Mia", digestAt=18 * 60)
    await lost(world, title="Chairs")
    await lost(world, "Eve", title="Tables")
    await world.act("updateEmployee", id=world.ids["Eve"], team=world.ids["South"])
    assert await said_to_mia() == ["Ann: deal lost: “Chairs”, 100.00 EUR"]

    await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Max"])
    assert await said_to_mia() == []
    await world.act("updateEmployee", id=world.ids["Ann"], manager=world.ids["Mia"])
    assert await said_to_mia() == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_the_same_holds_of_the_goals_of_teams_and_of_what_he_hears_of_himself(world: World) -> None:
    await only(world, "GOAL_ACHIEVED", channels=["chat"], recipients=["MANAGER", "EMPLOYEE"])
    await world.act("updateProfile", "Mia", digestAt=18 * 60)
    for owner in ("North", "Ann", "Mia"):
        await goal(world, owner, "deals_won", "1")
    await won(world)
    await won(world, "Mia")
    assert [line.partition(":")[0] for line in await said_to_mia()] == ["• North", "• Ann", "• Mia"]

    await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Max"])
    await world.act("updateEmployee", id=world.ids["Mia"], team=world.ids["South"], role="EMPLOYEE")
    assert [line.partition(":")[0] for line in await said_to_mia()] == ["Mia"]


async def test_who_wants_quiet_is_left_in_it_also_by_what_was_due_before(world: World) -> None:
    await lost(world)
    await world.act("updateProfile", "Mia", quietFrom=10 * 60, quietTo=12 * 60)
    rows = await outbox.due(world.now, 10)
    assert await notifications.awake(rows, world.now) == []
    assert await waiting() == [("chat", 1, datetime(2026, 11, 18, 11, tzinfo=UTC))]

    world.now = datetime(2026, 11, 18, 11, tzinfo=UTC)
    assert len(await notifications.awake(await outbox.due(world.now, 10), world.now)) == 1


async def test_who_has_left_is_sent_nothing_more(world: World) -> None:
    await lost(world)
    await world.act("updateEmployee", id=world.ids["Mia"], active=False)
    [row] = await Delivery.all()

    assert await notifications.written(row) is None


@pytest.fixture
async def room(world: World) -> World:
    """The same company with a shared chat, in which Mia and the directors are alerted of lost deals."""
    world.services.channels |= {"room"}
    world.services.shared = frozenset({"room"})
    await only(world, "DEAL_LOST", recipients=["MANAGER", "DIRECTORS"], channels=["room", "mail"])
    return world


async def heard_by() -> list[list[str]]:
    """Return the recipients of each message to the chat, the oldest first."""
    names = {row.id: row.name for row in await Employee.all()}
    rows = await Delivery.filter(channel="room").order_by("id")
    return [[names[number] for number in row.recipients] for row in rows]


async def said_in_the_room(world: World) -> list[str] | None:
    """Return the lines of the messages to the chat that may be sent now; None if there are none."""
    rows = await notifications.awake(await outbox.due(world.now, 10, channel="room"), world.now)
    messages = [await notifications.written(row) for row in rows]
    return [line for message in messages if message for line in message.text.splitlines()] if rows else None


async def test_a_chat_is_told_once_whoever_hears_it_and_mail_goes_to_each(room: World) -> None:
    await lost(room)

    assert [channel for channel, *_ in await waiting()] == ["room", "mail", "mail"]
    assert await heard_by() == [["Mia", "Dora"]]
    assert await said_in_the_room(room) == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_several_rules_that_tell_of_the_same_tell_a_chat_once(room: World) -> None:
    await only(room, "DEAL_STALLED", days=14, channels=["room"])
    await room.act("createAlertRule", kind="DEAL_STALLED", days=14, recipients=["DIRECTORS"], channels=["room"])
    await room.act("createAlertRule", kind="DEAL_STALLED", days=15, recipients=["DIRECTORS"], channels=["room"])
    await room.act("recordDeal", "Ann", title="Chairs", amount={"amount": "100"})
    await room.passes(days=14, seconds=1)
    assert await heard_by() == [["Mia", "Dora"]]

    await room.passes(days=1)
    assert await heard_by() == [["Mia", "Dora"], ["Dora"]]
    assert [len(await inbox(room, who)) for who in ("Mia", "Dora")] == [1, 2]


async def test_a_goal_behind_by_two_rules_is_told_a_chat_once(room: World) -> None:
    await only(room, "GOAL_BEHIND", percent=10, channels=["room"])
    await room.act("createAlertRule", kind="GOAL_BEHIND", percent=20, recipients=["DIRECTORS"], channels=["room"])
    await goal(room, "Ann", "deals_won", "10")
    await room.passes(seconds=1)

    assert await heard_by() == [["Mia", "Dora"]]


async def test_a_chat_hears_when_the_first_of_those_it_is_for_may(room: World) -> None:
    await room.act("updateProfile", "Mia", quietFrom=9 * 60, quietTo=12 * 60)  # it is ten in Berlin
    await lost(room, title="Chairs")
    await room.act("updateProfile", "Dora", quietFrom=9 * 60, quietTo=11 * 60)
    for title in ("Tables", "Lamps"):
        await lost(room, title=title)
        room.later(minutes=5)

    rows = await Delivery.filter(channel="room").order_by("id")
    assert [(len(row.alerts), row.due_at) for row in rows] == [
        (1, datetime(2026, 11, 18, 9, tzinfo=UTC)),
        (2, datetime(2026, 11, 18, 10, tzinfo=UTC)),
    ]


async def test_what_is_for_others_too_is_another_message_to_a_chat(room: World) -> None:
    for who in ("Mia", "Max", "Dora"):
        await room.act("updateProfile", who, digestAt=18 * 60)
    for who in ("Ann", "Bob", "Ann"):
        await lost(room, who)

    assert await heard_by() == [["Mia", "Dora"], ["Max", "Dora"]]
    assert [len(row.alerts) for row in await Delivery.filter(channel="room").order_by("id")] == [2, 1]


async def test_when_it_leaves_a_chat_waits_only_for_those_who_may_still_see_it(room: World) -> None:
    await lost(room)
    await room.act("updateProfile", "Mia", quietFrom=10 * 60, quietTo=12 * 60)
    assert await said_in_the_room(room) is not None

    await room.act("updateEmployee", id=room.ids["Dora"], role="EMPLOYEE")
    assert await said_in_the_room(room) is None
    room.now = datetime(2026, 11, 18, 11, tzinfo=UTC)
    assert await said_in_the_room(room) == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_a_chat_is_not_told_what_none_of_those_it_is_for_may_see(room: World) -> None:
    await lost(room)
    await room.act("updateTeam", id=room.ids["North"], manager=room.ids["Max"])
    assert await said_in_the_room(room) == ["Ann: deal lost: “Chairs”, 100.00 EUR"]

    await room.act("updateEmployee", id=room.ids["Dora"], active=False)
    assert await said_in_the_room(room) == []
