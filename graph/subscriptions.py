"""Subscriptions: states, sent now and after each change, and happenings, each sent once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

import strawberry

from graph.base.enums import ActivityKind, MoneyBasis, RankBy
from graph.base.input_mapping import PeriodInput, forecast_question, period_key
from graph.base.row_types import Info, chosen
from graph.types.activities import Activity
from graph.types.alerts import Alert
from graph.types.forecasts import Forecast
from graph.types.goals import FORESEEN, Goal
from graph.types.leaderboards import DealWon, Leaderboard
from graph.types.people import Employee
from resolvers.leaderboards.leaderboards import Question
from subscriptions import activities, alerts, forecasts, goals, leaderboards, presence

# the fields that send each happening once; the rest are states
HAPPENINGS: Final = frozenset({"activities", "alerts", "dealWon"})


@strawberry.type(
    description="""A subscription to a state (goals, a leaderboard, a forecast, presence) sends what it is now at once, then what it has become
after each change; changes that come close together may arrive as one, and the last state always arrives. A subscription
to happenings (activities, wins, alerts) sends each happening once, in order."""
)
class Subscription:
    @strawberry.subscription(
        graphql_type=AsyncGenerator[Goal, None],
        description="""Goals by id, or all those of a scope whose period holds today; without arguments the viewer's own.
Each goal is a state of its own: all are sent first, then each that moved, is new or was archived; when the period turns,
those of the new one.""",
    )
    def goal_progress(
        self, info: Info, goals: list[strawberry.ID] | None = None, scope: strawberry.ID | None = None
    ) -> Any:
        return _goals(info, goals, scope)

    @strawberry.subscription(graphql_type=AsyncGenerator[Leaderboard, None])
    def leaderboard(
        self,
        info: Info,
        metric: str = "deals_won_amount",
        period: PeriodInput | None = None,
        scope: strawberry.ID | None = None,
        rank_by: RankBy = RankBy.VALUE,
        first: int = 100,
        around: strawberry.ID | None = None,
    ) -> Any:
        question = Question(metric, period_key(period), scope, rank_by, first, around)
        return leaderboards.leaderboard(info.context, question)

    @strawberry.subscription(graphql_type=AsyncGenerator[Forecast, None])
    def forecast(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        period: PeriodInput | None = None,
        basis: MoneyBasis = MoneyBasis.REVENUE,
    ) -> Any:
        return forecasts.forecast(info.context, scope, forecast_question(period, basis))

    @strawberry.subscription(
        graphql_type=AsyncGenerator[DealWon, None],
        description="""For the bell in the sales office: wins as they happen; imports and wins dated over a day back ring
no bell. `after`, the id of the last win heard, first sends all since.""",
    )
    def deal_won(self, info: Info, scope: strawberry.ID | None = None, after: strawberry.ID | None = None) -> Any:
        return leaderboards.deal_won(info.context, scope, after)

    @strawberry.subscription(
        graphql_type=AsyncGenerator[Activity, None],
        description="""`after`, a cursor of the `activities` query or the id of the last activity received, first sends all
recorded since, in order of recording: nothing is missed between two connections. One that is not known ends the
subscription with the error CURSOR_UNKNOWN.""",
    )
    def activities(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        kinds: list[ActivityKind] | None = None,
        after: str | None = None,
    ) -> Any:
        return activities.activities(info.context, scope, kinds, after)

    @strawberry.subscription(
        graphql_type=AsyncGenerator[Alert, None],
        description="""The viewer's own inbox as it fills. `after`, a cursor of the `alerts` query or the id of the last
alert received, first sends all since; one that is not known ends the subscription with the error CURSOR_UNKNOWN.""",
    )
    def alerts(self, info: Info, after: str | None = None) -> Any:
        return alerts.inbox(info.context, after)

    @strawberry.subscription(
        graphql_type=AsyncGenerator[Employee, None],
        description="""Who is online: every active employee of the scope (null: the widest the viewer may see), then each who came
or went, is new, has left the scope or has changed as colleagues see him.""",
    )
    def presence(self, info: Info, scope: strawberry.ID | None = None) -> Any:
        return presence.presence(info.context, scope)


def _goals(info: Info, ids: list[strawberry.ID] | None, scope: strawberry.ID | None) -> AsyncGenerator[Any, None]:
    # the argument of the field hides the module there
    return goals.goal_progress(info.context, ids, scope, foreseen=chosen(info, FORESEEN))
