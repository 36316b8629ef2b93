"""Channels: how they are set up, what a webhook gets and proves, and what counts as sent."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import sys
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace

import pytest

from resolvers.deliveries import Message
from server import channels
from server.channels import NotSent, Outside, Webhook, parsed, senders
from server.settings import SettingsError, load
from tests.receivers import SECRET, receiver
from tests.services import free_port

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


def test_a_channel_whose_library_is_missing_is_named_before_anything_starts(monkeypatch):
    monkeypatch.setenv("SCORELINE_CHANNELS", f"crm={HOOK}\nchat=slack://a/b/c")
    monkeypatch.setattr(channels, "find_spec", lambda name: None)

    with pytest.raises(SettingsError, match=r"chat: a library is missing. Install apprise==2\.2\.0"):
        load(database_url="sqlite://:memory:").check_fit_to_serve()


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
def apprise(monkeypatch):
    """A stand-in for the library, which is installed apart: it notes what it was asked."""
    noted = SimpleNamespace(addresses=[], said=[], takes=True, works=True)

    class Apprise:
        def add(self, address):
            noted.addresses.append(address)
            return noted.takes

        def notify(self, title, body, body_format):
            assert body_format == "text"  # or a title could pass for HTML
            noted.said.append((title, body))
            return noted.works

    module = ModuleType("apprise")
    module.Apprise = Apprise
    monkeypatch.setitem(sys.modules, "apprise", module)
    return noted


async def test_a_chat_gets_title_and_text(apprise):
    await senders({"chat": "slack://a/b/c"}, lambda: NOW)["chat"].send(MESSAGE)

    assert (apprise.addresses, apprise.said) == (["slack://a/b/c"], [(MESSAGE.title, MESSAGE.text)])


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("mailtos://u:p@smtp.example.com", "mailtos://u:p@smtp.example.com?to=mia%40example.com"),
        ("mailto://u:p@h?from=a%40b", "mailto://u:p@h?from=a%40b&to=mia%40example.com"),
        ("mailto://u:p@h?to=all%40b", "mailto://u:p@h?to=all%40b"),
    ],
)
async def test_mail_goes_to_the_recipient_unless_the_address_says_to_whom(apprise, address, asked):
    await Outside(address).send(MESSAGE)

    assert apprise.addresses == [asked]


async def test_mail_to_somebody_without_an_address_is_given_up_at_once(apprise):
    nobody = Message("1", None, "", "", {})
    with pytest.raises(NotSent) as failure:
        await Outside("mailto://u:p@h").send(nobody)

    assert failure.value.for_good


def test_an_address_that_the_library_does_not_know_is_named_before_anything_starts(apprise, monkeypatch):
    monkeypatch.setattr(channels, "find_spec", lambda name: True)
    apprise.takes = False
    monkeypatch.setenv("SCORELINE_CHANNELS", "chat=slcak://secret/token")
    with pytest.raises(SettingsError, match="chat: this is no address that Apprise knows") as refused:
        load(database_url="sqlite://:memory:").check_fit_to_serve()

    assert "secret" not in str(refused.value)


async def test_what_a_service_refuses_is_a_failure(apprise):
    apprise.works = False
    with pytest.raises(NotSent, match="refused"):
        await Outside("slack://a/b/c").send(MESSAGE)
    apprise.takes = False
    with pytest.raises(NotSent, match="none of Apprise's"):
        await Outside("slack://a/b/c").send(MESSAGE)
