"""Mutations of absences."""

from __future__ import annotations

from datetime import date

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import AbsenceKind
from graph.base.input_mapping import to_input
from graph.base.lazy_types import AbsenceRef, EmployeeRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.organization import absences
from resolvers.organization.inputs import AbsenceInput


@strawberry.input(
    description="""`employee`: by default the viewer. With the `id` or `externalId` of an absence, that one is changed.
`from` and `to` are both included."""
)
class SetAbsenceInput:
    id: ID | None = UNSET
    employee: ID | None = UNSET
    first_day: date = strawberry.field(name="from")
    last_day: date = strawberry.field(name="to")
    kind: AbsenceKind
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The absence.")
class AbsencePayload:
    absence: AbsenceRef | None


@payload("The employee whose absence was removed.")
class RemoveAbsencePayload:
    employee: EmployeeRef | None


@strawberry.type
class AbsenceMutation:
    @mutation(
        """Set an absence of an employee: days on which nothing is expected of them. CONFLICT if it overlaps another one;
FORBIDDEN for an own one unless the company allows it (`employeesSetAbsences`)."""
    )
    async def set_absence(self, info: Info, input: SetAbsenceInput) -> AbsencePayload:
        return AbsencePayload(absence=await absences.set_absence(info.context, to_input(AbsenceInput, input)))

    @mutation("Remove an absence.")
    async def remove_absence(self, info: Info, id: ID) -> RemoveAbsencePayload:
        return RemoveAbsencePayload(employee=await absences.remove_absence(info.context, id))
