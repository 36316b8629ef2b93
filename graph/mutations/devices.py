"""Mutations of devices."""

from __future__ import annotations

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import DeviceKind
from graph.base.lazy_types import DeviceRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.auth import devices


@strawberry.input(description="`scope`: the team or company the device may read or record for; null means the company.")
class CreateDeviceInput:
    name: str
    kind: DeviceKind
    scope: ID | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The device; `token` is shown only once.")
class CreateDevicePayload:
    device: DeviceRef | None
    token: str | None


@payload("The device.")
class DevicePayload:
    device: DeviceRef | None


@strawberry.type
class DeviceMutation:
    @mutation("Create a wallboard or integration; its token is shown only once.")
    async def create_device(self, info: Info, input: CreateDeviceInput) -> CreateDevicePayload:
        device, token = await devices.create_device(
            info.context, name=input.name, kind=input.kind, scope_id=None if input.scope is UNSET else input.scope
        )
        return CreateDevicePayload(device=device, token=token)

    @mutation("Revoke a device; its open sockets close.")
    async def revoke_device(self, info: Info, id: ID) -> DevicePayload:
        return DevicePayload(device=await devices.revoke_device(info.context, id))
