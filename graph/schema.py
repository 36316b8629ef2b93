"""Builds the GraphQL schema from its root types."""

from __future__ import annotations

from functools import cache

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from graph.base.field_declarations import attach_declarations
from graph.base.scalars import SCALARS
from graph.execution.field_readers import attach_readers
from graph.mutations.absences import AbsenceMutation
from graph.mutations.alerts import AlertMutation
from graph.mutations.calls import CallMutation
from graph.mutations.clients import ClientMutation
from graph.mutations.company import CompanyMutation
from graph.mutations.deals import DealMutation
from graph.mutations.devices import DeviceMutation
from graph.mutations.forecasts import ForecastMutation
from graph.mutations.goals import GoalMutation
from graph.mutations.imports import ImportMutation
from graph.mutations.leads import LeadMutation
from graph.mutations.merges import MergeMutation
from graph.mutations.metrics import MetricMutation
from graph.mutations.passwords import PasswordMutation
from graph.mutations.people import PeopleMutation
from graph.mutations.pipelines import PipelineMutation
from graph.mutations.plans import PlanMutation
from graph.mutations.records import RecordMutation
from graph.mutations.refunds import RefundMutation
from graph.mutations.results import ResultMutation
from graph.mutations.sessions import SessionMutation
from graph.mutations.tasks import TaskMutation
from graph.mutations.worktime import WorkMutation
from graph.queries import Query
from graph.subscriptions import Subscription
from graph.types.deals import Contact
from graph.types.sessions import Device

# in the order in which the schema lists them
Mutation = merge_types(
    "Mutation",
    (
        SessionMutation,
        PasswordMutation,
        PeopleMutation,
        AbsenceMutation,
        CompanyMutation,
        PipelineMutation,
        DeviceMutation,
        MetricMutation,
        GoalMutation,
        PlanMutation,
        ForecastMutation,
        DealMutation,
        RefundMutation,
        RecordMutation,
        LeadMutation,
        ClientMutation,
        MergeMutation,
        CallMutation,
        ResultMutation,
        TaskMutation,
        WorkMutation,
        AlertMutation,
        ImportMutation,
    ),
)


@cache
def create_schema(*, allow_suggestions: bool = False) -> strawberry.Schema:
    """Return the schema, which is built on the first call.

    allow_suggestions  lets error messages suggest the names of types and fields, also to anonymous clients
    """
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Contact, Device],
        config=StrawberryConfig(scalar_map=SCALARS, disable_field_suggestions=not allow_suggestions),
    )
    attach_declarations(schema._schema)
    attach_readers(schema._schema)
    return schema


def export_sdl() -> str:
    """Return the schema as SDL text, the content of graph/schema.graphql."""
    return create_schema().as_str() + "\n"
