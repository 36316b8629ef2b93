"""Devices (wallboards and integrations): create, list and revoke. Only administrators may."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors.user_errors import Forbidden, Invalid, NotFound
from domain.permissions import Action
from domain.primitives.global_ids import decoded
from models.auth.sessions import Device
from models.goals.goals import OwnerKind
from resolvers.auth import sessions
from resolvers.request import scopes, validation
from resolvers.request.context import Context

Given = Mapping[str, Any]


async def create(context: Context, given: Given) -> tuple[Device, str]:
    """Create a device and return it with its token, which is not stored and cannot be shown again."""
    _require_admin(context)
    team = None
    if given.get("scope") is not None:
        scope = await scopes.find(context, given["scope"])
        if scope is None:
            raise NotFound("There is no such team.", "input", "scope")
        if scope.kind is OwnerKind.EMPLOYEE:
            raise Invalid("A device stands for a team or the company.", "input", "scope")
        team = scope.number if scope.kind is OwnerKind.TEAM else None
    token, digest = sessions.new_device_token()
    device = await Device.create(
        name=validation.name(given["name"], "input", "name"),
        kind=given["kind"],
        team_id=team,
        digest=digest,
        created_at=context.now(),
    )
    return device, token


async def revoke(context: Context, id_: str) -> Device:
    """Revoke a device; its open sockets close."""
    pair = decoded(id_)
    device = await Device.get_or_none(id=pair[1]) if pair and pair[0] == "Device" else None
    if device is None or not context.viewer.may_company(Action.ADMINISTER):  # only administrators see devices
        raise NotFound("There is no such device.", "id")
    if device.revoked_at is None:
        device.revoked_at = context.now()
        await device.save(update_fields=["revoked_at"])
        context.announce(f"device:{device.id}")
    return device


async def listed(context: Context) -> list[Device]:
    """Return all devices, newest first; an empty list for viewers other than administrators."""
    if not context.viewer.may_company(Action.ADMINISTER):
        return []
    return await Device.all().order_by("-id")


def _require_admin(context: Context) -> None:
    if not context.viewer.may_company(Action.ADMINISTER):
        raise Forbidden("Only an administrator can make and revoke devices.", "input")
