"""GraphQL type of records that are probably the same, and their query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Union

import strawberry
from strawberry import ID

from graph.base.enums import DuplicateKind, DuplicateReason
from graph.base.field_declarations import NOTHING, declare
from graph.base.row_types import Info, row_type
from graph.types.deals import Client, Contact
from graph.types.leads import Lead
from models.crm.merging import MergedRecord
from resolvers.crm import duplicates
from resolvers.crm.duplicates import DuplicateGroup as DuplicateGroupRow

_TYPICAL_GROUPS: Final = 20  # of a page, for the cost of a query

MergeableRecord = Annotated[
    Union[Client, Contact, Lead],  # noqa: UP007 - as the other unions
    strawberry.union("MergeableRecord", description="A record that can be merged."),
]


@row_type(DuplicateGroupRow, description="Records that have something in common and are probably the same.")
class DuplicateGroup:
    @strawberry.field
    @staticmethod
    def reason(root: strawberry.Parent[DuplicateGroupRow]) -> DuplicateReason:
        return root.key.reason

    @strawberry.field(description="What they have in common: the address, the digits of the number, or the plain name.")
    @staticmethod
    def value(root: strawberry.Parent[DuplicateGroupRow]) -> str:
        return root.key.value

    @strawberry.field(description="How many there are, as far as the viewer may see them.")
    @staticmethod
    def count(root: strawberry.Parent[DuplicateGroupRow]) -> int:
        return root.key.count

    @strawberry.field(
        graphql_type=list[MergeableRecord],
        description="The first 20 of them, the oldest first.",
        metadata=declare(NOTHING, length=3),
    )
    @staticmethod
    def records(root: strawberry.Parent[DuplicateGroupRow]) -> Sequence[MergedRecord]:
        return root.records


@strawberry.type
class DuplicateQuery:
    @strawberry.field(
        graphql_type=list[DuplicateGroup],
        description="""Records of a kind that have the same e-mail address, phone number or name, among those that the viewer
may see: by reason, then by value. Records that have several in common are in several groups. `first`: up to 100. A null
scope means the widest the viewer may see, null `reasons` all.""",
        metadata=declare(page_size=_TYPICAL_GROUPS),
    )
    async def duplicates(
        self,
        info: Info,
        kind: DuplicateKind = DuplicateKind.CLIENT,
        scope: ID | None = None,
        reasons: list[DuplicateReason] | None = None,
        first: int = 50,
        skip: int = 0,
    ) -> list[DuplicateGroupRow]:
        context = info.context
        context.viewer  # noqa: B018 - raises for an anonymous client
        return await duplicates.list_duplicates(context, kind, scope, reasons, first, skip)
