"""The least that an answer needs: one statement by hand for each operation, which returns the answer as JSON.

Totals of a month and values of goals are kept in tables of their own (schema `floor`), as a program would that answers
nothing but these questions. Rights, history of scores by day, corrections and other periods are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg

_CREATE_TABLES: Final = """
CREATE SCHEMA floor;
CREATE TABLE floor.month_total AS
    SELECT e.id AS employee_id, coalesce(sum(t.amount), 0)::bigint AS value
    FROM employee e LEFT JOIN daily_total t ON t.employee_id = e.id AND t.metric = 'deals_won_amount'
        AND t.day >= date_trunc('month', now())::date
    GROUP BY 1;
ALTER TABLE floor.month_total ADD PRIMARY KEY (employee_id);
CREATE INDEX ON floor.month_total (value DESC, employee_id);
CREATE TABLE floor.goal_value AS
    SELECT g.id AS goal_id, coalesce(sum(t.amount), 0)::bigint AS value
    FROM goal g LEFT JOIN daily_total t ON g.owner_kind = 'EMPLOYEE' AND t.employee_id = g.owner_id AND t.metric = g.metric
        AND t.day BETWEEN g.first_day AND g.last_day
    GROUP BY 1;
ALTER TABLE floor.goal_value ADD PRIMARY KEY (goal_id);
CREATE TABLE floor.deal (LIKE deal INCLUDING ALL);
CREATE TABLE floor.activity (LIKE activity INCLUDING ALL);
CREATE TABLE floor.score_entry (LIKE score_entry INCLUDING ALL);
CREATE TABLE floor.change (LIKE change INCLUDING ALL);
"""
_ELAPSED: Final = "((now()::date - g.first_day + 1)::float8 / (g.last_day - g.first_day + 1))"
CARD: Final = f"""
SELECT json_build_object('employee', (SELECT row_to_json(card) FROM (
    SELECT e.id::text, e.name, e.email, e.role, json_build_object('id', t.id::text, 'name', t.name) AS team,
        (SELECT json_build_object('rank', 1 + (SELECT count(*) FROM floor.month_total o WHERE o.value > m.value), 'value', m.value)
            FROM floor.month_total m WHERE m.employee_id = e.id) AS standing,
        (SELECT coalesce(json_agg(line), '[]') FROM (
            SELECT g.id::text, g.name, json_build_object('key', g.metric) AS metric, g.target::text,
                json_build_object('start', g.first_day, 'end', g.last_day) AS period,
                json_build_object('value', v.value::text, 'attainmentPercent', round(v.value * 100.0 / g.target, 1)::text,
                    'pace', v.value / (g.target * {_ELAPSED}), 'version', g.version) AS progress
            FROM goal g JOIN floor.goal_value v ON v.goal_id = g.id
            WHERE g.owner_kind = 'EMPLOYEE' AND g.owner_id = e.id AND now()::date BETWEEN g.first_day AND g.last_day
            ORDER BY g.id) line) AS goals,
        (SELECT coalesce(json_agg(line), '[]') FROM (SELECT id::text, kind, at, data AS summary FROM activity
            WHERE employee_id = e.id ORDER BY at DESC, activity.id DESC LIMIT 20) line) AS activities,
        (SELECT coalesce(json_agg(line), '[]') FROM (SELECT id::text, title, due_at, completed_at FROM task
            WHERE assignee_id = e.id ORDER BY place, task.id LIMIT 20) line) AS tasks,
        (SELECT coalesce(json_agg(line), '[]') FROM (SELECT id::text, direction, outcome, started_at FROM call
            WHERE employee_id = e.id ORDER BY started_at DESC, call.id DESC LIMIT 20) line) AS calls,
        (SELECT coalesce(json_agg(line), '[]') FROM (SELECT id::text, title, source, status, created_at FROM lead
            WHERE owner_id = e.id ORDER BY created_at DESC, lead.id DESC LIMIT 20) line) AS leads,
        (SELECT coalesce(json_agg(line), '[]') FROM (SELECT id::text, name, email, phone, created_at FROM client
            WHERE owner_id = e.id ORDER BY created_at DESC, client.id DESC LIMIT 20) line) AS clients,
        (SELECT coalesce(json_agg(line), '[]') FROM (SELECT s.name, count(*) AS "openDeals" FROM deal d
            JOIN stage s ON s.id = d.stage_id WHERE d.owner_id = e.id AND d.status = 'OPEN' GROUP BY s.id, s.name, s.position
            ORDER BY s.position) line) AS funnel
    FROM employee e JOIN team t ON t.id = e.team_id WHERE e.id = $1) card))::text
"""
_BOARD_OF: Final = """
SELECT json_build_object('leaderboard', (SELECT coalesce(json_agg(line), '[]') FROM (
    SELECT rank() OVER (ORDER BY p.value DESC) AS rank, lag(p.value) OVER (ORDER BY p.value DESC) - p.value AS "gapToNext",
        p.value::text, round(p.value * 100.0 / g.target, 1)::text AS "attainmentPercent",
        json_build_object('id', e.id::text, 'name', e.name, 'avatarUrl', e.avatar_url) AS employee
    FROM ({totals}) p JOIN employee e ON e.id = p.employee_id
    LEFT JOIN goal g ON g.owner_kind = 'EMPLOYEE' AND g.owner_id = e.id AND g.metric = 'deals_won_amount' AND g.kind = 'MONTH'
    ORDER BY p.value DESC, p.employee_id) line))::text
"""
BOARD: Final = _BOARD_OF.format(
    totals="SELECT employee_id, value FROM floor.month_total ORDER BY value DESC, employee_id LIMIT 100"
)
NEW_BOARD: Final = _BOARD_OF.format(
    totals="SELECT employee_id, sum(amount)::bigint AS value FROM daily_total"
    " WHERE metric = 'deals_won_amount' AND day BETWEEN $1::text::date AND $2::text::date GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 100"
)
WIN: Final = """
WITH sold AS (
    INSERT INTO floor.deal (title, needle, owner_id, stage_id, status, amount, currency, created_at, closed_at, created_on,
        closed_on, opened_by, opened_team, won_by, won_team, rate, value, sale_kind, sale_kind_given)
    SELECT $2::text, lower($2::text), e.id, 1, 'WON', $3::bigint, 'EUR', now(), now(), now()::date, now()::date, e.id, e.team_id, e.id, e.team_id,
        1, $3::bigint, 'FIRST', false
    FROM employee e WHERE e.id = $1
    RETURNING *
), line AS (
    INSERT INTO floor.activity (kind, employee_id, actor_id, at, recorded_at, subject_kind, subject_id, data)
    SELECT 'DEAL_WON', owner_id, owner_id, now(), now(), 'Deal', id,
        jsonb_build_object('title', title, 'amount', amount, 'currency', currency) FROM sold
), entries AS (
    INSERT INTO floor.score_entry (metric, employee_id, team_id, amount, effective_on, late, recorded_at, source_kind, source_id)
    SELECT metric, owner_id, won_team, CASE WHEN metric LIKE '%_amount' THEN value ELSE 1 END, closed_on, false, now(), 'Deal', id
    FROM sold CROSS JOIN unnest(
        ARRAY['deals_won', 'deals_won_amount', 'first_deals_won', 'first_deals_won_amount', 'deals_created']) AS metric
), total AS (
    UPDATE floor.month_total t SET value = t.value + sold.value FROM sold WHERE t.employee_id = sold.owner_id
), news AS (
    INSERT INTO floor.change (topics, at) SELECT to_jsonb(ARRAY['employee:' || owner_id]), now() FROM sold RETURNING id
), moved AS (
    UPDATE floor.goal_value v SET value = v.value + CASE WHEN g.metric LIKE '%_amount' THEN sold.value ELSE 1 END
    FROM sold, goal g
    WHERE g.id = v.goal_id AND g.metric IN ('deals_won', 'deals_won_amount', 'first_deals_won')
        AND now()::date BETWEEN g.first_day AND g.last_day
        AND ((g.owner_kind = 'EMPLOYEE' AND g.owner_id = sold.owner_id) OR (g.owner_kind = 'TEAM' AND g.owner_id IN (
            sold.won_team, (SELECT parent_id FROM team WHERE id = sold.won_team))) OR g.owner_kind = 'COMPANY')
    RETURNING v.goal_id, v.value, g.name, g.target
)
SELECT json_build_object('deal', (SELECT json_build_object('id', id::text, 'status', status) FROM sold),
    'version', (SELECT id FROM news), 'goals', (SELECT json_agg(json_build_object('id', goal_id::text, 'name', name,
        'target', target::text, 'progress', json_build_object('value', value::text,
            'attainmentPercent', round(value * 100.0 / target, 1)::text))) FROM moved))::text
"""
STATEMENTS: Final[Mapping[str, str]] = {"card": CARD, "board": BOARD, "new_board": NEW_BOARD, "win": WIN}


async def create_floor_tables(url: str) -> None:
    """Create the tables that the statements read, beside those of the filled company."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_CREATE_TABLES, timeout=600)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def make_values(operation: str, variables: Mapping[str, Any], employee_id: int) -> list[Any]:
    """Return the values of an operation's statement, ready for JSON: days as ISO text."""
    match operation:
        case "card":
            return [employee_id]
        case "new_board":
            return [variables["period"]["start"], variables["period"]["end"]]
        case "win":
            return [employee_id, "Chairs", 10_000]
        case _:
            return []
