"""Notification channels: their configuration, signed webhooks, Apprise services, and what counts as sent."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resolvers.alerts.notifications import NotificationMessage
from server.background.notification_channels import (
    AppriseChannel,
    DeliveryError,
    WebhookChannel,
    create_channels,
    parse_channels,
    shared_channels,
)
from server.settings import SettingsError, load
from tests.backing_services import free_port
from tests.notification_receivers import WEBHOOK_SECRET, MailServer, WebhookReceiver, run_mail_server, run_receiver

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
MESSAGE = NotificationMessage(
    "0b9f", "mia@example.com", "Scoreline: 1 alert", "Ann: deal lost: “Стол”", {"id": "0b9f", "text": "Стол"}
)
WEBHOOK_ADDRESS = f"https://example.com/hook#{WEBHOOK_SECRET}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"crm={WEBHOOK_ADDRESS}", ["crm"]),
        (f"\n crm = {WEBHOOK_ADDRESS} \n\nteam-chat=slack://a/b/c\n", ["crm", "team-chat"]),
        (f'{{"crm": "{WEBHOOK_ADDRESS}", "mail": "mailtos://u:p@example.com?a=b"}}', ["crm", "mail"]),
    ],
)
def test_channels_are_parsed_from_lines_or_a_json_object(text, names):
    assert list(parse_channels(text)) == names


@pytest.mark.parametrize(
    "text",
    [
        "crm",
        "crm=",
        "crm=example.com",
        f"my crm={WEBHOOK_ADDRESS}",
        f"crm={WEBHOOK_ADDRESS}\ncrm={WEBHOOK_ADDRESS}",
        "crm=https://example.com/hook",
        "crm=https://example.com/hook#short",
        "crm=https:///hook#a secret of some length",
        "crm=https://example.com:hook/#a secret of some length",
        "crm=https://example.com:99999/hook#a secret of some length",
        "crm=https://[::1/hook#a secret of some length",
        "crm=https://hook:hook@example.com/#a secret of some length",
        '{"crm": 5}',
        '{"crm"',
    ],
)
def test_invalid_channel_is_refused_without_repeating_its_address(text, monkeypatch):
    monkeypatch.setenv("SCORELINE_CHANNELS", text)
    with pytest.raises(SettingsError, match="SCORELINE_CHANNELS is wrong") as error_info:
        load()

    assert "hook" not in str(error_info.value).partition("Write")[0]


def test_settings_repr_hides_channel_secrets(monkeypatch):
    monkeypatch.setenv("SCORELINE_CHANNELS", f"crm={WEBHOOK_ADDRESS}")

    assert WEBHOOK_SECRET not in repr(load())
    assert load().channel_addresses == {"crm": WEBHOOK_ADDRESS}


async def test_webhook_receives_signed_message_with_its_id():
    async with run_receiver() as crm:
        await create_channels({"crm": crm.address}, lambda: NOW)["crm"].send(MESSAGE)

    [(headers, body)] = crm.requests
    timestamp = headers["x-scoreline-timestamp"]
    mac = hmac.new(WEBHOOK_SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers[""] == "POST /hook?who=crm HTTP/1.1"
    assert headers["x-scoreline-signature"] == f"v1={mac}"
    assert timestamp == str(int(NOW.timestamp()))
    assert (crm.message_ids, crm.bodies) == (["0b9f"], [MESSAGE.payload])
    assert WEBHOOK_SECRET not in str(headers)


async def test_documented_signature_check_accepts_genuine_requests_only():
    text = (ROOT / "docs" / "alerts.md").read_text()
    namespace: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], namespace)
    async with run_receiver() as crm:
        await WebhookChannel(crm.address, lambda: datetime.now(UTC)).send(MESSAGE)
        await WebhookChannel(crm.address, lambda: datetime.now(UTC) - timedelta(hours=1)).send(MESSAGE)

    (recent_headers, body), (old_headers, _) = [
        ({name.title(): value for name, value in lines.items()}, body) for lines, body in crm.requests
    ]
    is_genuine = namespace["is_genuine"]
    assert is_genuine(WEBHOOK_SECRET, recent_headers, body)
    assert not is_genuine(WEBHOOK_SECRET, recent_headers, body + b" ")
    assert not is_genuine("another secret", recent_headers, body)
    assert not is_genuine(
        WEBHOOK_SECRET, {**recent_headers, "X-Scoreline-Timestamp": old_headers["X-Scoreline-Timestamp"]}, body
    )
    assert not is_genuine(WEBHOOK_SECRET, old_headers, body)


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
async def test_webhook_fails_when_the_status_is_not_a_success(status):
    async with run_receiver() as crm:
        crm.status_for = lambda number: status
        with pytest.raises(DeliveryError, match=f"answered {status}"):
            await WebhookChannel(crm.address, lambda: NOW).send(MESSAGE)


async def test_webhook_fails_when_the_connection_is_refused():
    with pytest.raises(DeliveryError, match="ConnectionRefusedError"):
        await WebhookChannel(f"http://127.0.0.1:{free_port()}/#{WEBHOOK_SECRET}", lambda: NOW).send(MESSAGE)


@pytest.mark.parametrize(
    "response", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200", b"HTTP/1.1 ok fine\r\n", b"x" * 100_000]
)
async def test_webhook_fails_when_the_response_is_invalid(response):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(DeliveryError):
            await WebhookChannel(f"http://127.0.0.1:{port}/#{WEBHOOK_SECRET}", lambda: NOW).send(MESSAGE)


async def test_webhook_disconnects_when_the_response_times_out():
    disconnected = asyncio.Event()

    async def serve(reader, writer):
        await reader.read()
        disconnected.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(DeliveryError, match="no answer in time"):
            await WebhookChannel(f"http://127.0.0.1:{port}/#{WEBHOOK_SECRET}", lambda: NOW, timeout=0.05).send(MESSAGE)
        await asyncio.wait_for(disconnected.wait(), 60)


@pytest.fixture
async def chat() -> AsyncIterator[WebhookReceiver]:
    """A receiver for the JSON service of Apprise, the only one that can be run locally."""
    async with run_receiver() as chat:
        yield chat


def apprise_channel(chat: WebhookReceiver) -> AppriseChannel:
    return AppriseChannel(f"json://robot:app-password@127.0.0.1:{chat.port}/TokenA/TokenB")


async def test_apprise_service_receives_title_and_text(chat):
    await create_channels({"chat": f"json://127.0.0.1:{chat.port}/"}, lambda: NOW)["chat"].send(MESSAGE)

    assert [(body["title"], body["message"]) for body in chat.bodies] == [(MESSAGE.title, MESSAGE.text)]


async def test_apprise_channel_fails_when_the_service_refuses_or_is_down(chat):
    chat.status_for = lambda number: 500
    with pytest.raises(DeliveryError, match="refused"):
        await apprise_channel(chat).send(MESSAGE)
    await chat.stop()
    with pytest.raises(DeliveryError, match="refused the message or did not answer"):
        await apprise_channel(chat).send(MESSAGE)


async def test_debug_logs_contain_no_secrets_of_an_apprise_address(chat, caplog):
    caplog.set_level(logging.DEBUG)
    await apprise_channel(chat).send(MESSAGE)
    await chat.stop()
    with pytest.raises(DeliveryError):
        await apprise_channel(chat).send(MESSAGE)

    assert "Authorization".lower() in chat.requests[0][0]
    assert not [word for word in ("app-password", "TokenA") if word in caplog.text]


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with run_mail_server() as mail:
        yield mail


@pytest.mark.parametrize(
    ("address", "expected_recipient"),
    [
        ("mailto://127.0.0.1:{port}?from=robot@example.com", "mia@example.com"),
        ("mailto://127.0.0.1:{port}/?from=robot@example.com", "mia@example.com"),
        ("mailto://127.0.0.1:{port}?from=robot@example.com&to=all@example.com", "all@example.com"),
        ("mailto://127.0.0.1:{port}/all@example.com?from=robot@example.com", "all@example.com"),
    ],
)
async def test_mail_goes_to_the_recipient_unless_the_address_names_another(mail, address, expected_recipient):
    await AppriseChannel(address.format(port=mail.port)).send(MESSAGE)

    [letter] = mail.received
    text = letter.message.get_body(("plain",))
    assert (letter.sender, letter.recipients) == ("robot@example.com", [expected_recipient])
    assert letter.message["Subject"] == MESSAGE.title
    assert text is not None
    assert text.get_content().strip() == MESSAGE.text


async def test_mail_body_with_markup_stays_plain_text(mail):
    message = NotificationMessage(
        "1", "mia@example.com", "Scoreline: 1 alert", "Ann: deal lost: “<b>& <script>”\nand more", {}
    )
    await AppriseChannel(f"mailto://127.0.0.1:{mail.port}?from=robot@example.com").send(message)

    assert mail.received[0].message.get_content_type() == "text/plain"
    assert mail.received[0].message.get_content().splitlines() == message.text.splitlines()


async def test_mail_fails_when_the_server_rejects_the_recipient(mail):
    mail.known_addresses = frozenset()
    with pytest.raises(DeliveryError, match="refused"):
        await AppriseChannel(f"mailto://127.0.0.1:{mail.port}?from=robot@example.com").send(MESSAGE)


async def test_mail_without_recipient_address_fails_permanently():
    message = NotificationMessage("1", None, "", "", {})
    with pytest.raises(DeliveryError) as failure:
        await AppriseChannel("mailto://u:p@h").send(message)

    assert failure.value.permanent


def test_broadcast_channels_are_recognized_by_their_address():
    addresses = {
        "crm": WEBHOOK_ADDRESS,
        "mail": "mailtos://robot:secret@smtp.example.com?from=robot@example.com",
        "list": "mailtos://robot:secret@smtp.example.com?from=robot@example.com&to=all@example.com",
        "box": "mailto://robot:secret@smtp.example.com/all@example.com",
        "team-chat": "slack://TokenA/TokenB/TokenC",
    }

    assert shared_channels(addresses) == {"list", "box", "team-chat"}


def test_unknown_apprise_address_is_reported_at_startup_by_channel_name(monkeypatch):
    monkeypatch.setenv(
        "SCORELINE_CHANNELS", f"crm={WEBHOOK_ADDRESS}\nchat=slcak://secret/token\nmail=mailto://u:p@example.com"
    )
    with pytest.raises(SettingsError, match="CHANNELS, chat: Apprise does not recognize the address") as error_info:
        load(database_url="sqlite://:memory:").check_fit_to_serve()

    assert "secret" not in str(error_info.value)


async def test_unknown_apprise_address_fails_on_send():
    with pytest.raises(DeliveryError, match="Apprise does not recognize"):
        await AppriseChannel("slcak://secret/token").send(MESSAGE)


def test_apprise_is_imported_only_when_a_channel_needs_it():
    code = (
        "import sys; from server import app; from server.background.notification_channels import find_misconfigured;"
        f"assert find_misconfigured({{'crm': '{WEBHOOK_ADDRESS}'}}) is None; assert 'apprise' not in sys.modules;"
        "assert find_misconfigured({'mail': 'mailto://u:p@example.com'}) is None; assert 'apprise' in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
