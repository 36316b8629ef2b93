"""The notification worker: each message of the outbox arrives at least once, despite failures and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from models.alerts import outbox
from models.alerts.outbox import Delivery
from models.organization.people import Employee
from server.background.notification_channels import Outside, Webhook
from server.background.notification_worker import Delivering
from server.observability import prometheus
from tests.notification_receivers import Receiver, postbox, receiver
from tests.resolvers.alerts.alert_company import lost, office, only
from tests.world import World


@pytest.fixture
async def crm() -> AsyncIterator[Receiver]:
    async with receiver() as crm:
        yield crm


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with office() as world:
        world.services.channels = frozenset({"crm"})
        await only(world, "DEAL_LOST", channels=["crm"])
        yield world


def post(world: World, crm: Receiver, luck: float = 0.5) -> Delivering:
    return Delivering({"crm": Webhook(crm.address, lambda: world.now)}, lambda: world.now, lambda: luck)


async def for_an_hour(world: World, post: Delivering) -> None:
    for _ in range(120):
        await post.turn("crm")
        world.later(seconds=30)


async def test_a_receiver_that_was_down_for_an_hour_gets_everything_once_it_is_back(
    world: World, crm: Receiver
) -> None:
    deliver = post(world, crm)
    await crm.down()
    for number in range(30):
        await lost(world, title=f"Deal {number}")
    await for_an_hour(world, deliver)
    assert crm.heard == []

    await crm.up()
    await for_an_hour(world, deliver)
    keys = {row.key for row in await Delivery.all()}
    assert len(keys) == 30
    assert sorted(crm.ids) == sorted(keys)  # once each
    assert await Delivery.filter(sent_at=None).count() == 0


async def test_a_receiver_that_is_down_is_not_asked_for_every_message(world: World, crm: Receiver) -> None:
    crm.answer = lambda number: 503
    for number in range(30):
        await lost(world, title=f"Deal {number}")
    await post(world, crm).turn("crm")

    assert len(crm.heard) == 4


async def test_a_receiver_that_fails_now_and_then_sees_each_id_at_least_once(world: World, crm: Receiver) -> None:
    crm.answer = lambda number: 500 if number % 3 == 0 else 200
    for number in range(30):
        await lost(world, title=f"Deal {number}")
    await for_an_hour(world, post(world, crm))

    assert set(crm.taken) == {row.key for row in await Delivery.all()}
    assert len(crm.heard) > 30


async def test_a_message_whose_sender_died_on_the_way_is_sent_again_under_the_same_id(
    world: World, crm: Receiver
) -> None:
    await lost(world)
    deliver = post(world, crm)

    async def dies(message):
        raise RuntimeError("the process is killed")

    broken = Delivering({"crm": type("Broken", (), {"send": staticmethod(dies)})()}, lambda: world.now)
    with pytest.raises(RuntimeError):
        await broken.turn("crm")
    await deliver.turn("crm")
    assert crm.heard == []

    world.later(minutes=2)
    await deliver.turn("crm")
    assert crm.ids == [row.key for row in await Delivery.all()]


async def test_a_dead_message_is_logged_and_counted_without_secrets(world: World, crm: Receiver, caplog) -> None:
    crm.answer = lambda number: 500
    await lost(world)
    before = prometheus.DELIVERIES.labels("crm", "dead")._value.get()
    deliver = post(world, crm)
    for _ in range(300):
        await deliver.turn("crm")
        world.later(minutes=5)

    assert prometheus.DELIVERIES.labels("crm", "dead")._value.get() == before + 1
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "channel crm is given up after" in line
    assert "answered 500" in line
    assert str(crm.port) not in caplog.text
    assert 100 < len(crm.heard) < 250
    assert world.now - timedelta(hours=25) < world.now


async def test_nobody_is_written_to_at_night_because_a_channel_was_down_in_the_evening(
    world: World, crm: Receiver
) -> None:
    await world.act("updateProfile", "Mia", quietFrom=11 * 60, quietTo=12 * 60)  # it is ten in Berlin
    await crm.down()
    await lost(world)
    deliver = post(world, crm)
    for minute in range(125):
        await deliver.turn("crm")
        if minute == 65:
            await crm.up()
            assert crm.heard == []
        world.later(minutes=1)
        assert not (crm.heard and world.now.hour < 11)

    assert len(crm.taken) == 1


async def test_what_nobody_may_be_told_any_more_is_dropped_and_does_not_hold_the_others_up(
    world: World, crm: Receiver, caplog
) -> None:
    for _ in range(4):
        await lost(world)
    await lost(world, "Bob")
    await world.act("updateEmployee", id=world.ids["Mia"], active=False)
    before = prometheus.DELIVERIES.labels("crm", "dropped")._value.get()
    await post(world, crm).turn("crm")

    assert len(crm.taken) == 1
    assert prometheus.DELIVERIES.labels("crm", "dropped")._value.get() == before + 4
    assert await Delivery.filter(due_at=None).count() == 5
    assert not caplog.records


async def test_mail_for_those_without_an_address_does_not_hold_the_others_up(world: World) -> None:
    world.services.channels = frozenset({"mail"})
    await only(world, "DEAL_LOST", channels=["mail"], recipients=["EMPLOYEE"])
    async with postbox() as mail:
        deliver = Delivering(
            {"mail": Outside(f"mailto://127.0.0.1:{mail.port}?from=robot@example.com")}, lambda: world.now
        )
        await Employee.filter(name="Ann").update(email=None)
        for _ in range(4):
            await lost(world)
        await lost(world, "Bob")
        await deliver.turn("mail")

    assert [letter.recipients for letter in mail.letters] == [["bob@example.com"]]
    assert await Delivery.filter(due_at=None, dead_at__not_isnull=True).count() == 4


async def test_a_chat_reads_everything_once_also_after_it_was_down_and_with_two_senders(world: World) -> None:
    world.services.channels = world.services.shared = frozenset({"chat"})
    await only(world, "DEAL_LOST", channels=["chat"], recipients=["EMPLOYEE", "MANAGER", "DIRECTORS"])
    async with receiver() as chat:
        senders = {"chat": Outside(f"json://127.0.0.1:{chat.port}/")}
        posts = [Delivering(senders, lambda: world.now, lambda: 0.5) for _ in range(2)]
        await chat.down()
        for number in range(5):
            await lost(world, title=f"Deal {number}")
        await posts[0].turn("chat")

        await chat.up()
        for _ in range(20):
            await asyncio.gather(*(each.turn("chat") for each in posts))
            world.later(seconds=30)

    said = sorted(body["message"] for body in chat.bodies)
    assert said == [f"Ann: deal lost: “Deal {number}”, 100.00 EUR" for number in range(5)]


async def test_what_a_chat_was_not_told_because_the_sender_died_is_told_by_the_next(world: World) -> None:
    world.services.channels = world.services.shared = frozenset({"chat"})
    await only(world, "DEAL_LOST", channels=["chat"], recipients=["EMPLOYEE", "MANAGER"])
    await lost(world)
    [row] = await Delivery.all()
    await outbox.claim(row, world.now, world.now + timedelta(minutes=2))  # by a process that died then
    async with receiver() as chat:
        deliver = Delivering({"chat": Outside(f"json://127.0.0.1:{chat.port}/")}, lambda: world.now)
        for _ in range(5):
            await deliver.turn("chat")
            world.later(minutes=1)

    assert [body["message"] for body in chat.bodies] == ["Ann: deal lost: “Chairs”, 100.00 EUR"]


async def test_a_channel_that_is_no_longer_set_up_is_waited_for(world: World, crm: Receiver) -> None:
    await lost(world)
    await Delivering({}, lambda: world.now).turn(None)
    [row] = await Delivery.all()
    assert (row.attempts, row.dead_at) == (1, None)

    world.later(minutes=1)
    await post(world, crm).turn("crm")
    assert len(crm.taken) == 1
