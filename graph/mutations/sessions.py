"""Mutations that sign in and out."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from graph.base.lazy_types import ViewerRef
from graph.base.mutations import payload, session_mutation
from graph.base.row_types import Info
from resolvers.auth import own_sessions, sessions


@strawberry.input(description="`trustToken`: from an earlier sign-in on the same device.")
class SignInInput:
    email: str
    password: str
    trust_token: str | None = UNSET


@payload("""The access token for the header and `connection_init`, and the refresh token to get the next one.
`trustToken` is returned by `signIn` only: keep it on the device, also after signing out, and send it with the next
`signIn`; wrong passwords that were sent from elsewhere then do not lock this device out.""")
class SignInPayload:
    access_token: str | None
    refresh_token: str | None
    expires_at: datetime | None
    trust_token: str | None
    viewer: ViewerRef | None


@strawberry.input(description="`session`: the one to end; without it, all others than the one in use.")
class EndSessionsInput:
    current_password: str
    session: ID | None = UNSET


@payload("`ended`: how many sessions have ended.")
class EndSessionsPayload:
    ended: int | None


@payload("Only the user errors.")
class SignOutPayload:
    pass


def _sign_in_payload(result: sessions.SignInResult) -> SignInPayload:
    return SignInPayload(
        access_token=result.access_token,
        refresh_token=result.refresh_token,
        expires_at=result.expires_at,
        trust_token=result.trust_token,
        viewer=result.viewer,
    )


@strawberry.type
class SessionMutation:
    @session_mutation("Start a session with e-mail and password.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInPayload:
        trust_token = input.trust_token or None
        result = await sessions.sign_in(info.context, input.email, input.password, trust_token)
        return _sign_in_payload(result)

    @session_mutation("""Exchange a refresh token for new tokens. The same token again within 30 seconds returns the same
refresh token, in case the answer was lost; later, or from another network, it ends the session.""")
    async def refresh_session(self, info: Info, refresh_token: str) -> SignInPayload:
        return _sign_in_payload(await sessions.refresh(info.context, refresh_token))

    @session_mutation("End the session of a refresh token.")
    async def sign_out(self, info: Info, refresh_token: str) -> SignOutPayload:
        await sessions.sign_out(info.context, refresh_token)
        return SignOutPayload()

    @session_mutation("End a session of the viewer, or all but the one in use. Open sockets of ended sessions close.")
    async def end_sessions(self, info: Info, input: EndSessionsInput) -> EndSessionsPayload:
        return EndSessionsPayload(
            ended=await own_sessions.end_sessions(
                info.context, input.current_password, None if input.session is UNSET else input.session
            )
        )
