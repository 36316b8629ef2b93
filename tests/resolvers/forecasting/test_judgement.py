"""Tests of what people expect beside the machine: categories of deals, submissions, adjustments, and their accuracy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from models.crm.deals import Deal
from models.crm.pipelines import Stage
from models.forecasting.forecast_calls import ForecastCall
from models.organization.people import load_team_tree
from resolvers.forecasting import snapshots
from resolvers.request.viewer import Viewer
from tests.databases import on_both_databases
from tests.resolvers.forecasting.half_year_company import seasoned_company
from tests.resolvers.two_sellers import record_won_deal
from tests.world import World

CALL = "kind scope { name } amount note author { name } at firstDay lastDay basis machineExpected"
SUBMIT = f"""mutation($input: SubmitForecastInput!) {{ submitForecast(input: $input) {{
  call {{ {CALL} }} userErrors {{ path code message }} }} }}"""
ADJUST = f"""mutation($input: AdjustForecastInput!) {{ adjustForecast(input: $input) {{
  call {{ {CALL} }} userErrors {{ path code message }} }} }}"""
JUDGEMENT = f"""query($scope: ID, $period: PeriodInput, $basis: MoneyBasis! = REVENUE) {{
  forecast(scope: $scope, period: $period, basis: $basis) {{ booked expected submitted
    submissions {{ {CALL} }} adjustment {{ {CALL} }} calls {{ {CALL} }}
    categories {{ category deals amount withoutAmount cumulative }} }} }}"""
ACCURACY = """query($scope: ID, $period: PeriodInput) { forecast(scope: $scope, period: $period) {
  accuracyState accuracy {
  submissions { periods wape biasPercent machineWape } adjustments { periods wape biasPercent machineWape } } } }"""
QUARTER = {"kind": "QUARTER"}


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    """Max manages North with Ann; Dora is the director; Bob is in South."""
    async with seasoned_company(usual_database_url) as world:
        await world.create_employee("Max", "Sales", role="MANAGER")
        await world.create_employee("Dora", role="DIRECTOR")
        await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Max"])
        yield world


async def submit(world: World, viewer: str, amount: str | None = "5000", **input: Any) -> dict[str, Any]:
    input = {"amount": None if amount is None else {"amount": amount}} | input
    return dict((await world.query(SUBMIT, viewer, input=input))["submitForecast"])


async def adjust(world: World, viewer: str, scope: str, amount: str | None = "4000", **input: Any) -> dict[str, Any]:
    input = {"scope": world.global_ids[scope], "note": "Holidays"} | input
    input |= {"amount": None if amount is None else {"amount": amount}}
    return dict((await world.query(ADJUST, viewer, input=input))["adjustForecast"])


async def read(world: World, viewer: str = "admin", scope: str | None = None, **variables: Any) -> dict[str, Any]:
    scope_id = None if scope is None else world.global_ids[scope]
    return dict((await world.query(JUDGEMENT, viewer, scope=scope_id, **variables))["forecast"])


async def read_accuracy(world: World, viewer: str, **variables: Any) -> dict[str, Any]:
    """Return the accuracy of Ann's forecast, once it is computed."""
    while True:
        forecast = (await world.query(ACCURACY, viewer, scope=world.global_ids["Ann"], **variables))["forecast"]
        if forecast["accuracyState"] != "COMPUTING":
            assert forecast["accuracyState"] == "READY"
            return dict(forecast["accuracy"])


def error_of(payload: dict[str, Any]) -> tuple[str, str]:
    [error] = payload["userErrors"]
    assert payload["call"] is None
    return error["code"], ".".join(error["path"])


async def take_snapshots(world: World) -> None:
    context = world.build_context()
    context.current_viewer = Viewer.for_scheduler(await load_team_tree())
    await snapshots.take_snapshots(context)


# Submissions and adjustments


async def test_submission_stands_beside_the_machine_and_its_history_stays(world: World) -> None:
    await take_snapshots(world)
    machine = (await read(world, "Ann", "Ann"))["expected"]
    first = await submit(world, "Ann", "5000", note="Two are sure")
    await submit(world, "Ann", "6000")

    forecast = await read(world, "Ann", "Ann")

    assert first["userErrors"] == []
    assert first["call"] == {
        "kind": "SUBMISSION", "scope": {"name": "Ann"}, "amount": "5000.00", "note": "Two are sure",
        "author": {"name": "Ann"}, "at": "2026-11-18T09:00:00+00:00", "firstDay": "2026-11-01", "lastDay": "2026-11-30",
        "basis": "REVENUE", "machineExpected": machine,
    }  # fmt: skip
    assert forecast["expected"] == machine
    assert [call["amount"] for call in forecast["submissions"]] == ["6000.00"]
    assert [call["amount"] for call in forecast["calls"]] == ["6000.00", "5000.00"]
    assert forecast["adjustment"] is None


async def test_team_shows_the_submissions_of_its_members_and_their_sum(world: World) -> None:
    await submit(world, "Ann", "5000")
    await submit(world, "Bob", "3000")
    await submit(world, "Max", "4800", scope=world.global_ids["North"])
    await submit(world, "Dora", "7000", scope=world.global_ids["company"])

    company, north, by_max = await read(world), await read(world, scope="North"), await read(world, "Max", "North")

    def names(forecast: dict[str, Any]) -> list[str]:
        return [call["scope"]["name"] for call in forecast["submissions"]]

    assert names(company)[0] == (await world.query("{ company { name } }"))["company"]["name"]
    assert sorted(names(company)[1:]) == ["Ann", "Bob", "North"]
    assert names(north) == names(by_max) == ["North", "Ann"]
    assert (company["submitted"], north["submitted"]) == ("8000.00", "5000.00")


async def test_adjustment_is_kept_apart_and_seen_by_those_who_may_adjust(world: World) -> None:
    await submit(world, "Ann", "5000")
    payload = await adjust(world, "Max", "Ann", "4500.50")

    by_max, by_ann = await read(world, "Max", "Ann"), await read(world, "Ann", "Ann")

    assert payload["userErrors"] == []
    assert by_max["adjustment"]["amount"] == "4500.50"
    assert (by_max["adjustment"]["author"]["name"], by_max["adjustment"]["note"]) == ("Max", "Holidays")
    assert [call["kind"] for call in by_max["calls"]] == ["ADJUSTMENT", "SUBMISSION"]
    assert by_ann["adjustment"] is None
    assert [call["kind"] for call in by_ann["calls"]] == ["SUBMISSION"]
    assert by_ann["expected"] == by_max["expected"]


async def test_withdrawal_is_a_call_without_amount(world: World) -> None:
    await submit(world, "Ann", "5000")
    await adjust(world, "Max", "Ann")
    await submit(world, "Ann", None)
    await adjust(world, "Max", "Ann", None)

    forecast = await read(world, "Max", "Ann")

    assert (forecast["submissions"], forecast["submitted"], forecast["adjustment"]) == ([], None, None)
    assert [call["amount"] for call in forecast["calls"]] == [None, None, "4000.00", "5000.00"]
    assert error_of(await submit(world, "Ann", None)) == ("NOT_FOUND", "input.amount")


async def test_periods_and_bases_are_apart(world: World) -> None:
    await submit(world, "Ann", "5000")
    await submit(world, "Ann", "15000", period=QUARTER)
    await submit(world, "Ann", "900", basis="PROFIT")

    for variables, amount in (({}, "5000.00"), ({"period": QUARTER}, "15000.00"), ({"basis": "PROFIT"}, "900.00")):
        assert [call["amount"] for call in (await read(world, "Ann", "Ann", **variables))["calls"]] == [amount]


async def test_same_call_and_same_key_are_stored_once(world: World) -> None:
    await submit(world, "Ann", "5000", idempotencyKey="k1")
    await submit(world, "Ann", "5000", idempotencyKey="k1")
    await submit(world, "Ann", "5000")
    assert await ForecastCall.all().count() == 1

    await submit(world, "Ann", "6000")
    await submit(world, "Ann", "5000")
    assert await ForecastCall.all().count() == 3


@pytest.mark.parametrize(
    ("input", "code", "path"),
    [
        ({"amount": {"amount": "-1"}}, "OUT_OF_RANGE", "input.amount.amount"),
        ({"amount": {"amount": "1" + "0" * 30}}, "OUT_OF_RANGE", "input.amount.amount"),
        ({"amount": {"amount": "1.005"}}, "OUT_OF_RANGE", "input.amount.amount"),
        ({"amount": {"amount": "5", "currency": "USD"}}, "INVALID", "input.amount.currency"),
        ({"amount": {"amount": "5", "currency": "€"}}, "INVALID", "input.amount.currency"),
        ({"period": {"kind": "MONTH", "offset": -1}}, "CONFLICT", "input.period"),
        ({"period": {"kind": "DAY"}}, "INVALID", "input.period.kind"),
        ({"period": {"kind": "YEAR"}}, "INVALID", "input.period.kind"),
        ({"period": {"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-11-30"}}, "INVALID", "input.period.kind"),
        ({"period": {"kind": "CUSTOM"}}, "INVALID", "input.period.start"),
        ({"period": {"kind": "MONTH", "offset": 40}}, "OUT_OF_RANGE", "input.period"),
        ({"note": "x" * 3000}, "OUT_OF_RANGE", "input.note"),
        ({"scope": "nonsense"}, "NOT_FOUND", "input.scope"),
    ],
)
async def test_bad_input_is_refused_with_its_place(world: World, input: dict[str, Any], code: str, path: str) -> None:
    payload = await world.query(SUBMIT, "Ann", input={"amount": {"amount": "5000"}} | input)

    assert error_of(payload["submitForecast"]) == (code, path)
    assert not await ForecastCall.exists()


async def test_missing_amount_and_note_are_refused(world: World) -> None:
    payload = (await world.query(SUBMIT, "Ann", input={}))["submitForecast"]
    assert error_of(payload) == ("REQUIRED", "input.amount")
    assert error_of(await adjust(world, "Max", "Ann", note=" ")) == ("REQUIRED", "input.note")


@pytest.mark.parametrize(
    ("viewer", "scope", "may_submit", "may_adjust"),
    [
        ("Ann", "Ann", True, False),
        ("Ann", "Bob", False, False),
        ("Ann", "North", False, False),
        ("Ann", "company", False, False),
        ("Max", "Ann", False, True),
        ("Max", "Max", True, True),
        ("Max", "North", True, True),
        ("Max", "South", False, False),
        ("Max", "Bob", False, False),
        ("Max", "company", False, False),
        ("Dora", "company", True, True),
        ("Dora", "South", True, True),
        ("Dora", "Bob", False, True),
    ],
)
async def test_sellers_submit_for_themselves_and_managers_for_their_teams(
    world: World, viewer: str, scope: str, may_submit: bool, may_adjust: bool
) -> None:
    submission = await submit(world, viewer, scope=world.global_ids[scope])
    adjustment = await adjust(world, viewer, scope)

    for payload, is_allowed in ((submission, may_submit), (adjustment, may_adjust)):
        if is_allowed:
            assert payload["userErrors"] == []
        else:
            assert error_of(payload) == ("FORBIDDEN", "input.scope")


async def test_devices_see_no_calls(world: World) -> None:
    await submit(world, "Ann")
    await submit(world, "Dora", scope=world.global_ids["company"])
    await adjust(world, "Dora", "company")
    await world.create_device("Wall", "WALLBOARD")

    forecast = await read(world, "Wall")

    assert (forecast["submissions"], forecast["submitted"], forecast["adjustment"], forecast["calls"]) == (
        [],
        None,
        None,
        [],
    )
    assert error_of(await submit(world, "Wall")) == ("REQUIRED", "input.scope")
    assert error_of(await submit(world, "Wall", scope=world.global_ids["company"])) == ("FORBIDDEN", "input.scope")


@on_both_databases
async def test_calls_are_scored_beside_the_machine_after_the_period(world: World) -> None:
    await take_snapshots(world)
    machine = Decimal((await read(world, "Ann", "Ann"))["expected"])
    await submit(world, "Ann", "1")
    await submit(world, "Ann", "2000")
    await adjust(world, "Max", "Ann", "3000")
    assert (await read_accuracy(world, "Max"))["submissions"] is None
    world.advance(days=1)
    await record_won_deal(world, "Ann", "1234.50")
    actual = Decimal((await read(world, "Ann", "Ann"))["booked"])
    world.advance(days=13)

    by_max, by_ann = await read_accuracy(world, "Max"), await read_accuracy(world, "Ann")
    quarter = await read_accuracy(world, "Ann", period=QUARTER)

    assert by_max["submissions"] == by_ann["submissions"]
    assert by_ann["adjustments"] is None
    assert by_max["submissions"]["periods"] == by_max["adjustments"]["periods"] == 1
    assert by_max["submissions"]["wape"] == pytest.approx(float(100 * abs(2000 - actual) / actual))
    assert by_max["submissions"]["biasPercent"] == pytest.approx(float(100 * (2000 - actual) / actual))
    assert by_max["adjustments"]["wape"] == pytest.approx(float(100 * abs(3000 - actual) / actual))
    assert by_max["adjustments"]["machineWape"] == pytest.approx(float(100 * abs(machine - actual) / actual))
    assert quarter["submissions"] is None


# Categories


async def test_open_deals_have_the_category_of_their_stage_unless_they_have_their_own(world: World) -> None:
    stages = await Stage.all().order_by("position")
    inputs = [
        {"id": encode_global_id("Stage", stage.id), "name": stage.name, "forecastCategory": category}
        for stage, category in zip(stages, ["BEST_CASE", None, None, None, "COMMIT"], strict=True)
    ]
    pipeline_id = encode_global_id("Pipeline", stages[0].pipeline_id)
    await world.mutate("savePipeline", id=pipeline_id, name="Sales", stages=inputs)
    due = {"createdAt": "2026-11-18T08:00:00Z", "amount": {"amount": "100"}, "expectedCloseOn": "2026-11-25"}
    ids = [
        (await world.mutate("recordDeal", "Ann", title=str(index), stage=inputs[stage]["id"], **(due | extra)))["deal"][
            "id"
        ]
        for index, (stage, extra) in enumerate(
            [(0, {}), (1, {}), (4, {}), (4, {"forecastCategory": "OMITTED"}), (1, {"forecastCategory": "COMMIT"})]
        )
    ]

    async def categories() -> list[str]:
        query = "query($id: ID!) { node(id: $id) { ... on Deal { forecastCategory ownForecastCategory } } }"
        return [(await world.query(query, id=deal_id))["node"]["forecastCategory"] for deal_id in ids]

    assert await categories() == ["BEST_CASE", "PIPELINE", "COMMIT", "OMITTED", "COMMIT"]
    await world.mutate("updateDeal", id=ids[3], forecastCategory=None)
    await world.mutate("updateDeal", id=ids[4], title="Other")
    await world.mutate("winDeal", id=ids[0])
    await world.mutate("loseDeal", id=ids[1])
    assert await categories() == ["CLOSED", "OMITTED", "COMMIT", "COMMIT", "COMMIT"]


@on_both_databases
async def test_sums_by_category_follow_deals_due_in_the_period(world: World) -> None:
    await Deal.filter(status=DealStatus.OPEN).update(expected_close_on="2027-02-01")
    for title, category, day, amount in (
        ("a", "COMMIT", "2026-11-25", "100"),
        ("b", "COMMIT", "2026-10-01", "200"),  # overdue
        ("c", "BEST_CASE", None, "400"),  # undated
        ("d", "OMITTED", "2026-11-30", "800"),
        ("e", "COMMIT", "2026-12-01", "1600"),  # due later
        ("f", "PIPELINE", "2026-11-30", None),
    ):
        money = None if amount is None else {"amount": amount}
        await world.mutate(
            "recordDeal", "Ann", title=title, forecastCategory=category, expectedCloseOn=day, amount=money
        )

    ann = await read(world, "Ann", "Ann")
    december = await read(world, "Ann", "Ann", period={"kind": "MONTH", "offset": 1})
    bob = await read(world, "Bob", "Bob")

    def sums(forecast: dict[str, Any]) -> dict[str, tuple[int, float | Decimal]]:
        return {row["category"]: (row["deals"], Decimal(row["amount"])) for row in forecast["categories"]}

    booked = Decimal(ann["booked"])
    assert sums(ann)["CLOSED"][1] == booked
    assert {name: sums(ann)[name] for name in ("COMMIT", "BEST_CASE", "PIPELINE", "OMITTED")} == {
        "COMMIT": (2, 300), "BEST_CASE": (1, 400), "PIPELINE": (1, 0), "OMITTED": (1, 800),
    }  # fmt: skip
    cumulative = [row["cumulative"] and Decimal(row["cumulative"]) - booked for row in ann["categories"]]
    assert cumulative == [0, 300, 700, 700, None]
    assert [row["withoutAmount"] for row in ann["categories"]] == [0, 0, 0, 1, 0]
    assert sums(december)["COMMIT"] == (1, 1600)
    assert sums(december)["BEST_CASE"] == (1, 400)
    assert sums(bob)["COMMIT"] == (0, 0)


async def test_category_of_a_win_cannot_be_set(world: World) -> None:
    payload = await world.try_mutation("recordDeal", "Ann", title="x", forecastCategory="CLOSED")
    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [
        ("INVALID", ["input", "forecastCategory"])
    ]
    stage = {"name": "One", "forecastCategory": "CLOSED"}
    payload = await world.try_mutation("savePipeline", name="Other", stages=[stage])
    assert payload["userErrors"][0]["path"] == ["input", "stages", "0", "forecastCategory"]
