"""The public schema."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from graph.alerts import AlertMutation
from graph.deals import Contact
from graph.executing import Executor, planned
from graph.live import Subscription
from graph.office_actions import OfficeMutation, SessionMutation
from graph.queries import Query
from graph.record_actions import RecordMutation
from graph.scalars import SCALARS
from graph.sessions import Device
from graph.worktime import WorkMutation

Mutation = merge_types("Mutation", (SessionMutation, OfficeMutation, RecordMutation, WorkMutation, AlertMutation))


def make(*, open_: bool = False) -> strawberry.Schema:
    """Return the schema; `open_` lets its errors suggest names to strangers."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Contact, Device],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not open_),
        execution_context_class=Executor,
    )
    planned(schema._schema)
    return schema


def exported() -> str:
    """Return the schema in its own language, as kept in graph/schema.graphql."""
    return make().as_str() + "\n"
