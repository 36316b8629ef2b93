"""Fills a company of any size by INSERTs into PostgreSQL; `reconcile` finds no difference in its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import asyncpg

from benchmarks.seller_records import RECORDS_PER_SELLER, insert_seller_records
from models.ledger.posting import HOLDING_TEAMS_CTE

TEAM_SIZE = 20  # sellers per team

_INSERT_EMPLOYEES = """
INSERT INTO employee (name, needle, role, team_id, active, created_at)
SELECT 'Seller ' || lpad(n::text, 5, '0'), 'seller ' || lpad(n::text, 5, '0'), 'EMPLOYEE', $2 + (n - 1) / $3, true,
    now() - interval '400 days'
FROM generate_series(1, $1) n
"""
_INSERT_MEMBERSHIPS = """
INSERT INTO membership (employee_id, team_id, active, since)
SELECT id, team_id, true, created_at FROM employee WHERE name LIKE 'Seller %'
"""
_INSERT_DEALS = """
INSERT INTO deal (title, needle, owner_id, stage_id, status, amount, currency, created_at, closed_at, created_on,
    closed_on, opened_by, opened_team, won_by, won_team, rate, value, sale_kind, sale_kind_given)
SELECT 'Deal ' || n, 'deal ' || n, e.id, (SELECT min(id) FROM stage), 'WON', 100 * (1 + n % 900), 'EUR',
    d - interval '20 days', d, (d - interval '20 days')::date, d::date, e.id, e.team_id, e.id, e.team_id, 1,
    100 * (1 + n % 900), 'FIRST', false
FROM generate_series($1::int, $5::int) n
CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) - make_interval(hours => ((n::bigint * 7919) % $2)::int) AS d) moment
JOIN employee e ON e.id = $3 + n % $4
"""
_INSERT_SCORE_ENTRIES = """
INSERT INTO score_entry
    (metric, employee_id, team_id, amount, effective_on, effective_at, late, recorded_at, source_kind, source_id)
SELECT metric, owner_id, won_team, CASE WHEN metric LIKE '%_amount' THEN value ELSE 1 END,
    CASE metric WHEN 'deals_created' THEN created_on ELSE closed_on END,
    CASE metric WHEN 'deals_created' THEN created_at ELSE closed_at END, false, closed_at, 'Deal', id
FROM deal CROSS JOIN unnest(
    ARRAY['deals_won', 'deals_won_amount', 'first_deals_won', 'first_deals_won_amount', 'deals_created']
) AS metric
WHERE deal.id BETWEEN $1 AND $2
"""
_INSERT_DAILY_TOTALS = """
INSERT INTO daily_total (metric, employee_id, team_id, day, amount)
SELECT metric, employee_id, team_id, effective_on, sum(amount) FROM score_entry GROUP BY 1, 2, 3, 4
"""
_INSERT_TEAM_TOTALS = f"""
INSERT INTO team_total (metric, team_id, day, amount)
WITH RECURSIVE credited AS (
    SELECT metric, team_id, day, sum(amount) AS amount FROM daily_total GROUP BY 1, 2, 3
), {HOLDING_TEAMS_CTE}
SELECT metric, id, day, sum(amount) FROM holding GROUP BY 1, 2, 3
"""
_INSERT_GOALS = """
INSERT INTO goal (name, owner_kind, owner_id, metric, target, kind, first_day, last_day, recurring, announced, version, created_at)
SELECT 'Plan of ' || name, owner_kind, owner_id, metric, target * sellers, kind, first_day, last_day, false, '[]', 1,
    now() - interval '40 days'
FROM (
    SELECT name::text, 'EMPLOYEE' AS owner_kind, id AS owner_id, 1::bigint AS sellers FROM employee WHERE name LIKE 'Seller %'
    UNION ALL SELECT name, 'TEAM', id, CASE WHEN parent_id IS NULL THEN $3::int ELSE $4::int END FROM team
    UNION ALL SELECT name, 'COMPANY', 0, $3::int FROM company
) AS owner
CROSS JOIN (VALUES ('deals_won_amount', 100000000), ('deals_won', 1000), ('first_deals_won', 1000), ('calls_made', 1000),
    ('tasks_completed', 1000)) AS plan (metric, target)
CROSS JOIN (VALUES ('MONTH', $1::date, $2::date), ('YEAR', date_trunc('year', $1::date)::date,
    (date_trunc('year', $1::date) + interval '1 year' - interval '1 day')::date)) AS period (kind, first_day, last_day)
WHERE owner_kind = 'EMPLOYEE' OR (metric, kind) = ('deals_won_amount', 'MONTH')
ORDER BY owner_kind = 'EMPLOYEE' DESC, owner_kind, owner_id, kind, metric = 'deals_won_amount' DESC, metric
"""


_INSERT_INACTIVITY_TIMERS = """
INSERT INTO silence (kind, subject_id, since, known)
SELECT 'Employee', id, (extract(epoch FROM now()) * 1000000)::bigint, 0 FROM employee WHERE name LIKE 'Seller %'
"""  # every seller has just been active: inactivity alerts for ten thousand employees would distort the measurement
_INSERT_TODAYS_SNAPSHOT = """
INSERT INTO forecast_snapshot (day, owner_kind, owner_id, first_day, last_day, basis, booked, expected, low, median, high,
    confidence, taken_at)
VALUES ($1, 'COMPANY', 0, $1, $1, 'FILLING', 0, 0, 0, 0, 0, 'NONE', now())
"""  # with today's snapshot, a starting server does not train models on a million deals during the measurement
_SELECT_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('deal', 'score_entry') AND indexdef LIKE 'CREATE INDEX%'
"""
_DEALS_PER_STEP = 20_000  # deals


def count_steps(deals: int) -> int:
    """Return the number of progress steps that `fill_company` reports for `deals` deals."""
    return -(-deals // _DEALS_PER_STEP) + 3


async def fill_company(
    url: str,
    *,
    sellers: int,
    deals: int,
    records: int = RECORDS_PER_SELLER,
    hours: int = 8_700,
    on_progress: Callable[[int], None] = lambda step_count: None,
) -> None:
    """Fill a newly set up company with sellers in teams of twenty, their deals and other records, and goals.

    Each seller gets ten goals: five metrics for the month and for the year. Each team and the company get a monthly goal.

    records      clients, leads, open deals, calls and tasks of each seller
    hours        the deals are won within this many hours before now; a year by default
    on_progress  called with the number of steps done since the last call, of `count_steps(deals)` in all
    """
    connection = await asyncpg.connect(url)
    try:
        top_team_id = await connection.fetchval(
            "INSERT INTO team (name, created_at) VALUES ('Sales', now()) RETURNING id"
        )
        team_count = -(-sellers // TEAM_SIZE)
        first_team_id = await connection.fetchval(
            "WITH made AS (INSERT INTO team (name, parent_id, created_at) SELECT 'Team ' || n, $1, now()"
            " FROM generate_series(1, $2) n RETURNING id) SELECT min(id) FROM made",
            top_team_id,
            team_count,
        )
        await connection.execute(_INSERT_EMPLOYEES, sellers, first_team_id, TEAM_SIZE)
        await connection.execute(_INSERT_MEMBERSHIPS)
        first_seller_id = await connection.fetchval("SELECT min(id) FROM employee WHERE name LIKE 'Seller %'")
        await connection.execute("SET session_replication_role = replica")  # skips foreign key checks
        indexes = await connection.fetch(_SELECT_INDEXES)
        for index in indexes:  # building them once at the end is far quicker than updating them with each row
            await connection.execute(f"DROP INDEX {index['indexname']}")
        for first_deal_number in range(1, deals + 1, _DEALS_PER_STEP):
            await connection.execute(
                _INSERT_DEALS,
                first_deal_number,
                hours,
                first_seller_id,
                sellers,
                min(first_deal_number + _DEALS_PER_STEP - 1, deals),
                timeout=600,
            )
            await connection.execute(
                _INSERT_SCORE_ENTRIES, first_deal_number, first_deal_number + _DEALS_PER_STEP - 1, timeout=600
            )
            on_progress(1)
        await insert_seller_records(connection, records)
        await connection.execute(_INSERT_DAILY_TOTALS, timeout=600)
        await connection.execute(_INSERT_TEAM_TOTALS, timeout=600)
        on_progress(1)
        for index in indexes:
            await connection.execute(index["indexdef"], timeout=600)
        on_progress(1)
        today = date.today()  # noqa: DTZ011 - the benchmark's company is in UTC
        start = today.replace(day=1)
        end = date(start.year + start.month // 12, start.month % 12 + 1, 1)
        await connection.execute(_INSERT_GOALS, start, date.fromordinal(end.toordinal() - 1), sellers, TEAM_SIZE)
        await connection.execute(_INSERT_INACTIVITY_TIMERS)
        await connection.execute(_INSERT_TODAYS_SNAPSHOT, today)
        await connection.execute("VACUUM ANALYZE", timeout=600)
        on_progress(1)
    finally:
        await connection.close()
