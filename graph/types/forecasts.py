"""GraphQL types of forecasts: expected amounts, their range, confidence, contributions, accuracy and snapshots."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import strawberry

from domain.forecasting.goal_chances import ChanceReliability
from graph.base.enums import AccuracyState, Confidence, DriversSince, MoneyBasis
from graph.base.field_declarations import NOTHING, WHOLE_VIEWER, declare
from graph.base.row_types import Info
from graph.base.scopes import CalendarPeriod, Period, Scope, to_calendar_period
from graph.types.deals import Deal
from graph.types.forecast_drivers import ForecastDrivers
from graph.types.judgement import ForecastCall, ForecastCategoryTotal, JudgementAccuracy
from models.db.keyset_pagination import DEFAULT_PAGE_SIZE
from models.forecasting.forecast_calls import CallKind
from models.forecasting.forecast_calls import ForecastCall as CallRow
from resolvers.forecasting import accuracy, drivers, forecasts, snapshots
from resolvers.forecasting.drivers import DriversRequest
from resolvers.forecasting.drivers import ForecastDrivers as DriversRow
from resolvers.forecasting.forecasts import DealForecast as Contribution
from resolvers.forecasting.forecasts import Forecast as ForecastRow
from resolvers.forecasting.judgement import (
    MAX_PAGE_SIZE,
    CategoryTotalView,
    Judgement,
    JudgementRequest,
    load_judgements,
)
from resolvers.forecasting.judgement_accuracy import JudgementAccuracy as JudgementAccuracyRow
from resolvers.forecasting.judgement_accuracy import (
    JudgementAccuracyRequest,
    ScopeAccuracy,
    measure_judgements,
)
from resolvers.forecasting.snapshots import ForecastSnapshotView
from resolvers.request import validation


@strawberry.type(description="An open deal's contribution to a forecast.")
class DealForecast:
    deal: Deal
    win_probability: float = strawberry.field(description="Probability, 0 to 1, of a win within the period.")
    expected: Decimal = strawberry.field(description="What it adds to `pipeline`.")


def _count_goals(root: ChanceReliability) -> int:
    return root.count


def _percent_field(name: str, description: str) -> float:
    def read(root: ChanceReliability) -> float:
        return 100 * float(getattr(root, name))

    return strawberry.field(resolver=read, description=description)


@strawberry.type(
    description="""How reliable the probabilities of goals were: of the goals with a probability in a range, how many were
reached. The goals are those of 80 to 125 % of the last results of past periods, on which plans are based."""
)
class GoalReliability:
    low_percent: float = _percent_field("low", "Lower end of the range of probabilities, percent.")
    high_percent: float = _percent_field("high", "Upper end of the range, percent; only 100 belongs to it.")
    predicted_percent: float = _percent_field("mean_probability", "Mean probability of these goals, percent.")
    reached_percent: float = _percent_field("reached", "Share of these goals that was reached, percent.")
    goals: int = strawberry.field(
        resolver=_count_goals,
        description="How many goals these are. Ten of one period are not independent: they have the same result.",
    )


@strawberry.type(
    description="Accuracy of past forecasts of the scope, each made only from what was known before its period began."
)
class ForecastAccuracy:
    periods: int = strawberry.field(description="How many past periods were forecast and compared.")
    wape: float = strawberry.field(description="Weighted absolute percentage error of `expected`, percent.")
    bias_percent: float = strawberry.field(
        description="Mean signed error over mean actual, percent; above 0 if too much was forecast."
    )
    interval_coverage_percent: float = strawberry.field(
        description="Share of actuals within low..high, percent; 80 is perfect."
    )
    weighted_pipeline_wape: float = strawberry.field(
        description="The same error for the plain stage-weighted pipeline."
    )
    goal_reliability: list[GoalReliability] = strawberry.field(
        description="Whether probabilities of goals held, by range in rising order; ranges without a goal are left out.",
        metadata=declare(NOTHING, length=11),
    )

    @strawberry.field(
        graphql_type=JudgementAccuracy | None,
        description="The same for what was submitted for the scope; null without a past submission to compare.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def submissions(root: strawberry.Parent[ScopeAccuracy], info: Info) -> JudgementAccuracyRow | None:
        return await _measure_judgement(info, root, CallKind.SUBMISSION)

    @strawberry.field(
        graphql_type=JudgementAccuracy | None,
        description="The same for the adjustments of the scope's forecast; null for viewers who may not adjust it, too.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def adjustments(root: strawberry.Parent[ScopeAccuracy], info: Info) -> JudgementAccuracyRow | None:
        return await _measure_judgement(info, root, CallKind.ADJUSTMENT)


async def _measure_judgement(info: Info, root: ScopeAccuracy, kind: CallKind) -> JudgementAccuracyRow | None:
    return await info.context.load_for_viewer(measure_judgements, JudgementAccuracyRequest(root.forecast, kind))


@strawberry.type(
    description="The open deals of a scope as they stand. This is no forecast: many of them are never won."
)
class OpenPipeline:
    deals: int = strawberry.field(description="How many deals are open.")
    amount: Decimal = strawberry.field(
        description="Total of the amounts that they state, in the company's currency; with PROFIT, less their cost."
    )
    without_amount: int = strawberry.field(description="How many of them state no amount (with PROFIT, or no cost).")


@strawberry.type(description="The forecast as of the start of an earlier day.")
class ForecastSnapshot:
    day: date
    booked: Decimal
    expected: Decimal
    low: Decimal
    median: Decimal
    high: Decimal


def _money_field(name: str, description: str) -> Decimal:
    def read(root: ForecastRow) -> Decimal:
        return root.to_money(getattr(root, name))

    return strawberry.field(resolver=read, description=description)


@strawberry.type(
    description="Money expected to be won in a period, as a distribution. The model is described in docs/forecast.md."
)
class Forecast:
    currency: str
    basis: MoneyBasis
    confidence: Confidence
    as_of: datetime
    booked: Decimal = _money_field("booked", "Already won in the period.")
    pipeline: Decimal = _money_field("pipeline", "Expected from deals open now.")
    undated: Decimal = _money_field(
        "undated", "The part of `pipeline` from open deals whose expected closing day has passed or is not set."
    )
    new_business: Decimal = _money_field("new_business", "Expected from deals that do not exist yet.")
    expected: Decimal = _money_field("expected", "booked + pipeline + newBusiness.")
    low: Decimal = _money_field("low", "10th percentile.")
    median: Decimal = _money_field("median", "50th percentile.")
    high: Decimal = _money_field("high", "90th percentile.")
    attainment_probability: float | None = strawberry.field(
        description="Probability, 0 to 1, that the target is reached; null without one, or with too little history."
    )

    @strawberry.field(
        graphql_type=OpenPipeline | None,
        description="""The deals open now, beside the forecast: with confidence NONE all that is known of the future.
Null if the period is over.""",
    )
    @staticmethod
    def open_pipeline(root: strawberry.Parent[ForecastRow]) -> OpenPipeline | None:
        pipeline = root.open_pipeline
        if pipeline is None:
            return None
        return OpenPipeline(
            deals=pipeline.deals, amount=root.to_money(pipeline.amount), without_amount=pipeline.without_amount
        )

    @strawberry.field(graphql_type=Scope)
    @staticmethod
    def scope(root: strawberry.Parent[ForecastRow]) -> object:
        return root.scope.row

    @strawberry.field(graphql_type=Period, metadata=declare(NOTHING))
    @staticmethod
    async def period(root: strawberry.Parent[ForecastRow], info: Info) -> CalendarPeriod:
        return await to_calendar_period(info.context, root.period)

    @strawberry.field(
        description="The scope's deals_won_amount goal for the period (deals_won_profit for PROFIT), if it has one."
    )
    @staticmethod
    def target(root: strawberry.Parent[ForecastRow]) -> Decimal | None:
        return None if root.target is None else root.to_money(root.target)

    @strawberry.field(
        graphql_type=list[DealForecast],
        description="Open deals by expected contribution, largest first; none for a wallboard, which sees no deals.",
        metadata=declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE),
    )
    @staticmethod
    async def deals(root: strawberry.Parent[ForecastRow], info: Info, first: int = 20) -> list[Contribution]:
        return await forecasts.list_deal_forecasts(info.context, root, first)

    @strawberry.field(
        graphql_type=ForecastAccuracy | None,
        description="""Accuracy of past monthly or quarterly forecasts of this scope; null without a past to test on, and
while it is still being computed (see `accuracyState`).""",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def accuracy(root: strawberry.Parent[ForecastRow], info: Info) -> ScopeAccuracy | None:
        _, measured = await accuracy.get_accuracy(info.context, root)
        return None if measured is None else ScopeAccuracy(**vars(measured), forecast=root)

    @strawberry.field(
        description="""Whether `accuracy` is there. The first request after a start waits a few seconds for it; COMPUTING
then asks to repeat the request.""",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def accuracy_state(root: strawberry.Parent[ForecastRow], info: Info) -> AccuracyState:
        return (await accuracy.get_accuracy(info.context, root))[0]

    @strawberry.field(
        graphql_type=list[ForecastSnapshot],
        description="Forecasts of this period made on earlier days, oldest first; stored for teams and the company.",
        metadata=declare(length=1),
    )
    @staticmethod
    async def said_before(root: strawberry.Parent[ForecastRow]) -> list[ForecastSnapshotView]:
        return await snapshots.list_snapshots(root)

    @strawberry.field(
        graphql_type=ForecastDrivers,
        description="""What has moved the forecast since an earlier morning, by deals. Only computed when it is selected:
it reads the bookings of the period, deal by deal.""",
        metadata=declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE),
    )
    @staticmethod
    async def drivers(
        root: strawberry.Parent[ForecastRow], info: Info, since: DriversSince = DriversSince.YESTERDAY
    ) -> DriversRow:
        return await info.context.load_for_viewer(drivers.load_drivers, DriversRequest(root, since))

    @strawberry.field(
        graphql_type=list[ForecastCategoryTotal],
        description="""What people expect of the deals due in the period, by category, the surest first: open deals with an
expected closing day in the period or without one, and overdue ones once the period has begun.""",
        metadata=declare(NOTHING, length=5),
    )
    @staticmethod
    async def categories(root: strawberry.Parent[ForecastRow], info: Info) -> list[CategoryTotalView]:
        totals = (await _load_judgement(info, root)).categories
        return [CategoryTotalView(total, root) for total in totals]

    @strawberry.field(
        graphql_type=list[ForecastCall],
        description="""What was submitted for the scope, and for the teams and employees in it, as far as the viewer may
see it: the newest of each. The scope's own comes first.""",
        metadata=declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE),
    )
    @staticmethod
    async def submissions(root: strawberry.Parent[ForecastRow], info: Info) -> list[CallRow]:
        return list((await _load_judgement(info, root)).submissions)

    @strawberry.field(
        description="The sum of the `submissions` of employees; null without any.", metadata=declare(WHOLE_VIEWER)
    )
    @staticmethod
    async def submitted(root: strawberry.Parent[ForecastRow], info: Info) -> Decimal | None:
        amount = (await _load_judgement(info, root)).submitted
        return None if amount is None else root.to_money(amount)

    @strawberry.field(
        graphql_type=ForecastCall | None,
        description="""What a manager expects in place of `expected`, which stays as it is; null without one, and for
viewers who may not adjust the forecast.""",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def adjustment(root: strawberry.Parent[ForecastRow], info: Info) -> CallRow | None:
        return (await _load_judgement(info, root)).adjustment

    @strawberry.field(
        graphql_type=list[ForecastCall],
        description="""All that was submitted for the scope itself, withdrawals included, and the adjustments for viewers
who may adjust: the newest first.""",
        metadata=declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE),
    )
    @staticmethod
    async def calls(root: strawberry.Parent[ForecastRow], info: Info, first: int = 20) -> list[CallRow]:
        return list((await _load_judgement(info, root)).history[: validation.check_page_size(first, MAX_PAGE_SIZE)])


async def _load_judgement(info: Info, forecast: ForecastRow) -> Judgement:
    return await info.context.load_for_viewer(load_judgements, JudgementRequest(forecast))
