"""Preview of plans: it adds up at each level, follows base, weights and limits, and writes nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from resolvers.goals import plan_facts
from tests.graph.inputs.request_client import read_all_rows
from tests.resolvers.goals.planned_company import (
    METRICS,
    PREVIEW,
    list_sellers,
    plan_input,
    planned_company,
    preview,
    targets_of,
)
from tests.resolvers.two_sellers import set_goal
from tests.statement_counter import count_statements
from tests.world import World


def assert_adds_up(planned: dict[str, Any], metric: str) -> None:
    targets = targets_of(planned, metric)
    total = next(total for total in planned["totals"] if total["metric"]["key"] == metric)
    north, south, east = (
        sum(targets.get(name, 0) for name in list_sellers(team)) for team in ("North", "South", "East")
    )
    assert targets["East"] == east
    assert targets["South"] == south + east
    assert targets["North"] == north
    assert targets["Sales"] == north + south + east
    assert targets["Acme"] == targets["Sales"] == Decimal(total["target"]) == Decimal(total["allocated"])


async def test_plan_of_twelve_sellers_and_five_metrics_adds_up_at_each_level(company: World) -> None:
    metrics = [
        {"metric": metric, "base": base, "upliftPercent": "7.5", "weights": weights}
        for metric, base, weights in zip(
            METRICS,
            ("LAST_RESULTS", "MEAN", "LAST_RESULTS", "MEAN", "LAST_RESULTS"),
            ("HISTORY", "EQUAL", "HISTORY", "WORKING_TIME", "HISTORY"),
            strict=True,
        )
    ]
    planned = await preview(company, plan_input(company, metrics))

    assert planned["targetCount"] == 5 * 17 == len(planned["targets"])  # the company, four teams, twelve sellers
    for metric in METRICS:
        assert_adds_up(planned, metric)
    assert [row["owner"]["name"] for row in planned["targets"][:17]] == [
        "Acme", "Sales", "North", "N1", "N2", "N3", "N4", "South", "S1", "S2", "S3", "S4", "East", "E1", "E2", "E3", "E4"
    ]  # fmt: skip


async def test_preview_writes_nothing(company: World) -> None:
    rows = await read_all_rows()

    await preview(company, plan_input(company, [{"metric": "deals_won_amount", "base": "FORECAST"}]))

    assert await read_all_rows() == rows


async def test_bases_take_their_periods(company: World) -> None:
    async def find_base(metric: str = "calls_made", **fields: Any) -> Decimal:
        planned = await preview(company, plan_input(company, [{"metric": metric, "weights": "EQUAL", **fields}]))
        assert Decimal(planned["targets"][0]["difference"]) == Decimal(planned["targets"][0]["target"]) - Decimal(
            planned["targets"][0]["base"]
        )
        return Decimal(planned["targets"][0]["base"])

    async def count(start: str, end: str) -> Decimal:
        data = await company.query(
            'query($period: PeriodInput) { leaderboard(metric: "calls_made", period: $period) { total } }',
            period={"kind": "CUSTOM", "start": start, "end": end},
        )
        return Decimal(data["leaderboard"]["total"])

    assert await find_base(base="LAST_RESULTS") == await count("2026-10-01", "2026-10-31")
    assert await find_base(base="MEAN", periods=2) == round(await count("2026-09-01", "2026-10-31") / 2)
    assert await find_base(base="TOTAL", total=500) == 500


async def test_last_targets_are_those_of_the_period_before() -> None:
    async with planned_company(days=60) as world:
        await set_goal(world, "company", "deals_won", "90")
        await set_goal(world, "N1", "deals_won", "20")
        await set_goal(world, "E1", "deals_won", "10")

        planned = await preview(
            world, plan_input(world, [{"metric": "deals_won", "base": "LAST_TARGETS", "upliftPercent": 10}])
        )
        bases = {row["owner"]["name"]: row["base"] for row in planned["targets"]}

        assert (bases["Acme"], bases["North"], bases["South"], bases["E1"], bases["S1"]) == (
            "90",
            "20",
            "10",
            "10",
            "0",
        )
        assert targets_of(planned, "deals_won")["Acme"] == 99


async def test_targets_set_by_hand_stay_and_the_others_share_the_rest(company: World) -> None:
    ids = company.global_ids
    by_hand = [
        {"owner": ids["South"], "metric": "deals_won", "target": 40},
        {"owner": ids["E1"], "metric": "deals_won", "target": 7},
        {"owner": ids["N1"], "metric": "deals_won", "target": 21},
    ]
    metric = {"metric": "deals_won", "base": "TOTAL", "total": 100, "weights": "EQUAL"}
    planned = await preview(company, plan_input(company, [metric], targets=by_hand))
    targets = targets_of(planned, "deals_won")

    assert_adds_up(planned, "deals_won")
    assert [targets[name] for name in ("South", "E1", "N1", "North")] == [40, 7, 21, 60]
    assert targets["N2"] == targets["N3"] == targets["N4"] == 13
    assert [row["owner"]["name"] for row in planned["targets"] if row["byHand"]] == ["N1", "South", "E1"]
    assert planned["totals"][0]["byHand"] == 3


async def test_employee_without_a_quota_has_only_the_targets_by_hand(company: World) -> None:
    ids = company.global_ids
    metrics = [{"metric": metric, "base": "TOTAL", "total": 120, "weights": "EQUAL"} for metric in METRICS[1:4:2]]
    by_hand = [{"owner": ids[name], "metric": "deals_won", "target": 10} for name in ("Nina", "E4")]

    planned = await preview(company, plan_input(company, metrics, targets=by_hand, leftOut=[ids["E4"]]))

    assert [targets_of(planned, metric)[name] for metric in METRICS[1:4:2] for name in ("Nina", "E4")] == [10, 10, 0, 0]
    for metric in METRICS[1:4:2]:
        assert targets_of(planned, metric)["Sales"] == 120


async def test_limits_rounding_weights_and_those_left_out(company: World) -> None:
    ids = company.global_ids
    weights = [{"employee": ids["N1"], "weight": "5"}, {"employee": ids["N2"], "weight": "0.5"}]
    metric = {
        "metric": "deals_won_amount", "base": "TOTAL", "total": "10010.07", "weights": "GIVEN", "givenWeights": weights,
        "rounding": 100, "floor": 250, "ceiling": 4000,
    }  # fmt: skip
    planned = await preview(company, plan_input(company, [metric], leftOut=[ids["E4"]]))
    targets = targets_of(planned, "deals_won_amount")

    assert_adds_up(planned, "deals_won_amount")
    assert "E4" not in targets
    assert targets["N1"] == 4000
    assert min(targets.values()) >= 250
    assert targets["Acme"] == Decimal("10010.07")


async def test_newcomer_carries_the_share_of_the_ramp() -> None:
    async with planned_company(days=60) as world:
        await world.mutate("updateEmployee", id=world.global_ids["N1"], joinedOn="2026-11-10")
        metric = {"metric": "deals_won", "base": "TOTAL", "total": 115, "weights": "EQUAL"}

        planned = await preview(world, plan_input(world, [metric], rampPercent=["50", "75"]))

        assert targets_of(planned, "deals_won")["N1"] == 5
        assert targets_of(planned, "deals_won")["N2"] == 10


async def test_weights_of_the_forecast_follow_the_sellers(company: World) -> None:
    metric = {"metric": "deals_won_amount", "base": "FORECAST", "weights": "FORECAST"}
    planned = await preview(company, plan_input(company, [metric]))
    targets = targets_of(planned, "deals_won_amount")

    assert_adds_up(planned, "deals_won_amount")
    assert targets["N1"] == max(targets[name] for name in list_sellers())
    probability = planned["totals"][0]["probability"]
    assert 0.4 < probability < 0.6  # of the median


async def test_forecast_is_made_only_where_probabilities_are_asked_for(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    input = plan_input(company, [{"metric": METRICS[0]}])
    whole = await preview(company, input)
    calls = []

    async def load_nothing(*arguments: object) -> dict[str, None]:
        calls.append(arguments)
        return {METRICS[0]: None}

    monkeypatch.setattr(plan_facts, "load_scope_forecasts", load_nothing)
    lean = (await company.query(PREVIEW.replace(" probability", ""), "admin", input=input))["planPreview"]
    calls_of_lean = len(calls)
    await preview(company, input)

    assert lean["hash"] == whole["hash"]
    assert (calls_of_lean, len(calls)) == (0, 1)


async def test_hash_stays_while_nothing_moves_and_changes_with_the_input(company: World) -> None:
    def build(uplift: int) -> dict[str, Any]:
        return plan_input(company, [{"metric": "deals_won_amount", "base": "FORECAST", "upliftPercent": uplift}])

    first = (await preview(company, build(0)))["hash"]
    company.advance(minutes=40)

    assert (await preview(company, build(0)))["hash"] == first
    assert (await preview(company, build(1)))["hash"] != first


@pytest.mark.parametrize(
    ("metric", "fields", "path"),
    [
        ({"base": "TOTAL", "total": 10, "floor": 1000}, {}, "input.metrics.0.floor"),
        ({"base": "TOTAL", "total": 1000, "ceiling": 1}, {}, "input.metrics.0.ceiling"),
        ({"base": "TOTAL"}, {}, "input.metrics.0.total"),
        ({"base": "LAST_YEAR"}, {}, "input.metrics.0.base"),
        ({"base": "MEAN", "periods": 0}, {}, "input.metrics.0.periods"),
        ({"periods": 2}, {}, "input.metrics.0.periods"),
        ({"weights": "GIVEN"}, {}, "input.metrics.0.givenWeights"),
        ({"upliftPercent": -100}, {}, "input.metrics.0.upliftPercent"),
        ({}, {"period": {"kind": "MONTH", "offset": -1}}, "input.period"),
        ({}, {"rampPercent": [101]}, "input.rampPercent.0"),
        ({}, {"metrics": []}, "input.metrics"),
        ({"metric": "nothing"}, {}, "input.metrics.0.metric"),
    ],
)
async def test_invalid_plan_says_which_field_is_wrong(
    company: World, metric: dict[str, Any], fields: dict[str, Any], path: str
) -> None:
    input = plan_input(company, [{"metric": "deals_won", **metric}]) | fields
    result = await company.execute(PREVIEW, input=input)

    [error] = result.errors
    assert error.original_error.extensions["field"] == path


async def test_statements_do_not_depend_on_the_number_of_people(database_url: str) -> None:
    async with planned_company(database_url, days=30) as world:
        input = plan_input(world, [{"metric": metric} for metric in METRICS])
        await preview(world, input)  # reads what the process keeps
        with count_statements() as few:
            await preview(world, input)
        for number in range(40):
            await world.mutate(
                "createEmployee", name=f"New {number}", email=f"n{number}x@example.com", team=world.global_ids["North"]
            )
        await preview(world, input)
        with count_statements() as many:
            planned = await preview(world, input)

        assert planned["targetCount"] == 5 * 57
        assert len(many) == len(few) <= 12
