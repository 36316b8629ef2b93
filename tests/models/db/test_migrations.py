"""Migrations of a database with data: new columns and tables are filled from existing records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tortoise import Tortoise
from tortoise.migrations.executor import MigrationTarget
from tortoise.transactions import in_transaction

from domain.goals.tiers import Tiers
from models import migrator
from models.db import connection as db_connection
from models.db.migration_state import create_executor
from models.db.write_queue import COMMAND_LIMITS
from models.goals import goals, plans
from models.organization.company import find_company
from models.organization.scopes import COMPANY_TEAM_ID


async def create_database_at(url: str, last_migration: str, *extra_statements: str) -> None:
    """Create a database as of a migration, with a deal lost before a change of teams and an open deal.

    extra_statements  SQL that adds more data
    """
    config = db_connection.tortoise_config(url, limits=COMMAND_LIMITS)
    await Tortoise.init(config, _enable_global_fallback=True)
    try:
        async with in_transaction() as connection:
            executor = create_executor(connection, config["apps"])
            await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
            await executor.migrate([MigrationTarget("models", last_migration)], direction="forward")
        for statement in (*SEED_STATEMENTS, *extra_statements):
            await db_connection.execute(statement)
    finally:
        await Tortoise.close_connections()


TIMES = "'2026-01-01 00:00:00+00:00'"
DEAL_COLUMNS = "title, needle, opened_by, opened_team, created_at, created_on, sale_kind_given, owner_id, stage_id"
SEED_STATEMENTS = (
    "INSERT INTO company (id, name, currency, time_zone, week_start, working_days, created_at)"
    f" VALUES (1, 'Acme', 'EUR', 'Asia/Tokyo', 0, '[0]', {TIMES})",
    *(f"INSERT INTO team (id, name, created_at) VALUES ({number}, 'Team {number}', {TIMES})" for number in (1, 2)),
    f"INSERT INTO employee (id, name, needle, role, active, team_id, created_at) VALUES (5, 'Ann', 'ann', 'EMPLOYEE', true, 2, {TIMES})",
    "INSERT INTO membership (employee_id, team_id, active, since, until)"
    f" VALUES (5, 1, true, {TIMES}, '2026-03-01 00:00:00+00:00'), (5, 2, true, '2026-03-01 00:00:00+00:00', NULL)",
    "INSERT INTO pipeline (id, name) VALUES (1, 'Sales')",
    "INSERT INTO stage (id, pipeline_id, name, position) VALUES (1, 1, 'New', 0)",
    f"INSERT INTO deal (id, status, closed_at, closed_on, {DEAL_COLUMNS})"
    f" VALUES (1, 'LOST', '2026-02-10 10:00:00+00:00', '2026-02-10', 'x', 'x', 5, 1, {TIMES}, '2026-01-01', false, 5, 1)",
    f"INSERT INTO deal (id, status, {DEAL_COLUMNS}) VALUES (2, 'OPEN', 'y', 'y', 5, 1, {TIMES}, '2026-01-01', false, 5, 1)",
    "INSERT INTO stage_visit (deal_id, stage_id, entered_at)"
    " VALUES (1, 1, '2026-01-31 14:59:59+00:00'), (2, 1, '2026-01-31 15:00:00+00:00')",
    "INSERT INTO daily_total (metric, employee_id, team_id, day, amount) VALUES"
    " ('calls_made', 5, 1, '2026-02-10', 2), ('calls_made', 6, 1, '2026-02-10', 3), ('calls_made', 5, 2, '2026-02-10', 4),"
    " ('calls_made', 6, 0, '2026-02-11', 5), ('deals_won', 5, 1, '2026-02-10', 1)",
)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/scoreline.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.mark.long
async def test_migration_fills_days_of_stage_visits_and_owners_of_losses(empty_url: str) -> None:
    await create_database_at(empty_url, "0001_first")
    applied = await migrator.migrate(empty_url)
    async with db_connection.connect(empty_url):
        deals = await db_connection.fetch_rows("SELECT id, lost_by, lost_team FROM deal ORDER BY id")
        visits = await db_connection.fetch_rows("SELECT deal_id, entered_on FROM stage_visit ORDER BY deal_id")

    assert applied[0] == "0002_card"
    assert [tuple(row.values()) for row in deals] == [(1, 5, 1), (2, None, None)]
    days: list[Any] = [str(row["entered_on"]) for row in visits]
    assert days == ["2026-01-31", "2026-02-01"]  # midnight in Tokyo lies between
    assert await migrator.migrate(empty_url) == []


async def read_team_totals(url: str) -> list[tuple[str, str, int, int]]:
    async with db_connection.connect(url):
        total_rows = await db_connection.fetch_rows(
            "SELECT metric, day, team_id, amount FROM team_total ORDER BY metric, day, team_id"
        )
    return [(row["metric"], str(row["day"]), row["team_id"], row["amount"]) for row in total_rows]


@pytest.mark.long
async def test_migration_fills_totals_of_teams_and_company(empty_url: str) -> None:
    await create_database_at(empty_url, "0005_office")
    await migrator.migrate(empty_url)

    assert await read_team_totals(empty_url) == [
        ("calls_made", "2026-02-10", COMPANY_TEAM_ID, 9),
        ("calls_made", "2026-02-10", 1, 5),
        ("calls_made", "2026-02-10", 2, 4),
        ("calls_made", "2026-02-11", COMPANY_TEAM_ID, 5),
        ("calls_made", "2026-02-11", 0, 5),
        ("deals_won", "2026-02-10", COMPANY_TEAM_ID, 1),
        ("deals_won", "2026-02-10", 1, 1),
    ]


@pytest.mark.long
async def test_migration_adds_totals_of_subteams_to_their_parents(empty_url: str) -> None:
    nested_teams = (
        "UPDATE team SET parent_id = 2 WHERE id = 1",
        f"INSERT INTO team (id, name, created_at) VALUES (3, 'Team 3', {TIMES})",
        "UPDATE team SET parent_id = 3 WHERE id = 2",
        "INSERT INTO team_total (metric, team_id, day, amount) VALUES ('calls_made', 1, '2026-02-10', 5),"
        " ('calls_made', 2, '2026-02-10', 4), ('calls_made', -1, '2026-02-10', 9)",
    )
    await create_database_at(empty_url, "0008_silences", *nested_teams)
    await migrator.migrate(empty_url)

    assert await read_team_totals(empty_url) == [
        ("calls_made", "2026-02-10", COMPANY_TEAM_ID, 9),
        ("calls_made", "2026-02-10", 1, 5),
        ("calls_made", "2026-02-10", 2, 9),
        ("calls_made", "2026-02-10", 3, 9),
        ("calls_made", "2026-02-11", COMPANY_TEAM_ID, 5),
        ("calls_made", "2026-02-11", 0, 5),
        ("deals_won", "2026-02-10", COMPANY_TEAM_ID, 1),
        ("deals_won", "2026-02-10", 1, 1),
        ("deals_won", "2026-02-10", 2, 1),
        ("deals_won", "2026-02-10", 3, 1),
    ]


@pytest.mark.long
async def test_migration_counts_postings_from_time_of_their_record(empty_url: str) -> None:
    entries = {
        1: ("deals_created", "2026-01-01", "Deal", 3, "2026-02-11 08:00", False),
        2: ("deals_won", "2026-02-09", "Deal", 3, "2026-02-11 08:00", False),  # moved to the 10th on the 12th
        3: ("deals_won", "2026-02-09", "Deal", 3, "2026-02-12 09:00", False),
        4: ("deals_won", "2026-02-10", "Deal", 3, "2026-02-12 09:00", False),
        5: ("deals_won", "2026-03-20", "Deal", 3, "2026-03-20 07:00", True),
        6: ("leads_created", "2026-02-10", "Lead", 1, "2026-02-10 03:00", False),
        7: ("leads_converted", "2026-02-10", "Lead", 1, "2026-02-10 06:00", False),
        8: ("leads_created", "2026-02-10", "Lead", 2, "2026-02-12 03:00", False),  # recorded as converted
        9: ("leads_converted", "2026-02-10", "Lead", 2, "2026-02-12 03:00", False),
        10: ("hours_worked", "2026-02-10", "WorkDay", 1, "2026-02-10 05:00", False),
        11: ("calls_made", "2026-02-10", "Call", 9, "2026-02-10 05:00", False),  # the call exists no longer
    }
    lead_columns = "owner_id, status, created_at, created_on, opened_by, opened_team, converted_on, title"
    lead_values = "5, 'CONVERTED', '2026-02-10 02:00:00+00:00', '2026-02-10', 5, 1, '2026-02-10', 'x'"
    await create_database_at(
        empty_url,
        "0017_pro_rated_goals",
        f"INSERT INTO deal (id, status, closed_at, closed_on, {DEAL_COLUMNS})"
        f" VALUES (3, 'WON', '2026-02-10 10:00:00+00:00', '2026-02-10', 'x', 'x', 5, 1, {TIMES}, '2026-01-01', false, 5, 1)",
        *(f"INSERT INTO lead (id, {lead_columns}) VALUES ({number}, {lead_values})" for number in (1, 2)),
        *(
            "INSERT INTO score_entry (id, metric, employee_id, team_id, amount, effective_on, late, recorded_at,"
            f" source_kind, source_id) VALUES ({number}, '{metric}', 5, 1, {-1 if number == 3 else 1}, '{day}', {late},"
            f" '{recorded}:00+00:00', '{kind}', {record})"
            for number, (metric, day, kind, record, recorded, late) in entries.items()
        ),
    )
    await migrator.migrate(empty_url)
    async with db_connection.connect(empty_url):
        rows = await db_connection.fetch_rows("SELECT id, effective_at FROM score_entry ORDER BY id")
        conversions = await db_connection.fetch_rows("SELECT converted_at FROM lead ORDER BY id")
        await db_connection.execute(
            "INSERT INTO score_entry (id, metric, employee_id, team_id, amount, effective_on, late, recorded_at, source_kind,"
            f" source_id) VALUES (12, 'calls_made', 5, 1, 1, '2026-04-01', false, {TIMES}, 'Call', 9)"
        )  # as a server of the version before does

    assert {row["id"]: f"{db_connection.to_datetime(row['effective_at']):%m-%d %H:%M}" for row in rows} == {
        1: "01-01 00:00", 2: "02-11 08:00", 3: "02-11 08:00", 4: "02-10 10:00", 5: "03-20 07:00", 6: "02-10 02:00",
        7: "02-10 06:00", 8: "02-10 02:00", 9: "02-10 02:00", 10: "02-10 05:00", 11: "02-10 05:00",
    }  # fmt: skip
    assert [f"{db_connection.to_datetime(row['converted_at']):%H:%M}" for row in conversions] == ["06:00", "02:00"]


@pytest.mark.long
async def test_migration_fills_names_and_roles_of_memberships(empty_url: str) -> None:
    await create_database_at(empty_url, "0018_posting_moments")
    await migrator.migrate(empty_url)
    async with db_connection.connect(empty_url):
        await db_connection.execute(
            f"INSERT INTO membership (employee_id, team_id, active, since) VALUES (5, 1, true, {TIMES})"
        )  # as a server of the version before does
        rows = await db_connection.fetch_rows("SELECT name, role FROM membership ORDER BY id")

    assert [(row["name"], row["role"]) for row in rows] == [("Ann", "EMPLOYEE"), ("Ann", "EMPLOYEE"), (None, None)]


async def test_migrate_applies_all_migrations_to_an_empty_database(empty_url: str) -> None:
    assert (await migrator.migrate(empty_url))[:2] == ["0001_first", "0002_card"]


RULE = "('{kind}', true, 'COMPANY', 0, '[\"{recipient}\"]', '[]', {times})"
RULES = (("ASSIGNMENT_OVERDUE", "MANAGER"), ("ASSIGNMENT_OVERDUE", "DIRECTORS"), ("TASK_OVERDUE", "MANAGER"))
ALERTS_AND_CALLS = (
    "INSERT INTO alert_rule (kind, enabled, scope_kind, scope_id, recipients, channels, created_at) VALUES "
    + ", ".join(RULE.format(kind=kind, recipient=recipient, times=TIMES) for kind, recipient in RULES),
    "INSERT INTO company_metric (key, name, description, unit, created_at)"
    f" VALUES ('calls_outbound', 'Dials', '', 'COUNT', {TIMES})",
    "INSERT INTO daily_total (metric, employee_id, team_id, day, amount)"
    " VALUES ('calls_outbound', 5, 1, '2026-02-10', 2)",
)


async def test_migration_alerts_the_assigner_unless_the_recipients_were_changed(empty_url: str) -> None:
    await create_database_at(empty_url, "0017_pro_rated_goals", *ALERTS_AND_CALLS)
    await migrator.migrate(empty_url)

    async with db_connection.connect(empty_url):
        rules = await db_connection.fetch_rows("SELECT kind, to_assigner FROM alert_rule ORDER BY id")
        assert [(rule["kind"], bool(rule["to_assigner"])) for rule in rules] == [
            ("ASSIGNMENT_OVERDUE", True),
            ("ASSIGNMENT_OVERDUE", False),
            ("TASK_OVERDUE", False),
        ]


async def test_migration_gives_another_key_to_a_metric_of_the_company_called_calls_outbound(empty_url: str) -> None:
    await create_database_at(empty_url, "0017_pro_rated_goals", *ALERTS_AND_CALLS)
    await migrator.migrate(empty_url)

    async with db_connection.connect(empty_url):
        [metric] = await db_connection.fetch_rows("SELECT key FROM company_metric")
        totals = await db_connection.fetch_rows("SELECT metric FROM daily_total WHERE metric LIKE 'calls_outbound%'")
        assert metric["key"] == totals[0]["metric"] == "calls_outbound_own"


@pytest.mark.long
async def test_existing_company_asks_for_no_reason_and_its_plan_can_be_taken_back(empty_url: str) -> None:
    await create_database_at(
        empty_url,
        "0026_plans",
        "INSERT INTO goal (id, name, owner_kind, owner_id, metric, target, kind, first_day, last_day, recurring, announced,"
        " version, created_at)"
        f" VALUES (1, 'Win', 'EMPLOYEE', 5, 'deals_won', 3, 'MONTH', '2026-02-01', '2026-02-28', false, '[3]', 1, {TIMES})",
        "INSERT INTO plan (id, owner_kind, owner_id, kind, first_day, last_day, metrics, goal_count, applied_at)"
        f" VALUES (1, 'EMPLOYEE', 5, 'MONTH', '2026-02-01', '2026-02-28', '[\"deals_won\"]', 1, {TIMES})",
        "INSERT INTO plan_row (plan_id, goal_id, owner_kind, owner_id, metric, name, target, is_new, is_reached, target_before)"
        " VALUES (1, 1, 'EMPLOYEE', 5, 'deals_won', 'Win', 3, false, true, 2)",
    )
    await migrator.migrate(empty_url)

    async with db_connection.connect(empty_url):
        plan, company = await plans.find(1), await find_company()
        assert plan is not None
        assert company is not None
        assert not company.requires_target_reason
        assert await plans.find_changed_since(plan) == []
        await plans.undo(plan, await plans.fetch_rows(1), (), plan.applied_at, None, None)
        [goal] = await goals.by_ids([1])
        assert goal is not None
        assert (goal.target, goal.announced, goal.tiers) == (2, [3], Tiers(None, 2, None))
        assert (goal.slices, goal.shape) == (None, None)
