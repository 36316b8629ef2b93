"""Root type `Subscription`: states, sent at once and after each change, and events, each sent once."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import strawberry

from graph.base.answer_parts import JUDGEMENT, leaderboard_parts, needs_target
from graph.base.enums import ActivityKind, MoneyBasis, RankBy
from graph.base.field_declarations import CARD, GOALS, IMPORTS, LEADERBOARD, WHOLE_VIEWER, WINS, Sends, declare
from graph.base.input_mapping import PeriodInput, forecast_query, period_key
from graph.base.lazy_types import (
    ActivityRef,
    AlertRef,
    DealWonRef,
    EmployeeRef,
    ForecastRef,
    GoalRef,
    ImportJobRef,
    LeaderboardRef,
    UndoneActivityRef,
)
from graph.base.row_types import selects_any
from graph.types.goals import EXPECTATION_FIELDS, PROJECTION_FIELDS, TIER_FIELDS
from models.db.keyset_pagination import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from resolvers.leaderboards.leaderboards import LeaderboardQuery
from subscriptions import activities, alerts, forecasts, goals, imports, leaderboards, presence
from subscriptions.core.stream_context import StreamContext

Info = strawberry.Info[StreamContext, None]


@strawberry.type(
    description="""A subscription to a state (goals, a leaderboard, a forecast, presence) sends the current state at
once, then the new state after each change; changes close together may arrive as one, and the last state always arrives.
A subscription to events (activities, wins, alerts) sends each event once, in order."""
)
class Subscription:
    @strawberry.subscription(
        description="""Goals by id, or all goals of a scope whose period includes today; without arguments the viewer's
own. Each goal is a state of its own: all are sent first, then each one that changed, is new or was archived; when the
next period begins, the goals of that period.""",
        metadata=declare(GOALS, subject_arguments=("goals", "scope"), sends=Sends.STATES),
    )
    def goal_progress(
        self, info: Info, goals: list[strawberry.ID] | None = None, scope: strawberry.ID | None = None
    ) -> AsyncGenerator[GoalRef, None]:
        return _stream_goal_progress(info, goals, scope)

    @strawberry.subscription(
        metadata=declare(LEADERBOARD, metric_argument="metric", page_size=MAX_PAGE_SIZE, sends=Sends.STATES),
    )
    def leaderboard(
        self,
        info: Info,
        metric: str = "deals_won_amount",
        period: PeriodInput | None = None,
        scope: strawberry.ID | None = None,
        rank_by: RankBy = RankBy.VALUE,
        first: int = 100,
        around: strawberry.ID | None = None,
    ) -> AsyncGenerator[LeaderboardRef, None]:
        query = LeaderboardQuery(
            metric, period_key(period), scope, rank_by, first, around, parts=leaderboard_parts(info)
        )
        return leaderboards.leaderboard(info.context, query)

    @strawberry.subscription(metadata=declare(WHOLE_VIEWER, sends=Sends.STATES))
    def forecast(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        period: PeriodInput | None = None,
        basis: MoneyBasis = MoneyBasis.REVENUE,
    ) -> AsyncGenerator[ForecastRef, None]:
        query = forecast_query(
            period, basis, with_target=needs_target(info), with_judgement=selects_any(info, JUDGEMENT)
        )
        return forecasts.forecast(info.context, scope, query)

    @strawberry.subscription(
        description="""Wins as they happen, to be announced in the sales office. Imports and wins dated more than a day
back are not sent. `after`, the `cursor` of the last win received, first sends all wins and revocations since; an
unknown cursor ends the subscription with the error CURSOR_UNKNOWN.""",
        metadata=declare(WINS, sends=Sends.EVENTS),
    )
    def deal_won(
        self, info: Info, scope: strawberry.ID | None = None, after: strawberry.ID | None = None
    ) -> AsyncGenerator[DealWonRef, None]:
        return leaderboards.deal_won(info.context, scope, after)

    @strawberry.subscription(
        description="""`after`, the `cursor` of the last activity received or one of the `activities` query, first sends
all activities recorded since, in order of recording, so that none is missed between two connections. An unknown cursor
ends the subscription with the error CURSOR_UNKNOWN.""",
        metadata=declare(CARD | GOALS, page_size=DEFAULT_PAGE_SIZE, sends=Sends.EVENTS),
    )
    def activities(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        kinds: list[ActivityKind] | None = None,
        after: str | None = None,
    ) -> AsyncGenerator[ActivityRef, None]:
        return activities.stream_activities(info.context, scope, kinds, after)

    @strawberry.subscription(
        description="""Activities that are taken back with `undo`, so that a client removes them, and the alerts that vanish
with them. `after`, the `cursor` of the last one received, first sends all since; an unknown cursor ends the subscription
with the error CURSOR_UNKNOWN.""",
        metadata=declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE, sends=Sends.EVENTS),
    )
    def undone_activities(
        self, info: Info, scope: strawberry.ID | None = None, after: str | None = None
    ) -> AsyncGenerator[UndoneActivityRef, None]:
        return activities.stream_undone_activities(info.context, scope, after)

    @strawberry.subscription(
        description="""New alerts of the viewer's own inbox. `after`, the `cursor` of the last alert received or one
of the `alerts` query, first sends all alerts since; an unknown cursor ends the subscription with CURSOR_UNKNOWN.""",
        metadata=declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE, sends=Sends.EVENTS),
    )
    def alerts(self, info: Info, after: str | None = None) -> AsyncGenerator[AlertRef, None]:
        return alerts.stream_inbox(info.context, after)

    @strawberry.subscription(
        description="""Which employees are online: every active employee of the scope (null: the widest the viewer may
see), then each employee who went online or offline, is new, has left the scope or whose public fields have changed.""",
        metadata=declare(WHOLE_VIEWER, sends=Sends.STATES),
    )
    def presence(self, info: Info, scope: strawberry.ID | None = None) -> AsyncGenerator[EmployeeRef, None]:
        return presence.presence(info.context, scope)

    @strawberry.subscription(
        description="How far an import is, while it runs and after its end; for administrators.",
        metadata=declare(IMPORTS, sends=Sends.STATES),
    )
    def import_progress(self, info: Info, id: strawberry.ID) -> AsyncGenerator[ImportJobRef, None]:
        return imports.import_progress(info.context, id)


def _stream_goal_progress(
    info: Info, global_ids: list[strawberry.ID] | None, scope: strawberry.ID | None
) -> AsyncGenerator[GoalRef, None]:
    # a function of its own, since the argument `goals` of the field hides the module `goals` there
    return goals.goal_progress(
        info.context,
        global_ids,
        scope,
        with_projections=selects_any(info, PROJECTION_FIELDS),
        with_expected=selects_any(info, EXPECTATION_FIELDS),
        with_tiers=selects_any(info, TIER_FIELDS),
    )
