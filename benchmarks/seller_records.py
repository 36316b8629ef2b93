"""What sellers have beside won deals: clients, leads, open deals, calls, tasks, and their history, by INSERTs."""

from __future__ import annotations

from typing import Final

import asyncpg

RECORDS_PER_SELLER: Final = 25  # of each kind: a page of the employee card has twenty

# Each seller with the numbers of the records; those of one seller are 11 hours apart.
_NUMBERED: Final = """FROM employee e CROSS JOIN generate_series(1, $1::int) n
CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) - make_interval(hours => n * 11 + e.id % 7) AS at) moment
WHERE e.name LIKE 'Seller %'"""
_INSERTS: Final = (
    f"""
INSERT INTO client (name, needle, owner_id, phone, email, created_at, created_on, opened_by, opened_team)
SELECT 'Client ' || e.id || '-' || n, 'client ' || e.id || '-' || n, e.id, '+49 30 ' || (100000 + e.id * 31 + n),
    'client' || e.id || '-' || n || '@example.com', at, at::date, e.id, e.team_id {_NUMBERED}""",
    # the first deals of a seller are of one client each, so each stays the first sale of its client
    """
UPDATE deal SET client_id = c.id
FROM (SELECT id, owner_id, row_number() OVER (PARTITION BY owner_id ORDER BY id) AS n FROM client) c
JOIN (SELECT id, owner_id, row_number() OVER (PARTITION BY owner_id ORDER BY id) AS n FROM deal WHERE status = 'WON') d
    ON d.owner_id = c.owner_id AND d.n = c.n AND c.n <= $1::int
WHERE deal.id = d.id""",
    f"""
INSERT INTO lead (title, owner_id, source, contact_name, phone, status, created_at, created_on, opened_by, opened_team)
SELECT 'Lead ' || e.id || '-' || n, e.id, (ARRAY['site', 'fair', 'call'])[1 + n % 3], 'Contact ' || n, '+49 40 ' || (100000 + n),
    (ARRAY['NEW', 'IN_PROGRESS'])[1 + n % 2], at, at::date, e.id, e.team_id {_NUMBERED}""",
    f"""
INSERT INTO deal (title, needle, owner_id, stage_id, status, amount, currency, created_at, created_on, opened_by,
    opened_team, sale_kind_given)
SELECT 'Offer ' || e.id || '-' || n, 'offer ' || e.id || '-' || n, e.id,
    (SELECT id FROM stage ORDER BY position OFFSET n % (SELECT count(*)::int FROM stage) LIMIT 1), 'OPEN',
    100000 + n * 100, 'EUR', at, at::date, e.id, e.team_id, false {_NUMBERED}""",
    """
INSERT INTO stage_visit (deal_id, stage_id, entered_at, entered_on)
SELECT id, stage_id, created_at, created_on FROM deal WHERE status = 'OPEN'""",
    """
INSERT INTO silence (kind, subject_id, since, known, look_at)
SELECT 'Deal', id, (extract(epoch FROM now()) * 1000000)::bigint, 0, 0 FROM deal WHERE status = 'OPEN'""",
    f"""
INSERT INTO call (employee_id, client_id, direction, outcome, started_at, duration_seconds, note, made_on, credit_by, credit_team)
SELECT e.id, NULL, 'OUTBOUND', 'ANSWERED', at, 60 + n * 7, 'Call ' || n, at::date, e.id, e.team_id {_NUMBERED}""",
    f"""
INSERT INTO task (title, kind, assignee_id, due_at, completed_at, created_at, place, completed_on, credit_by, credit_team)
SELECT 'Task ' || n, 'TASK', e.id, at, at, at - interval '3 days',
    (2::bigint * (1::bigint << 50)) - floor(extract(epoch FROM at))::bigint, at::date, e.id, e.team_id {_NUMBERED}""",
    """
INSERT INTO activity (kind, employee_id, actor_id, at, recorded_at, subject_kind, subject_id, client_id, data)
SELECT kind, employee_id, employee_id, at, at, subject_kind, subject_id, client_id, data FROM (
    SELECT 'CALL_MADE' AS kind, employee_id, started_at AS at, 'Call' AS subject_kind, id AS subject_id, NULL::int AS client_id,
        jsonb_build_object('direction', direction, 'outcome', outcome, 'seconds', duration_seconds) AS data FROM call
    UNION ALL SELECT 'TASK_COMPLETED', assignee_id, completed_at, 'Task', id, NULL,
        jsonb_build_object('title', title, 'kind', kind) FROM task
    UNION ALL SELECT 'DEAL_WON', owner_id, closed_at, 'Deal', id, client_id, jsonb_build_object('title', title, 'amount',
        (amount / 100.0)::numeric(20, 2)::text, 'currency', currency, 'status', status) FROM deal WHERE client_id IS NOT NULL
) AS line ORDER BY at, subject_id""",
    """
INSERT INTO score_entry
    (metric, employee_id, team_id, amount, effective_on, effective_at, late, recorded_at, source_kind, source_id)
SELECT metric, employee_id, team_id, amount, day, at, false, at, source_kind, source_id FROM (
    SELECT 'clients_added' AS metric, opened_by AS employee_id, opened_team AS team_id, 1 AS amount, created_on AS day,
        created_at AS at, 'Client' AS source_kind, id AS source_id FROM client
    UNION ALL SELECT 'leads_created', opened_by, opened_team, 1, created_on, created_at, 'Lead', id FROM lead
    UNION ALL SELECT 'deals_created', opened_by, opened_team, 1, created_on, created_at, 'Deal', id FROM deal
        WHERE status = 'OPEN'
    UNION ALL SELECT metric, credit_by, credit_team, CASE metric WHEN 'call_hours' THEN duration_seconds ELSE 1 END,
        made_on, started_at, 'Call', id
        FROM call CROSS JOIN unnest(ARRAY['calls_made', 'calls_outbound', 'calls_answered', 'call_hours']) AS metric
    UNION ALL SELECT 'tasks_completed', credit_by, credit_team, 1, completed_on, completed_at, 'Task', id FROM task
) AS entry""",
)


async def insert_seller_records(connection: asyncpg.Connection, records: int) -> None:
    """Give each seller this many records of each kind, with their history and score entries; totals are not written.

    Won deals stand already; the first of each seller become the deals of the new clients.
    """
    for statement in _INSERTS:
        values = (records,) if "$1" in statement else ()
        await connection.execute(statement, *values, timeout=600)
