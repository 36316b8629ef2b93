"""Passwords: guessable ones are refused wherever one is set, hashing holds up nobody, and accounts are not revealed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors.user_errors import Invalid
from models.db import connection
from models.organization.people import Employee
from resolvers.auth import passwords
from resolvers.organization import company
from tests.empty_database import create_database
from tests.world import PASSWORD, START, World, open_world

NEW_PASSWORD = "battery staple"
REFUSED = ["Sunshine", "Ann-Acme-2026"]  # a common one, and one of names


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    """The company Acme with its employee Ann."""
    async with open_world(usual_database_url) as world:
        await world.mutate("updateCompany", name="Acme")
        await world.create_employee("Ann")
        yield world


async def try_to_set_password(world: World, path: str, password: str) -> dict[str, Any]:
    """Set a password in one of the ways of the API and return the payload."""
    match path:
        case "createEmployee":
            input = {"name": "Ann Two", "email": "two@example.com", "password": password}
            return await world.try_mutation("createEmployee", **input)
        case "updateEmployee":
            return await world.try_mutation("updateEmployee", id=world.global_ids["Ann"], password=password)
        case "updateProfile":
            return await world.try_mutation("updateProfile", "Ann", password=password, currentPassword=PASSWORD)
    link = (await world.mutate("inviteEmployee", employee=world.global_ids["Ann"]))["link"]
    return await world.try_mutation("setPassword", None, token=link.partition("#token=")[2], password=password)


@pytest.mark.parametrize("password", REFUSED)
@pytest.mark.parametrize("path", ["createEmployee", "updateEmployee", "updateProfile", "setPassword"])
async def test_guessable_password_is_refused_wherever_one_is_set(world: World, path: str, password: str) -> None:
    hashes = await Employee.all().order_by("id").values_list("email", "password_hash")

    payload = await try_to_set_password(world, path, password)

    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [("INVALID", ["input", "password"])]
    assert await Employee.all().order_by("id").values_list("email", "password_hash") == hashes


async def test_first_administrator_gets_no_guessable_password(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/scoreline.db"
    await create_database(url)
    details: dict[str, Any] = {
        "name": "Acme",
        "currency": "EUR",
        "zone": "UTC",
        "country": None,
        "admin": "Ann",
        "email": "ann@example.com",
    }
    async with connection.connect(url):
        for password in REFUSED:
            with pytest.raises(Invalid):
                async with connection.write_transaction():
                    await company.set_up(**details, password=password, now=START)


@pytest.mark.parametrize("path", ["createEmployee", "updateEmployee", "updateProfile", "setPassword"])
async def test_password_is_hashed_before_the_unit_of_work(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    hash_password, was_outside = passwords.hash_password, []

    async def observe(*arguments: Any, **options: Any) -> str:
        was_outside.append(connection.is_outside_transaction())
        return await hash_password(*arguments, **options)

    monkeypatch.setattr(passwords, "hash_password", observe)

    payload = await try_to_set_password(world, path, NEW_PASSWORD)

    assert payload["userErrors"] == []
    assert was_outside == [True]


async def test_password_of_an_employee_is_not_hashed_for_viewers_who_may_not_set_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(passwords, "hash_password")
    change = {"id": world.global_ids["Ann"], "password": NEW_PASSWORD}

    payload = await world.try_mutation("updateEmployee", "Ann", **change)
    unknown = await world.try_mutation("updateEmployee", **{**change, "id": "ext:nobody"})

    assert [error["code"] for error in payload["userErrors"]] == ["FORBIDDEN"]
    assert [error["code"] for error in unknown["userErrors"]] == ["NOT_FOUND"]


@pytest.mark.parametrize("password", ["UPPER and lower ", "x" * 64 + " long", "пароль из нескольких слов", "🙂" * 200])
async def test_password_is_compared_exactly(world: World, password: str) -> None:
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], password=password)

    async def can_sign_in(text: str) -> bool:
        payload = await world.try_mutation("signIn", None, email="ann@example.com", password=text)
        return not payload["userErrors"]

    assert await can_sign_in(password)
    for other in (password[:-1], password.swapcase() + "!", password + " "):
        assert not await can_sign_in(other)


async def test_password_does_not_expire(world: World) -> None:
    world.advance(days=3650)

    assert (await world.mutate("signIn", None, email="ann@example.com", password=PASSWORD))["accessToken"]


async def test_verify_password_is_false_without_account() -> None:
    assert not await passwords.verify_password(None, "nobody has this password")


def test_unknown_email_costs_as_much_to_check_as_a_known_one(real_hashes: None) -> None:
    assert not passwords._HASHER.check_needs_rehash(passwords._DUMMY_HASH)
