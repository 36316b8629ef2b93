"""The notification worker: each message of the outbox arrives at least once, despite failures and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from models.alerts import outbox
from models.alerts.outbox import Delivery
from models.organization.people import Employee
from resolvers.alerts import notifications
from server.background.notification_channels import AppriseChannel, WebhookChannel
from server.background.notification_worker import NotificationWorker
from server.observability import prometheus
from tests.notification_receivers import WebhookReceiver, run_mail_server, run_receiver
from tests.resolvers.alerts.alert_company import lose_deal, open_company, set_only_rule
from tests.world import World


class Killed(BaseException):
    """The end of the process, which no code survives."""


@pytest.fixture
async def crm() -> AsyncIterator[WebhookReceiver]:
    async with run_receiver() as crm:
        yield crm


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        world.services.notification_channels = frozenset({"crm"})
        await set_only_rule(world, "DEAL_LOST", channels=["crm"])
        yield world


def create_worker(world: World, crm: WebhookReceiver, jitter: float = 0.5) -> NotificationWorker:
    return NotificationWorker(
        {"crm": WebhookChannel(crm.address, lambda: world.now)}, lambda: world.now, lambda: jitter
    )


async def send_for_an_hour(world: World, worker: NotificationWorker) -> None:
    for _ in range(120):
        await worker.send_next("crm")
        world.advance(seconds=30)


async def test_receiver_gets_every_message_once_after_an_hour_of_downtime(world: World, crm: WebhookReceiver) -> None:
    worker = create_worker(world, crm)
    await crm.stop()
    for number in range(30):
        await lose_deal(world, title=f"Deal {number}")
    await send_for_an_hour(world, worker)
    assert crm.requests == []

    await crm.start()
    await send_for_an_hour(world, worker)
    keys = {row.key for row in await Delivery.all()}
    assert len(keys) == 30
    assert sorted(crm.message_ids) == sorted(keys)  # once each
    assert await Delivery.filter(sent_at=None).count() == 0


async def test_message_that_cannot_be_rendered_does_not_stop_the_others(
    world: World, crm: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("One", "Two", "Three"):
        await lose_deal(world, title=title)
    poison_id = (await Delivery.all().order_by("id").first()).id
    render = notifications.render

    async def render_unless_poison(delivery: Delivery) -> Any:
        if delivery.id == poison_id:
            raise KeyError("title")
        return await render(delivery)

    monkeypatch.setattr(notifications, "render", render_unless_poison)
    await send_for_an_hour(world, create_worker(world, crm))

    assert len(crm.requests) == 2
    assert (await Delivery.get(id=poison_id)).attempts > 1


async def test_unavailable_receiver_is_tried_once_per_batch(world: World, crm: WebhookReceiver) -> None:
    crm.status_for = lambda number: 503
    for number in range(30):
        await lose_deal(world, title=f"Deal {number}")
    await create_worker(world, crm).send_next("crm")

    assert len(crm.requests) == 4


async def test_unreliable_receiver_gets_each_message_at_least_once(world: World, crm: WebhookReceiver) -> None:
    crm.status_for = lambda number: 500 if number % 3 == 0 else 200
    for number in range(30):
        await lose_deal(world, title=f"Deal {number}")
    await send_for_an_hour(world, create_worker(world, crm))

    assert set(crm.accepted_ids) == {row.key for row in await Delivery.all()}
    assert len(crm.requests) > 30


async def test_message_of_a_crashed_sender_is_resent_with_the_same_id(world: World, crm: WebhookReceiver) -> None:
    await lose_deal(world)
    worker = create_worker(world, crm)

    async def crash(message):
        raise Killed

    broken = NotificationWorker({"crm": type("Broken", (), {"send": staticmethod(crash)})()}, lambda: world.now)
    with pytest.raises(Killed):
        await broken.send_next("crm")
    await worker.send_next("crm")
    assert crm.requests == []

    world.advance(minutes=2)
    await worker.send_next("crm")
    assert crm.message_ids == [row.key for row in await Delivery.all()]


async def test_given_up_message_is_logged_and_counted_without_secrets(
    world: World, crm: WebhookReceiver, caplog
) -> None:
    crm.status_for = lambda number: 500
    await lose_deal(world)
    dead_count = prometheus.DELIVERIES.labels("crm", "dead")._value.get()
    worker = create_worker(world, crm)
    for _ in range(300):
        await worker.send_next("crm")
        world.advance(minutes=5)

    assert prometheus.DELIVERIES.labels("crm", "dead")._value.get() == dead_count + 1
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "channel crm is given up after" in line
    assert "answered 500" in line
    assert str(crm.port) not in caplog.text
    assert 100 < len(crm.requests) < 250
    assert world.now - timedelta(hours=25) < world.now


async def test_delayed_message_respects_quiet_hours_after_the_channel_recovers(
    world: World, crm: WebhookReceiver
) -> None:
    await world.mutate("updateProfile", "Mia", quietFrom=11 * 60, quietTo=12 * 60)  # it is ten in Berlin
    await crm.stop()
    await lose_deal(world)
    worker = create_worker(world, crm)
    for minute in range(125):
        await worker.send_next("crm")
        if minute == 65:
            await crm.start()
            assert crm.requests == []
        world.advance(minutes=1)
        assert not (crm.requests and world.now.hour < 11)

    assert len(crm.accepted_ids) == 1


async def test_messages_without_permitted_recipient_are_dropped_without_blocking(
    world: World, crm: WebhookReceiver, caplog
) -> None:
    for _ in range(4):
        await lose_deal(world)
    await lose_deal(world, "Bob")
    await world.mutate("updateEmployee", id=world.global_ids["Mia"], active=False)
    dropped_count = prometheus.DELIVERIES.labels("crm", "dropped")._value.get()
    await create_worker(world, crm).send_next("crm")

    assert len(crm.accepted_ids) == 1
    assert prometheus.DELIVERIES.labels("crm", "dropped")._value.get() == dropped_count + 4
    assert await Delivery.filter(due_at=None).count() == 5
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


async def test_mail_without_address_does_not_block_other_messages(world: World) -> None:
    world.services.notification_channels = frozenset({"mail"})
    await set_only_rule(world, "DEAL_LOST", channels=["mail"], recipients=["EMPLOYEE"])
    async with run_mail_server() as mail:
        worker = NotificationWorker(
            {"mail": AppriseChannel(f"mailto://127.0.0.1:{mail.port}?from=robot@example.com")}, lambda: world.now
        )
        await Employee.filter(name="Ann").update(email=None)
        for _ in range(4):
            await lose_deal(world)
        await lose_deal(world, "Bob")
        await worker.send_next("mail")

    assert [letter.recipients for letter in mail.received] == [["bob@example.com"]]
    assert await Delivery.filter(due_at=None, dead_at__not_isnull=True).count() == 4


async def test_chat_gets_each_message_once_after_downtime_with_two_workers(world: World) -> None:
    world.services.notification_channels = world.services.shared_channels = frozenset({"chat"})
    await set_only_rule(world, "DEAL_LOST", channels=["chat"], recipients=["EMPLOYEE", "MANAGER", "DIRECTORS"])
    async with run_receiver() as chat:
        channels = {"chat": AppriseChannel(f"json://127.0.0.1:{chat.port}/")}
        workers = [NotificationWorker(channels, lambda: world.now, lambda: 0.5) for _ in range(2)]
        await chat.stop()
        for number in range(5):
            await lose_deal(world, title=f"Deal {number}")
        await workers[0].send_next("chat")

        await chat.start()
        for _ in range(20):
            await asyncio.gather(*(worker.send_next("chat") for worker in workers))
            world.advance(seconds=30)

    messages = sorted(body["message"] for body in chat.bodies)
    assert messages == [f"Ann: deal lost: “Deal {number}”, 100.00 EUR" for number in range(5)]


async def test_chat_message_claimed_by_a_dead_process_is_sent_by_the_next(world: World) -> None:
    world.services.notification_channels = world.services.shared_channels = frozenset({"chat"})
    await set_only_rule(world, "DEAL_LOST", channels=["chat"], recipients=["EMPLOYEE", "MANAGER"])
    await lose_deal(world)
    [row] = await Delivery.all()
    await outbox.claim(row, world.now, world.now + timedelta(minutes=2))  # by a process that died then
    async with run_receiver() as chat:
        worker = NotificationWorker({"chat": AppriseChannel(f"json://127.0.0.1:{chat.port}/")}, lambda: world.now)
        for _ in range(5):
            await worker.send_next("chat")
            world.advance(minutes=1)

    assert [body["message"] for body in chat.bodies] == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_message_waits_while_its_channel_is_not_configured(world: World, crm: WebhookReceiver) -> None:
    await lose_deal(world)
    await NotificationWorker({}, lambda: world.now).send_next(None)
    [row] = await Delivery.all()
    assert (row.attempts, row.dead_at) == (1, None)

    world.advance(minutes=1)
    await create_worker(world, crm).send_next("crm")
    assert len(crm.accepted_ids) == 1
