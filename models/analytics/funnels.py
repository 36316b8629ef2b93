"""Queries of the funnel: open deals per stage and outcomes of past stays, each in one statement for all scopes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from domain.analytics.funnel import StayGroup
from domain.ledger.record_facts import DealStatus
from models.analytics.statistics import DayRange, owner_clauses, team_clauses
from models.crm.pipelines import Stage
from models.db import connection
from models.db.values import SqlRow, SqlValue
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey, scope_key


@dataclass
class StageOpenDeals:
    """An owner's deals that are open in a stage now: their number, number of clients, and amounts by currency."""

    deals: int = 0
    clients: int = 0
    amounts: dict[str, int] = field(default_factory=dict)


_STAGES_SQL: Final = """
{below} SELECT stage.id, stage.pipeline_id, stage.name, stage.position,
    open.kind, open.owner, open.currency, open.deals, open.amount, open.clients
FROM stage LEFT JOIN ({open}) AS open ON open.stage_id = stage.id
WHERE stage.pipeline_id = COALESCE(
    ?,
    (SELECT MIN(stage.pipeline_id) FROM stage WHERE EXISTS (
        SELECT 1 FROM deal WHERE deal.stage_id = stage.id AND deal.deleted_at IS NULL)),
    (SELECT MIN(pipeline_id) FROM stage)
) ORDER BY stage.position, stage.id
"""
_OPEN_DEALS_SQL: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, deal.stage_id, {currency} AS currency, COUNT(*) AS deals,
    {amount} AS amount, COUNT(DISTINCT deal.client_id) AS clients
FROM deal JOIN employee ON employee.id = deal.owner_id {join}
WHERE deal.status = 'OPEN' AND deal.deleted_at IS NULL AND {condition} GROUP BY {group}
"""


async def stages_with_open_deals(
    owners: Collection[ScopeKey], tree: TeamTree, pipeline_id: int | None
) -> tuple[list[Stage], dict[ScopeKey, dict[int, StageOpenDeals]]]:
    """Return the stages of a pipeline in order, and the open deals of each owner by stage id.

    pipeline_id  None for the first pipeline with a deal, else the first; without pipelines there are no stages
    A deal belongs to its owner, and to the team that its owner is in now.
    """
    with_clause, clauses_of_teams = team_clauses(owners, tree)
    selects, parameters = [], list[SqlValue]()
    for kind, owner, join, condition, owner_ids in owner_clauses(
        owners, "employee.team_id", "deal.owner_id", clauses_of_teams
    ):
        clauses = {"kind": kind, "owner": owner, "join": join, "condition": condition}
        group = f"{owner}, deal.stage_id"
        selects.append(
            _OPEN_DEALS_SQL.format(
                **clauses, currency="deal.currency", amount="SUM(deal.amount)", group=f"{group}, deal.currency"
            )
        )
        selects.append(_OPEN_DEALS_SQL.format(**clauses, currency="'*'", amount="NULL", group=group))
        parameters += [*owner_ids, *owner_ids]
    rows = await connection.fetch_rows(
        _STAGES_SQL.format(below=with_clause, open=" UNION ALL ".join(selects)), [*parameters, pipeline_id]
    )
    stages_by_id: dict[int, Stage] = {}
    open_deals: dict[ScopeKey, dict[int, StageOpenDeals]] = {owner: {} for owner in owners}
    for row in rows:
        stage = stages_by_id.setdefault(row["id"], _stage_from_row(row))
        if row["kind"] is not None:
            of_owner = open_deals[scope_key(row["kind"], row["owner"])]
            _add_open_deals(of_owner.setdefault(stage.id, StageOpenDeals()), row)
    return list(stages_by_id.values()), open_deals


def _stage_from_row(row: SqlRow) -> Stage:
    return Stage(id=row["id"], pipeline_id=row["pipeline_id"], name=row["name"], position=row["position"])


def _add_open_deals(open_deals: StageOpenDeals, row: SqlRow) -> None:
    if row["currency"] == "*":
        open_deals.deals, open_deals.clients = int(row["deals"]), int(row["clients"])
    elif row["currency"] is not None and row["amount"] is not None:
        open_deals.amounts[row["currency"]] = int(row["amount"])


_SELLER_SQL: Final = "COALESCE(deal.won_by, deal.lost_by, deal.owner_id)"
_TEAM_SQL: Final = "COALESCE(deal.won_team, deal.lost_team, deal.opened_team)"
_STAGE_STAYS_SQL: Final = """
WITH asked AS (SELECT id, position FROM stage WHERE pipeline_id = ?),
entered AS (
    SELECT visit.deal_id, visit.stage_id, asked.position, MIN(visit.entered_on) AS entered_on,
        MIN(visit.entered_at) AS entered_at
    FROM stage_visit visit JOIN asked ON asked.id = visit.stage_id
    WHERE visit.deal_id IN (
        SELECT here.deal_id FROM stage_visit here JOIN asked ON asked.id = here.stage_id
        WHERE here.entered_on BETWEEN ? AND ?)
    GROUP BY visit.deal_id, visit.stage_id, asked.position
), fates AS (
    SELECT {seller} AS seller, {team} AS team, entered.stage_id, entered.entered_on, deal.closed_on,
        CASE WHEN deal.status = 'LOST' AND deal.stage_id NOT IN (SELECT id FROM asked) THEN 'OPEN' ELSE deal.status END AS status,
        CASE WHEN entered.position < MAX(entered.position) OVER (PARTITION BY entered.deal_id) THEN 1 ELSE 0 END AS later,
        (SELECT MIN(next.entered_on) FROM stage_visit next JOIN stage ON stage.id = next.stage_id
            WHERE next.deal_id = entered.deal_id AND next.stage_id <> entered.stage_id AND (
                next.entered_at > entered.entered_at
                OR (next.entered_at = entered.entered_at AND stage.position > entered.position))) AS left_on
    FROM entered JOIN deal ON deal.id = entered.deal_id AND deal.deleted_at IS NULL
), {ended}
"""
_CREATED_DEALS_SQL: Final = """
WITH fates AS (
    SELECT {seller} AS seller, {team} AS team, {first} AS stage_id, deal.created_on AS entered_on, deal.closed_on,
        deal.status, 0 AS later, NULL AS left_on
    FROM deal JOIN stage ON stage.id = deal.stage_id
    WHERE stage.pipeline_id = ? AND deal.created_on BETWEEN ? AND ? AND deal.deleted_at IS NULL
), {ended}
"""
_GROUP_STAYS_SQL: Final = """
stays AS (
    SELECT seller, team, stage_id, status, later, {days} AS days, CASE WHEN {left} IS NULL THEN 0 ELSE 1 END AS ended
    FROM fates WHERE entered_on BETWEEN ? AND ?
) SELECT seller, team, stage_id, status, later, days, ended, COUNT(*) AS deals
FROM stays GROUP BY seller, team, stage_id, status, later, days, ended
"""


async def stay_groups(pipeline_id: int, days: DayRange, today: date) -> list[StayGroup]:
    """Return the outcomes of the deals that first entered a stage within the days, for each stage entered then.

    A deal that left the pipeline and was lost elsewhere is undecided here.
    """
    return await _read_groups(_STAGE_STAYS_SQL, [pipeline_id, *days], "COALESCE(left_on, closed_on)", days, today)


async def created_deal_groups(pipeline_id: int, first_stage_id: int, days: DayRange, today: date) -> list[StayGroup]:
    """Return the outcomes of the deals created within the days, as if the first stage were the only one."""
    return await _read_groups(
        _CREATED_DEALS_SQL.replace("{first}", str(first_stage_id)), [pipeline_id, *days], "closed_on", days, today
    )


async def _read_groups(
    sql: str, parameters: list[SqlValue], left_on: str, days: DayRange, today: date
) -> list[StayGroup]:
    grouping = _GROUP_STAYS_SQL.format(
        days=connection.days_between_sql("entered_on", f"COALESCE({left_on}, ?)"), left=left_on
    )
    rows = await connection.fetch_rows(
        sql.format(seller=_SELLER_SQL, team=_TEAM_SQL, ended=grouping), [*parameters, today, *days]
    )
    return [
        StayGroup(
            row["seller"],
            row["team"],
            row["stage_id"],
            DealStatus(row["status"]),
            bool(row["later"]),
            max(0, int(row["days"])),
            bool(row["ended"]),
            int(row["deals"]),
        )
        for row in rows
    ]
