"""Trust tokens: proof that a device has signed in before, so that wrong passwords tried elsewhere do not lock it out.

This is the device cookie of the OWASP pages on authentication. A trust token is no sign-in: it only gives the device
a count of wrong passwords of its own.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

import jwt

from resolvers.auth import signing
from resolvers.request.services import Services

_AUDIENCE: Final = "trust"
_LIFETIME: Final = timedelta(days=365)


def create_trust_token(employee_id: int, services: Services, now: datetime) -> str:
    claims = {"sub": str(employee_id), "jti": secrets.token_hex(16), "exp": now + _LIFETIME, "aud": _AUDIENCE}
    return signing.sign(claims, services.signing_secret)


def find_trusted_device(token: str | None, employee_id: int | None, services: Services, now: datetime) -> str | None:
    """Return the id of the device with a trust token of the employee; None if it is not one, or has expired."""
    if token is None or employee_id is None:
        return None
    try:
        claims = signing.verify(token, services.verifying_secrets, ("sub", "jti", "exp"), _AUDIENCE)
    except (jwt.InvalidTokenError, ValueError):  # ValueError: text that cannot be encoded
        return None
    is_valid = claims["sub"] == str(employee_id) and claims["exp"] > now.timestamp()
    return str(claims["jti"]) if is_valid else None
