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

from resolvers.alerts.notifications import Message
from server.background.notification_channels import NotSent, Outside, Webhook, parsed, senders, shared
from server.settings import SettingsError, load
from tests.backing_services import free_port
from tests.notification_receivers import SECRET, Postbox, Receiver, postbox, receiver

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
MESSAGE = Message(
    "0b9f", "mia@example.com", "Scoreline: 1 alert", "Ann: deal lost: “Стол”", {"id": "0b9f", "text": "Стол"}
)
HOOK = f"https://example.com/hook#{SECRET}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"crm={HOOK}", ["crm"]),
        (f"\n crm = {HOOK} \n\nteam-chat=slack://a/b/c\n", ["crm", "team-chat"]),
        (f'{{"crm": "{HOOK}", "mail": "mailtos://u:p@example.com?a=b"}}', ["crm", "mail"]),
    ],
)
def test_channels_are_lines_or_a_json_object(text, names):
    assert list(parsed(text)) == names


@pytest.mark.parametrize(
    "text",
    [
        "crm",
        "crm=",
        "crm=example.com",
        f"my crm={HOOK}",
        f"crm={HOOK}\ncrm={HOOK}",
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
def test_what_is_no_channel_is_refused_without_repeating_it(text, monkeypatch):
    monkeypatch.setenv("SCORELINE_CHANNELS", text)
    with pytest.raises(SettingsError, match="SCORELINE_CHANNELS is wrong") as refused:
        load()

    assert "hook" not in str(refused.value).partition("Write")[0]


def test_secrets_stay_out_of_what_settings_show(monkeypatch):
    monkeypatch.setenv("SCORELINE_CHANNELS", f"crm={HOOK}")

    assert SECRET not in repr(load())
    assert load().channel_addresses == {"crm": HOOK}


async def test_a_webhook_gets_the_message_with_its_id_and_can_verify_who_sent_it():
    async with receiver() as crm:
        await senders({"crm": crm.address}, lambda: NOW)["crm"].send(MESSAGE)

    [(headers, body)] = crm.heard
    timestamp = headers["x-scoreline-timestamp"]
    mac = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers[""] == "POST /hook?who=crm HTTP/1.1"
    assert headers["x-scoreline-signature"] == f"v1={mac}"
    assert timestamp == str(int(NOW.timestamp()))
    assert (crm.ids, crm.bodies) == (["0b9f"], [MESSAGE.payload])
    assert SECRET not in str(headers)


async def test_what_the_documentation_shows_of_verifying_verifies():
    text = (ROOT / "docs" / "alerts.md").read_text()
    shown: dict[str, Any] = {}
    exec(text.partition("```python\n")[2].partition("```")[0], shown)
    async with receiver() as crm:
        await Webhook(crm.address, lambda: datetime.now(UTC)).send(MESSAGE)
        await Webhook(crm.address, lambda: datetime.now(UTC) - timedelta(hours=1)).send(MESSAGE)

    (fresh, body), (old, _) = [
        ({name.title(): value for name, value in lines.items()}, body) for lines, body in crm.heard
    ]
    genuine = shown["genuine"]
    assert genuine(SECRET, fresh, body)
    assert not genuine(SECRET, fresh, body + b" ")
    assert not genuine("another secret", fresh, body)
    assert not genuine(SECRET, {**fresh, "X-Scoreline-Timestamp": old["X-Scoreline-Timestamp"]}, body)
    assert not genuine(SECRET, old, body)


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
async def test_every_answer_but_a_success_is_a_failure(status):
    async with receiver() as crm:
        crm.answer = lambda number: status
        with pytest.raises(NotSent, match=f"answered {status}"):
            await Webhook(crm.address, lambda: NOW).send(MESSAGE)


async def test_nobody_there_is_a_failure():
    with pytest.raises(NotSent, match="ConnectionRefusedError"):
        await Webhook(f"http://127.0.0.1:{free_port()}/#{SECRET}", lambda: NOW).send(MESSAGE)


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200", b"HTTP/1.1 ok fine\r\n", b"x" * 100_000]
)
async def test_what_is_no_answer_is_a_failure(said):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(NotSent):
            await Webhook(f"http://127.0.0.1:{port}/#{SECRET}", lambda: NOW).send(MESSAGE)


async def test_who_does_not_answer_is_left():
    left = asyncio.Event()

    async def serve(reader, writer):
        await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(NotSent, match="no answer in time"):
            await Webhook(f"http://127.0.0.1:{port}/#{SECRET}", lambda: NOW, patience=0.05).send(MESSAGE)
        await asyncio.wait_for(left.wait(), 10)


@pytest.fixture
async def chat() -> AsyncIterator[Receiver]:
    """A receiver for the JSON service of Apprise, the only one that can be run locally."""
    async with receiver() as chat:
        yield chat


def service(chat: Receiver) -> Outside:
    return Outside(f"json://robot:app-password@127.0.0.1:{chat.port}/TokenA/TokenB")


async def test_a_chat_gets_title_and_text(chat):
    await senders({"chat": f"json://127.0.0.1:{chat.port}/"}, lambda: NOW)["chat"].send(MESSAGE)

    assert [(body["title"], body["message"]) for body in chat.bodies] == [(MESSAGE.title, MESSAGE.text)]


async def test_what_a_service_refuses_is_a_failure(chat):
    chat.answer = lambda number: 500
    with pytest.raises(NotSent, match="refused"):
        await service(chat).send(MESSAGE)
    await chat.down()
    with pytest.raises(NotSent, match="refused the message or did not answer"):
        await service(chat).send(MESSAGE)


async def test_no_log_repeats_the_secrets_of_a_service_however_much_is_logged(chat, caplog):
    caplog.set_level(logging.DEBUG)
    await service(chat).send(MESSAGE)
    await chat.down()
    with pytest.raises(NotSent):
        await service(chat).send(MESSAGE)

    assert "Authorization".lower() in chat.heard[0][0]
    assert not [word for word in ("app-password", "TokenA") if word in caplog.text]


@pytest.fixture
async def mail() -> AsyncIterator[Postbox]:
    async with postbox() as mail:
        yield mail


@pytest.mark.parametrize(
    ("address", "to"),
    [
        ("mailto://127.0.0.1:{port}?from=robot@example.com", "mia@example.com"),
        ("mailto://127.0.0.1:{port}/?from=robot@example.com", "mia@example.com"),
        ("mailto://127.0.0.1:{port}?from=robot@example.com&to=all@example.com", "all@example.com"),
        ("mailto://127.0.0.1:{port}/all@example.com?from=robot@example.com", "all@example.com"),
    ],
)
async def test_mail_goes_to_the_recipient_unless_the_address_says_to_whom(mail, address, to):
    await Outside(address.format(port=mail.port)).send(MESSAGE)

    [letter] = mail.letters
    text = letter.mail.get_body(("plain",))
    assert (letter.sender, letter.recipients) == ("robot@example.com", [to])
    assert letter.mail["Subject"] == MESSAGE.title
    assert text is not None
    assert text.get_content().strip() == MESSAGE.text


async def test_what_looks_like_markup_stays_text_in_a_letter(mail):
    said = Message("1", "mia@example.com", "Scoreline: 1 alert", "Ann: deal lost: “<b>& <script>”\nand more", {})
    await Outside(f"mailto://127.0.0.1:{mail.port}?from=robot@example.com").send(said)

    assert mail.letters[0].mail.get_content_type() == "text/plain"
    assert mail.letters[0].mail.get_content().splitlines() == said.text.splitlines()


async def test_mail_that_the_server_does_not_take_is_a_failure(mail):
    mail.knows = frozenset()
    with pytest.raises(NotSent, match="refused"):
        await Outside(f"mailto://127.0.0.1:{mail.port}?from=robot@example.com").send(MESSAGE)


async def test_mail_to_somebody_without_an_address_is_given_up_at_once():
    nobody = Message("1", None, "", "", {})
    with pytest.raises(NotSent) as failure:
        await Outside("mailto://u:p@h").send(nobody)

    assert failure.value.for_good


def test_whether_a_channel_is_one_place_or_everybodys_own_is_told_by_its_address():
    addresses = {
        "crm": HOOK,
        "mail": "mailtos://robot:secret@smtp.example.com?from=robot@example.com",
        "list": "mailtos://robot:secret@smtp.example.com?from=robot@example.com&to=all@example.com",
        "box": "mailto://robot:secret@smtp.example.com/all@example.com",
        "team-chat": "slack://TokenA/TokenB/TokenC",
    }

    assert shared(addresses) == {"list", "box", "team-chat"}


def test_an_address_that_the_library_does_not_know_is_named_before_anything_starts(monkeypatch):
    monkeypatch.setenv("SCORELINE_CHANNELS", f"crm={HOOK}\nchat=slcak://secret/token\nmail=mailto://u:p@example.com")
    with pytest.raises(SettingsError, match="CHANNELS, chat: Apprise does not recognize the address") as refused:
        load(database_url="sqlite://:memory:").check_fit_to_serve()

    assert "secret" not in str(refused.value)


async def test_an_address_that_the_library_does_not_know_is_a_failure():
    with pytest.raises(NotSent, match="Apprise does not recognize"):
        await Outside("slcak://secret/token").send(MESSAGE)


def test_the_library_is_loaded_only_where_a_channel_needs_it():
    code = (
        "import sys; from server import app; from server.channels import amiss;"
        f"assert amiss({{'crm': '{HOOK}'}}) is None; assert 'apprise' not in sys.modules;"
        "assert amiss({'mail': 'mailto://u:p@example.com'}) is None; assert 'apprise' in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
