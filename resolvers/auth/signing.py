"""Signed tokens (JWT): signed with the first of the server's secrets, verified with all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import jwt
from jwt.types import Options

from domain.primitives.json_values import JsonObject

_ALGORITHM: Final = "HS256"


def sign(claims: Mapping[str, object], secret: str) -> str:
    return jwt.encode(dict(claims), secret, algorithm=_ALGORITHM)


def verify(
    token: str, secrets: Sequence[str], required_claims: Sequence[str], audience: str | None = None
) -> JsonObject:
    """Return the claims of a token that was signed with one of the secrets, whether it has expired or not.

    audience  the claim `aud` that the token must have; None for a token that must have none

    Raises jwt.InvalidTokenError.
    """
    options: Options = {"require": [*required_claims], "verify_exp": False, "verify_iat": False}
    for secret in secrets[:-1]:
        try:
            return jwt.decode(token, secret, algorithms=[_ALGORITHM], options=options, audience=audience)
        except jwt.InvalidSignatureError:
            continue  # it may have been signed with an older secret
    return jwt.decode(token, secrets[-1], algorithms=[_ALGORITHM], options=options, audience=audience)
