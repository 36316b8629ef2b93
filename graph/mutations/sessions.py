"""Mutations that sign in and out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry

from graph.base.mutations import payload, session_action
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


def _signed_in(signed: sessions.SignedIn) -> Any:
    return SignInPayload(
        access_token=signed.access_token,
        refresh_token=signed.refresh_token,
        expires_at=signed.expires_at,
        viewer=signed.viewer,  # type: ignore[arg-type]
    )


@strawberry.type
class SessionMutation:
    @session_action("Start a session with e-mail and password.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        return _signed_in(await sessions.sign_in(info.context, input.email, input.password))  # type: ignore[no-any-return]

    @session_action("Exchange a refresh token for new tokens; using a refresh token twice ends the session.")
    async def refresh_session(self, info: Info, refresh_token: str) -> SignInPayload:
        return _signed_in(await sessions.refresh(info.context, refresh_token))  # type: ignore[no-any-return]

    @session_action("End the session of a refresh token.")
    async def sign_out(self, info: Info, refresh_token: str) -> SignOutPayload:
        await sessions.sign_out(info.context, refresh_token)
        return SignOutPayload()
