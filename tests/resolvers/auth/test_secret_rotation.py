"""The signing secret is replaced without signing anyone out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import jwt
import pytest

from domain.errors.operation_errors import Unauthenticated
from resolvers.auth import sessions
from resolvers.auth.trust_tokens import create_trust_token, find_trusted_device
from tests.world import PASSWORD, World, open_world

OLD, NEW, OTHER = "s" * 32, "n" * 32, "o" * 32


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world(usual_database_url) as world:
        yield world


def use_secrets(world: World, signing_secret: str, *old_secrets: str) -> None:
    world.services.signing_secret, world.services.old_secrets = signing_secret, old_secrets


async def is_valid(world: World, token: str) -> bool:
    try:
        await sessions.authenticate(token, world.services, world.now)
    except Unauthenticated:
        return False
    return True


async def issue_token(world: World) -> str:
    payload = await world.try_mutation("signIn", None, email="admin@example.com", password=PASSWORD)
    return str(payload["accessToken"])


async def test_tokens_of_all_listed_secrets_are_accepted_and_the_first_signs(world: World) -> None:
    old_token = await issue_token(world)
    use_secrets(world, OTHER, OLD)
    middle_token = await issue_token(world)
    use_secrets(world, NEW, OTHER, OLD)
    new_token = await issue_token(world)

    assert [await is_valid(world, token) for token in (old_token, middle_token, new_token)] == [True] * 3
    assert jwt.decode(new_token, NEW, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})


async def test_server_that_does_not_sign_with_a_new_secret_yet_accepts_it(world: World) -> None:
    use_secrets(world, NEW, OLD)
    token = await issue_token(world)
    use_secrets(world, OLD, NEW)

    assert await is_valid(world, token)


async def test_tokens_of_a_removed_secret_are_refused(world: World) -> None:
    token = await issue_token(world)
    use_secrets(world, NEW, OTHER)

    assert not await is_valid(world, token)


async def test_session_outlives_a_removed_secret_by_its_refresh_token(world: World) -> None:
    payload = await world.try_mutation("signIn", None, email="admin@example.com", password=PASSWORD)
    use_secrets(world, NEW)
    result = await sessions.refresh(world.build_context(), payload["refreshToken"])

    assert await is_valid(world, result.access_token)


async def test_trust_token_of_an_old_secret_is_accepted(world: World) -> None:
    token = create_trust_token(1, world.services, world.now)
    use_secrets(world, NEW, OLD)

    assert find_trusted_device(token, 1, world.services, world.now) is not None
