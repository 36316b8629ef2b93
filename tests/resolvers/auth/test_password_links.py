"""One-time links: made by administrators or requested by mail, used once, and of no use for learning who has an account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.auth.password_links import LINK_LIFETIMES, LinkPurpose
from models.auth import password_links as rows
from models.auth.password_links import PasswordLink, PasswordMail
from models.auth.sessions import Session
from models.db import connection
from models.live.change_log import Change
from models.organization.people import Employee
from resolvers.auth import password_links
from resolvers.auth.sessions import REPEAT_WINDOW
from server.http.rate_limit import RateLimiter
from tests.world import PASSWORD, World, cache_company, open_world

NEW_PASSWORD = "battery staple"
PUBLIC_URL = "https://sales.example.com"


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    """A company with Ann, who has no password yet, and Bob, who has one."""
    async with open_world(url) as world:
        for name, password in (("Ann", None), ("Bob", PASSWORD)):
            payload = await world.mutate(
                "createEmployee", name=name, email=f"{name.lower()}@example.com", password=password
            )
            world.global_ids[name] = payload["employee"]["id"]
        await world.sign_in("Bob", "bob@example.com")
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


@pytest.fixture
def mailing_world(world: World) -> World:
    """The same company with a server that sends mail."""
    world.services.public_url, world.services.mails_links = PUBLIC_URL, True
    return world


async def invite(world: World, name: str, **input: Any) -> str:
    """Have the administrator make a link, and return its token."""
    link = (await world.mutate("inviteEmployee", employee=world.global_ids[name], **input))["link"]
    path, _, token = link.partition("#token=")
    assert path == f"{world.services.public_url or ''}/password"
    return str(token)


async def try_to_set_password(world: World, token: str, password: str = NEW_PASSWORD) -> list[tuple[str, str]]:
    """Return the user errors as pairs of code and path."""
    payload = await world.try_mutation("setPassword", None, token=token, password=password)
    return [(error["code"], ".".join(error["path"])) for error in payload["userErrors"]]


async def can_sign_in(world: World, name: str, password: str) -> bool:
    payload = await world.try_mutation("signIn", None, email=f"{name.lower()}@example.com", password=password)
    return not payload["userErrors"]


async def request_reset(world: World, email: str) -> list[str]:
    """Return the codes of the user errors."""
    document = "mutation($email: String!) { requestPasswordReset(email: $email) { userErrors { code } } }"
    payload = (await world.query(document, None, email=email))["requestPasswordReset"]
    return [error["code"] for error in payload["userErrors"]]


# Links from the administrator


async def test_invited_employee_sets_password_and_signs_in(world: World) -> None:
    token = await invite(world, "Ann")
    payload = await world.mutate("setPassword", None, token=token, password=NEW_PASSWORD)

    assert payload["email"] == "ann@example.com"
    assert await can_sign_in(world, "Ann", NEW_PASSWORD)


async def test_reset_ends_sessions_and_other_links_and_publishes_it(world: World) -> None:
    token, other_token = await invite(world, "Bob"), await invite(world, "Bob")
    bob = await Employee.get(email="bob@example.com")
    await world.mutate("setPassword", None, token=token, password=NEW_PASSWORD)

    assert not await Session.filter(employee_id=bob.id, revoked_at=None).exists()
    assert f"employee:{bob.id}" in (await Change.all().order_by("-id").first()).topics
    assert not await can_sign_in(world, "Bob", PASSWORD)
    assert await can_sign_in(world, "Bob", NEW_PASSWORD)
    assert await try_to_set_password(world, other_token) == [("INVALID", "input.token")]


async def test_link_works_once(world: World) -> None:
    token = await invite(world, "Bob")
    await world.mutate("setPassword", None, token=token, password=NEW_PASSWORD)

    assert await try_to_set_password(world, token, "another password") == [("INVALID", "input.token")]
    assert await can_sign_in(world, "Bob", NEW_PASSWORD)


async def test_lost_answer_is_given_again_for_half_a_minute(world: World) -> None:
    token = await invite(world, "Bob")
    first = await world.mutate("setPassword", None, token=token, password=NEW_PASSWORD)
    await can_sign_in(world, "Bob", NEW_PASSWORD)
    world.advance(seconds=REPEAT_WINDOW.total_seconds())
    second = await world.mutate("setPassword", None, token=token, password=NEW_PASSWORD)
    sessions = await Session.filter(employee__email="bob@example.com", revoked_at=None).count()
    world.advance(seconds=1)

    assert second == first
    assert sessions == 1  # the repeated call ended nothing
    assert await try_to_set_password(world, token) == [("INVALID", "input.token")]


async def test_concurrent_uses_of_a_link_set_one_password(world: World) -> None:
    token = await invite(world, "Bob")
    passwords = [f"password number {number}" for number in range(6)]
    outcomes = await asyncio.gather(*(try_to_set_password(world, token, password) for password in passwords))

    assert outcomes.count([]) == 1
    assert await can_sign_in(world, "Bob", passwords[outcomes.index([])])


@pytest.mark.parametrize(("name", "purpose"), [("Ann", LinkPurpose.INVITATION), ("Bob", LinkPurpose.RESET)])
async def test_link_expires(world: World, name: str, purpose: LinkPurpose) -> None:
    token, late_token = await invite(world, name), await invite(world, name)
    world.now += LINK_LIFETIMES[purpose]
    late_errors = await try_to_set_password(world, late_token)
    world.now -= timedelta(seconds=1)

    assert late_errors == [("INVALID", "input.token")]
    assert await try_to_set_password(world, token) == []


async def test_invalid_password_leaves_the_link_valid(world: World) -> None:
    token = await invite(world, "Ann")

    assert await try_to_set_password(world, token, "short") == [("OUT_OF_RANGE", "input.password")]
    assert await try_to_set_password(world, token) == []


@pytest.mark.parametrize(
    "change", [{"email": "other@example.com"}, {"password": "given by the administrator"}, {"active": False}]
)
async def test_link_ends_when_the_administrator_changes_the_account(world: World, change: dict[str, Any]) -> None:
    token = await invite(world, "Ann")
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], **change)

    assert await try_to_set_password(world, token) == [("INVALID", "input.token")]


async def test_own_change_of_password_ends_links(world: World) -> None:
    token = await invite(world, "Bob")
    await world.mutate("updateProfile", "Bob", password=NEW_PASSWORD, currentPassword=PASSWORD)

    assert await try_to_set_password(world, token) == [("INVALID", "input.token")]


async def test_employee_without_address_or_active_account_is_not_invited(world: World) -> None:
    await Employee.filter(name="Ann").update(email=None)
    await world.mutate("updateEmployee", id=world.global_ids["Bob"], active=False)
    errors = [
        (await world.try_mutation("inviteEmployee", employee=world.global_ids[name]))["userErrors"]
        for name in ("Ann", "Bob")
    ]

    assert [(error["code"], error["path"]) for [error] in errors] == [
        ("REQUIRED", ["input", "employee"]),
        ("CONFLICT", ["input", "employee"]),
    ]


async def test_tables_and_log_hold_no_token(mailing_world: World) -> None:
    with capture_logs() as lines:
        token = await invite(mailing_world, "Ann", send=False)
        await request_reset(mailing_world, "bob@example.com")
        await mailing_world.mutate("setPassword", None, token=token, password=NEW_PASSWORD)
    stored = [
        row
        for table in ("password_link", "password_mail", "repeatable_call", "change")
        for row in await connection.fetch_rows(f"SELECT * FROM {table}", [])
    ]

    assert token.startswith("slp_")
    assert token not in str(stored)
    assert token not in str(lines)
    assert NEW_PASSWORD not in str(lines)
    assert [line["event"] for line in lines] == [
        "password link made",
        "password reset requested",
        "password set by link",
    ]


# Mails


async def test_administrator_gets_no_link_that_is_sent_by_mail(mailing_world: World) -> None:
    payload = await mailing_world.mutate("inviteEmployee", employee=mailing_world.global_ids["Ann"])
    mail = await rows.claim_due_mail(mailing_world.now)

    assert payload["link"] is None
    assert mail is not None
    assert (mail.email, mail.purpose) == ("ann@example.com", LinkPurpose.INVITATION)


async def test_mailed_link_sets_the_password(mailing_world: World) -> None:
    assert await request_reset(mailing_world, " Bob@Example.com ") == []
    mail = await rows.claim_due_mail(mailing_world.now)
    rendered = await password_links.render_mail(mail, PUBLIC_URL, mailing_world.now)
    token = rendered.text.partition(f"{PUBLIC_URL}/password#token=")[2].split()[0]

    assert rendered.email == "bob@example.com"
    assert rendered.title == "Acme: a new password for Scoreline"
    assert await try_to_set_password(mailing_world, token) == []
    assert await can_sign_in(mailing_world, "Bob", NEW_PASSWORD)


async def test_mail_is_in_the_language_of_the_profile_or_else_of_the_request(mailing_world: World) -> None:
    mail = await PasswordMail.create(
        email="bob@example.com",
        purpose="RESET",
        language="ru",
        requested_at=mailing_world.now,
        due_at=mailing_world.now,
    )
    russian = await password_links.render_mail(mail, PUBLIC_URL, mailing_world.now)
    await mailing_world.mutate("updateProfile", "Bob", language="en")
    english = await password_links.render_mail(mail, PUBLIC_URL, mailing_world.now)

    assert "Задайте его здесь" in russian.text
    assert "Choose it here" in english.text


async def test_reset_is_stored_alike_for_known_and_unknown_addresses(mailing_world: World) -> None:
    answers = [await request_reset(mailing_world, email) for email in ("bob@example.com", "nobody@example.com")]
    mails = await PasswordMail.all().order_by("id")

    assert answers == [[], []]
    assert [mail.email for mail in mails] == ["bob@example.com", "nobody@example.com"]
    assert not await PasswordLink.exists()
    assert await password_links.render_mail(mails[1], PUBLIC_URL, mailing_world.now) is None
    assert not await PasswordLink.exists()


async def test_inactive_employee_gets_no_mail(mailing_world: World) -> None:
    await request_reset(mailing_world, "bob@example.com")
    await mailing_world.mutate("updateEmployee", id=mailing_world.global_ids["Bob"], active=False)
    mail = await rows.claim_due_mail(mailing_world.now)

    assert await password_links.render_mail(mail, PUBLIC_URL, mailing_world.now) is None


async def test_reset_is_refused_alike_where_no_mail_is_sent(world: World) -> None:
    answers = [await request_reset(world, email) for email in ("bob@example.com", "nobody@example.com")]

    assert answers == [["CONFLICT"], ["CONFLICT"]]
    assert not await PasswordMail.exists()


async def test_account_gets_three_mails_an_hour_and_the_answer_does_not_tell(mailing_world: World) -> None:
    mailing_world.services.rate_limiter = RateLimiter()
    answers = [await request_reset(mailing_world, "bob@example.com") for _ in range(5)]

    assert answers == [[]] * 5
    assert await PasswordMail.all().count() == password_links.RESETS_PER_ACCOUNT.amount


async def test_network_requests_twenty_mails_an_hour(mailing_world: World) -> None:
    mailing_world.services.rate_limiter = RateLimiter()
    for number in range(password_links.RESETS_PER_NETWORK.amount):
        await request_reset(mailing_world, f"seller{number}@example.com")

    with pytest.raises(AssertionError, match="Too many requests for a new password"):
        await request_reset(mailing_world, "bob@example.com")


async def test_mail_is_claimed_by_one_process(mailing_world: World) -> None:
    await request_reset(mailing_world, "bob@example.com")
    claims = [await rows.claim_due_mail(mailing_world.now) for _ in range(3)]
    mailing_world.advance(minutes=3)  # its sender has died
    later_claim = await rows.claim_due_mail(mailing_world.now)

    assert [claim is not None for claim in claims] == [True, False, False]
    assert later_claim is not None
    assert later_claim.attempts == 2
