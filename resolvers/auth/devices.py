"""Devices (wallboards and integrations): create, list and revoke. Only administrators may."""

from __future__ import annotations

from domain.errors.user_errors import Invalid, NotFound
from domain.permissions import Action, DeviceKind
from domain.primitives.global_ids import decode_global_id
from models.auth import sessions as device_rows
from models.auth.sessions import Device
from models.db import row_store
from resolvers.auth import audit, sessions
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext


async def create_device(
    context: RequestContext, *, name: str, kind: DeviceKind, scope_id: str | None = None
) -> tuple[Device, str]:
    """Create a device and return it with its token, which is not stored and cannot be shown again."""
    context.viewer.require_admin("Only an administrator can make and revoke devices.")
    team_id = None
    if scope_id is not None:
        scope = await scopes.find_scope(context, scope_id)
        if scope is None:
            raise NotFound("There is no such team.", "input", "scope")
        if not scope.key.can_own_devices:
            raise Invalid("A device stands for a team or the company.", "input", "scope")
        team_id = scope.key.team_id
    token, digest = sessions.new_device_token()
    name = validation.clean_name(name, "input", "name")
    device = await row_store.insert(
        Device(name=name, kind=kind, team_id=team_id, digest=digest, created_at=context.now())
    )
    audit.record(context, "device created", device=device.id, kind=device.kind, team=team_id)
    return device, token


async def revoke_device(context: RequestContext, global_id: str) -> Device:
    """Revoke a device; its open sockets close."""
    decoded_id = decode_global_id(global_id)
    device = await row_store.find(Device, decoded_id[1]) if decoded_id and decoded_id[0] == "Device" else None
    if device is None or not context.viewer.can_company_wide(Action.ADMINISTER):  # only administrators see devices
        raise NotFound("There is no such device.", "id")
    if device.revoked_at is None:
        device.revoked_at = context.now()
        await row_store.save(device, "revoked_at")
        context.publish(f"device:{device.id}")
        audit.record(context, "device revoked", device=device.id)
    return device


async def list_devices(context: RequestContext) -> list[Device]:
    """Return all devices, newest first; an empty list for viewers other than administrators."""
    if not context.viewer.can_company_wide(Action.ADMINISTER):
        return []
    return await device_rows.list_devices()
