"""Notifications through outside channels: recipients, send times, combined messages, retries and giving up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from models.alerts import outbox
from models.alerts.outbox import Delivery
from models.organization.people import Employee
from resolvers.alerts import notifications
from tests.resolvers.alerts.alert_company import fetch_inbox, lose_deal, open_company, set_only_rule
from tests.resolvers.two_sellers import record_won_deal, set_goal
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        world.services.notification_channels = frozenset({"chat", "mail"})
        await set_only_rule(world, "DEAL_LOST", channels=["chat"])
        yield world


async def list_deliveries() -> list[tuple[str, int, datetime | None]]:
    """Return channel, number of alerts and due time of each message, the oldest first."""
    return [(row.channel, len(row.alerts), row.due_at) for row in await Delivery.all().order_by("id")]


async def test_message_is_due_at_once_for_each_recipient_and_channel(world: World) -> None:
    await set_only_rule(world, "DEAL_LOST", recipients=["MANAGER", "DIRECTORS"], channels=["chat", "mail"])
    await lose_deal(world)

    assert await list_deliveries() == [(channel, 1, world.now) for channel in ("chat", "mail", "chat", "mail")]


async def test_message_is_rendered_in_the_recipients_language(world: World) -> None:
    await world.mutate("updateProfile", "Mia", language="ru")
    deal = await lose_deal(world, reason="дорого")
    [row] = await Delivery.all()
    message = await notifications.render(row)
    assert message is not None
    [alert] = await fetch_inbox(world, "Mia")

    assert (message.title, message.text) == (
        "Scoreline: 1 оповещение",
        "Ann: проиграна сделка «Chairs», 100,00 EUR: дорого",
    )
    assert message.payload == {
        "id": row.key,
        "recipient": {"id": world.global_ids["Mia"], "name": "Mia", "email": "mia@example.com"},
        "alerts": [
            {
                "id": alert["id"],
                "kind": "DEAL_LOST",
                "message": message.text,
                "subject": deal,
                "employee": world.global_ids["Ann"],
                "occurredAt": world.now.isoformat(),
                "raisedAt": world.now.isoformat(),
                "resolvedAt": None,
            }
        ],
    }


async def test_alerts_in_quiet_hours_wait_in_one_message(world: World) -> None:
    await world.mutate("updateProfile", "Mia", quietFrom=9 * 60, quietTo=12 * 60)  # it is ten in Berlin
    for _ in range(2):
        await lose_deal(world)
        world.advance(minutes=5)

    assert await list_deliveries() == [("chat", 2, datetime(2026, 11, 18, 11, tzinfo=UTC))]
    world.now = datetime(2026, 11, 18, 11, tzinfo=UTC)
    await lose_deal(world)
    assert [count for _, count, _ in await list_deliveries()] == [2, 1]


async def test_digest_collects_a_day_of_alerts_without_delaying_the_inbox(world: World) -> None:
    await world.mutate("updateProfile", "Mia", digestAt=18 * 60)
    for _ in range(5):
        await lose_deal(world)
        world.advance(hours=3)

    assert await list_deliveries() == [
        ("chat", 3, datetime(2026, 11, 18, 17, tzinfo=UTC)),
        ("chat", 2, datetime(2026, 11, 19, 17, tzinfo=UTC)),
    ]
    assert len(await fetch_inbox(world, "Mia")) == 5


async def test_late_alerts_are_combined_into_one_message_after_downtime(world: World) -> None:
    await set_only_rule(world, "TASK_OVERDUE", channels=["chat"])
    for number in range(1, 401):
        due = (world.now + timedelta(minutes=number)).isoformat()
        await world.mutate("createTask", "Ann", title=f"Task {number}", dueAt=due)
    await world.advance_and_run_jobs(days=5)

    assert await list_deliveries() == [("chat", 400, world.now + timedelta(minutes=1))]
    assert (await world.query("{ viewer { unreadAlerts } }", "Mia"))["viewer"]["unreadAlerts"] == 400


async def test_many_simultaneous_alerts_are_one_message(world: World) -> None:
    await set_only_rule(world, "TASK_OVERDUE", channels=["chat"])
    for number in range(4):
        await world.mutate("createTask", "Ann", title=f"Task {number}", dueAt="2026-11-18T10:00:00Z")
    await world.advance_and_run_jobs(hours=1)

    assert await list_deliveries() == [("chat", 4, world.now)]


async def test_message_being_sent_takes_no_more_alerts(world: World) -> None:
    await world.mutate("updateProfile", "Mia", digestAt=18 * 60)
    await lose_deal(world)
    [row] = await Delivery.all()
    claimed = await outbox.claim(row, world.now, world.now + timedelta(minutes=1))
    assert claimed is not None
    assert await outbox.claim(row, world.now, world.now + timedelta(minutes=1)) is None  # by another process
    await lose_deal(world)

    assert [count for _, count, _ in await list_deliveries()] == [1, 1]


async def test_failed_message_is_retried_with_growing_delays_and_given_up_after_a_day(world: World) -> None:
    await lose_deal(world)
    delays, is_dead, started_at = [], False, world.now
    while not is_dead:
        [row] = await outbox.find_due(world.now, 10)
        claimed = await outbox.claim(row, world.now, world.now + timedelta(minutes=1))
        assert claimed is not None
        is_dead = await notifications.mark_failed(claimed, world.now, 0.0)
        if not is_dead:
            [row] = await Delivery.all()
            assert row.due_at is not None
            delays.append((row.due_at - world.now).total_seconds())
            world.now = row.due_at

    assert delays[:4] == [5, 10, 20, 40]
    assert max(delays) == 600
    assert timedelta(days=1) <= world.now - started_at < timedelta(days=1, minutes=10)
    assert await outbox.find_due(world.now + timedelta(days=9), 10) == []


@pytest.mark.parametrize("outcome", ["sent", "dropped", "failed for good"])
async def test_message_is_not_due_again_once_it_is_sent_or_given_up(world: World, outcome: str) -> None:
    await lose_deal(world)
    [row] = await outbox.find_due(world.now, 10)

    if outcome == "sent":
        await notifications.mark_sent(row, world.now)
    elif outcome == "dropped":
        await notifications.mark_dropped(row, world.now)
    else:
        assert await notifications.mark_failed(row, world.now, 0.0, permanent=True)

    [row] = await Delivery.all()
    assert (row.sent_at, row.dead_at) == ((world.now, None) if outcome == "sent" else (None, world.now))
    assert await outbox.find_due(world.now + timedelta(days=9), 10) == []


async def test_message_marks_alerts_resolved_before_sending(world: World) -> None:
    await world.mutate("reopenDeal", "Ann", id=await lose_deal(world))
    [row] = await Delivery.all()

    message = await notifications.render(row)
    assert message is not None
    assert message.text.endswith("(settled since)")


async def test_alert_is_not_appended_to_a_message_claimed_meanwhile(world: World) -> None:
    await world.mutate("updateProfile", "Mia", digestAt=18 * 60)
    await lose_deal(world)
    [delivery] = await Delivery.all()
    await outbox.claim(delivery, world.now, world.now + timedelta(minutes=1))

    assert not await outbox.append_alerts(delivery, [2])
    assert [row.alerts for row in await Delivery.all()] == [[1]]


async def lines_for_mia() -> list[str]:
    """Return the lines of the only message to Mia."""
    [row] = await Delivery.filter(recipient__name="Mia")
    message = await notifications.render(row)
    return message.text.splitlines() if message else []


async def test_digest_omits_alerts_the_recipient_may_no_longer_see(world: World) -> None:
    await world.create_employee("Eve", "North")
    await world.mutate("updateProfile", "Mia", digestAt=18 * 60)
    await lose_deal(world, title="Chairs")
    await lose_deal(world, "Eve", title="Tables")
    await world.mutate("updateEmployee", id=world.global_ids["Eve"], team=world.global_ids["South"])
    assert await lines_for_mia() == ["Ann: deal lost: “Chairs”, 100.00 EUR"]

    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Max"])
    assert await lines_for_mia() == []
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], manager=world.global_ids["Mia"])
    assert await lines_for_mia() == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_digest_omits_team_goals_but_keeps_own_goals_after_losing_the_team(world: World) -> None:
    await set_only_rule(world, "GOAL_ACHIEVED", channels=["chat"], recipients=["MANAGER", "EMPLOYEE"])
    await world.mutate("updateProfile", "Mia", digestAt=18 * 60)
    for owner in ("North", "Ann", "Mia"):
        await set_goal(world, owner, "deals_won", "1")
    await record_won_deal(world)
    await record_won_deal(world, "Mia")
    assert [line.partition(":")[0] for line in await lines_for_mia()] == ["• North", "• Ann", "• Mia"]

    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Max"])
    await world.mutate("updateEmployee", id=world.global_ids["Mia"], team=world.global_ids["South"], role="EMPLOYEE")
    assert [line.partition(":")[0] for line in await lines_for_mia()] == ["Mia"]


async def test_due_message_is_postponed_when_quiet_hours_were_set_later(world: World) -> None:
    await lose_deal(world)
    await world.mutate("updateProfile", "Mia", quietFrom=10 * 60, quietTo=12 * 60)
    rows = await outbox.find_due(world.now, 10)
    assert await notifications.defer_quiet_hours(rows, world.now) == []
    assert await list_deliveries() == [("chat", 1, datetime(2026, 11, 18, 11, tzinfo=UTC))]

    world.now = datetime(2026, 11, 18, 11, tzinfo=UTC)
    assert len(await notifications.defer_quiet_hours(await outbox.find_due(world.now, 10), world.now)) == 1


async def test_message_to_inactive_employee_is_not_rendered(world: World) -> None:
    await lose_deal(world)
    await world.mutate("updateEmployee", id=world.global_ids["Mia"], active=False)
    [row] = await Delivery.all()

    assert await notifications.render(row) is None


@pytest.fixture
async def shared_chat(world: World) -> World:
    """The same company with a shared chat, in which Mia and the directors are alerted of lost deals."""
    world.services.notification_channels |= {"room"}
    world.services.shared_channels = frozenset({"room"})
    await set_only_rule(world, "DEAL_LOST", recipients=["MANAGER", "DIRECTORS"], channels=["room", "mail"])
    return world


async def chat_recipients() -> list[list[str]]:
    """Return the recipients of each message to the chat, the oldest first."""
    names = {row.id: row.name for row in await Employee.all()}
    rows = await Delivery.filter(channel="room").order_by("id")
    return [[names[recipient_id] for recipient_id in row.recipient_ids] for row in rows]


async def lines_in_chat(world: World) -> list[str] | None:
    """Return the lines of the messages to the chat that may be sent now; None if there are none."""
    rows = await notifications.defer_quiet_hours(await outbox.find_due(world.now, 10, channel="room"), world.now)
    messages = [await notifications.render(row) for row in rows]
    return [line for message in messages if message for line in message.text.splitlines()] if rows else None


async def test_chat_gets_one_message_and_mail_goes_to_each_recipient(shared_chat: World) -> None:
    await lose_deal(shared_chat)

    assert [channel for channel, *_ in await list_deliveries()] == ["room", "mail", "mail"]
    assert await chat_recipients() == [["Mia", "Dora"]]
    assert await lines_in_chat(shared_chat) == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_several_rules_about_one_occurrence_send_one_chat_message(shared_chat: World) -> None:
    await set_only_rule(shared_chat, "DEAL_STALLED", days=14, channels=["room"])
    await shared_chat.mutate(
        "createAlertRule", kind="DEAL_STALLED", days=14, recipients=["DIRECTORS"], channels=["room"]
    )
    await shared_chat.mutate(
        "createAlertRule", kind="DEAL_STALLED", days=15, recipients=["DIRECTORS"], channels=["room"]
    )
    await shared_chat.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "100"})
    await shared_chat.advance_and_run_jobs(days=14, seconds=1)
    assert await chat_recipients() == [["Mia", "Dora"]]

    await shared_chat.advance_and_run_jobs(days=1)
    assert await chat_recipients() == [["Mia", "Dora"], ["Dora"]]
    assert [len(await fetch_inbox(shared_chat, employee)) for employee in ("Mia", "Dora")] == [1, 2]


async def test_goal_behind_by_two_rules_sends_one_chat_message(shared_chat: World) -> None:
    await set_only_rule(shared_chat, "GOAL_BEHIND", percent=10, channels=["room"])
    await shared_chat.mutate(
        "createAlertRule", kind="GOAL_BEHIND", percent=20, recipients=["DIRECTORS"], channels=["room"]
    )
    await set_goal(shared_chat, "Ann", "deals_won", "10")
    await shared_chat.advance_and_run_jobs(seconds=1)

    assert await chat_recipients() == [["Mia", "Dora"]]


async def test_chat_message_is_sent_when_the_first_recipient_allows_it(shared_chat: World) -> None:
    await shared_chat.mutate("updateProfile", "Mia", quietFrom=9 * 60, quietTo=12 * 60)  # it is ten in Berlin
    await lose_deal(shared_chat, title="Chairs")
    await shared_chat.mutate("updateProfile", "Dora", quietFrom=9 * 60, quietTo=11 * 60)
    for title in ("Tables", "Lamps"):
        await lose_deal(shared_chat, title=title)
        shared_chat.advance(minutes=5)

    rows = await Delivery.filter(channel="room").order_by("id")
    assert [(len(row.alerts), row.due_at) for row in rows] == [
        (1, datetime(2026, 11, 18, 9, tzinfo=UTC)),
        (2, datetime(2026, 11, 18, 10, tzinfo=UTC)),
    ]


async def test_chat_messages_are_separate_for_different_recipients(shared_chat: World) -> None:
    for employee in ("Mia", "Max", "Dora"):
        await shared_chat.mutate("updateProfile", employee, digestAt=18 * 60)
    for employee in ("Ann", "Bob", "Ann"):
        await lose_deal(shared_chat, employee)

    assert await chat_recipients() == [["Mia", "Dora"], ["Max", "Dora"]]
    assert [len(row.alerts) for row in await Delivery.filter(channel="room").order_by("id")] == [2, 1]


async def test_chat_message_waits_only_for_recipients_who_may_see_it(shared_chat: World) -> None:
    await lose_deal(shared_chat)
    await shared_chat.mutate("updateProfile", "Mia", quietFrom=10 * 60, quietTo=12 * 60)
    assert await lines_in_chat(shared_chat) is not None

    await shared_chat.mutate("updateEmployee", id=shared_chat.global_ids["Dora"], role="EMPLOYEE")
    assert await lines_in_chat(shared_chat) is None
    shared_chat.now = datetime(2026, 11, 18, 11, tzinfo=UTC)
    assert await lines_in_chat(shared_chat) == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_chat_message_is_empty_when_no_recipient_may_see_it(shared_chat: World) -> None:
    await lose_deal(shared_chat)
    await shared_chat.mutate("updateTeam", id=shared_chat.global_ids["North"], manager=shared_chat.global_ids["Max"])
    assert await lines_in_chat(shared_chat) == ["Ann: deal lost: “Chairs”, 100.00 EUR"]

    await shared_chat.mutate("updateEmployee", id=shared_chat.global_ids["Dora"], active=False)
    assert await lines_in_chat(shared_chat) == []
