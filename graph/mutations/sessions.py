"""Mutations that sign in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry

from graph.base.mutations import payload, session_mutation
from graph.base.row_types import Info
from graph.types.sessions import Viewer
from resolvers.auth import sessions


@strawberry.input
class SignInInput:
    email: str
    password: str


@payload("The access token for the header and `connection_init`, and the refresh token to get the next one.")
class SignInPayload:
    access_token: str | None
    refresh_token: str | None
    expires_at: datetime | None
    viewer: Viewer | None


@payload("Only the user errors.")
class SignOutPayload:
    pass


def _sign_in_payload(result: sessions.SignInResult) -> Any:
    return SignInPayload(
        access_token=result.access_token,
        refresh_token=result.refresh_token,
        expires_at=result.expires_at,
        viewer=result.viewer,  # type: ignore[arg-type]
    )


@strawberry.type
class SessionMutation:
    @session_mutation("Start a session with e-mail and password.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        return _sign_in_payload(await sessions.sign_in(info.context, input.email, input.password))  # type: ignore[no-any-return]

    @session_mutation("Exchange a refresh token for new tokens; using a refresh token twice ends the session.")
    async def refresh_session(self, info: Info, refresh_token: str) -> SignInPayload:
        return _sign_in_payload(await sessions.refresh(info.context, refresh_token))  # type: ignore[no-any-return]

    @session_mutation("End the session of a refresh token.")
    async def sign_out(self, info: Info, refresh_token: str) -> SignOutPayload:
        await sessions.sign_out(info.context, refresh_token)
        return SignOutPayload()
