"""Password links arrive by mail once, also after the mail server was down, and are given up in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from domain.auth.password_links import MAIL_LIFETIMES, LinkPurpose
from models.auth.password_links import PasswordLink, PasswordMail
from resolvers.alerts.notifications import NotificationMessage
from server.background.notification_channels import AppriseChannel, DeliveryError
from server.background.password_mail_worker import PasswordMailWorker
from tests.databases import on_both_databases
from tests.notification_receivers import run_mail_server
from tests.world import World, open_world

PUBLIC_URL = "https://sales.example.com"


class Channel:
    """A mail channel that keeps what it sends, and fails with `error` while there is one."""

    def __init__(self) -> None:
        self.messages: list[NotificationMessage] = []
        self.error: DeliveryError | None = None

    async def send(self, message: NotificationMessage) -> None:
        if self.error is not None:
            raise self.error
        self.messages.append(message)


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world(usual_database_url) as world:
        world.services.public_url, world.services.mails_links = PUBLIC_URL, True
        yield world


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def worker(world: World, channel: Channel) -> PasswordMailWorker:
    return PasswordMailWorker(channel, PUBLIC_URL, lambda: world.now, lambda: 0.5)


async def request_reset(world: World, email: str = "admin@example.com") -> None:
    document = "mutation($email: String!) { requestPasswordReset(email: $email) { userErrors { code } } }"
    assert (await world.query(document, None, email=email))["requestPasswordReset"] == {"userErrors": []}


async def send_all(worker: PasswordMailWorker) -> None:
    while await worker.send_next():
        continue


async def test_each_requested_mail_is_sent_once(world: World, worker: PasswordMailWorker, channel: Channel) -> None:
    await request_reset(world)
    await request_reset(world, "nobody@example.com")
    await send_all(worker)
    await send_all(worker)

    assert [message.email for message in channel.messages] == ["admin@example.com"]
    assert f"{PUBLIC_URL}/password#token=slp_" in channel.messages[0].text
    assert await PasswordLink.all().count() == 1
    assert not await PasswordMail.exists()


@on_both_databases
async def test_mail_is_sent_when_the_channel_is_back(
    world: World, worker: PasswordMailWorker, channel: Channel
) -> None:
    channel.error = DeliveryError("no answer in time")
    await request_reset(world)
    for _ in range(20):
        await send_all(worker)
        world.advance(minutes=1)
    channel.error = None
    world.advance(minutes=10)
    await send_all(worker)

    assert len(channel.messages) == 1


@pytest.mark.parametrize("purpose", LinkPurpose)
async def test_mail_is_given_up_when_the_channel_stays_down(
    world: World, worker: PasswordMailWorker, channel: Channel, purpose: LinkPurpose
) -> None:
    channel.error = DeliveryError("no answer in time")
    await PasswordMail.create(
        email="admin@example.com", purpose=purpose, language="en", requested_at=world.now, due_at=world.now
    )
    given_up_at = world.now + MAIL_LIFETIMES[purpose]
    while world.now < given_up_at - timedelta(minutes=30):
        await send_all(worker)
        world.advance(minutes=10)
    is_waiting = await PasswordMail.exists()
    while world.now <= given_up_at:
        await send_all(worker)
        world.advance(minutes=10)

    assert is_waiting
    assert not await PasswordMail.exists()


async def test_mail_that_can_never_be_sent_is_given_up_at_once(
    world: World, worker: PasswordMailWorker, channel: Channel
) -> None:
    channel.error = DeliveryError("the recipient has no e-mail address", permanent=True)
    await request_reset(world)
    await send_all(worker)

    assert not await PasswordMail.exists()


async def test_mail_arrives_at_a_mail_server(world: World) -> None:
    await request_reset(world)
    async with run_mail_server() as mail_server:
        channel = AppriseChannel(f"mailto://127.0.0.1:{mail_server.port}?from=robot@example.com")
        await send_all(PasswordMailWorker(channel, PUBLIC_URL, lambda: world.now))

    [mail] = mail_server.received
    assert mail.recipients == ["admin@example.com"]
    assert mail.message["subject"] == "Acme: a new password for Scoreline"
    assert f"{PUBLIC_URL}/password#token=slp_" in mail.message.get_content()
