"""Queries of the funnel: open deals per stage and outcomes of past stays, each in one statement for all scopes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from domain.analytics.funnel import FunnelParts, StayGroup
from domain.ledger.record_facts import DealStatus
from models.analytics.statistics import DayRange
from models.crm.pipelines import Stage
from models.db import connection, dialects, id_lists
from models.db.values import SqlClause, SqlRow, SqlValue
from models.organization import scopes
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey, scope_key


@dataclass
class StageOpenDeals:
    """An owner's deals that are open in a stage now: their number, number of clients, and amounts by currency."""

    deals: int = 0
    clients: int = 0
    amounts: dict[str, int] = field(default_factory=dict)


# Which pipeline has a funnel of no given one? The first with a deal, else the first.
_DEFAULT_PIPELINE: Final = """COALESCE(
    (SELECT MIN(stage.pipeline_id) FROM stage WHERE EXISTS (
        SELECT 1 FROM deal WHERE deal.stage_id = stage.id AND deal.deleted_at IS NULL)),
    (SELECT MIN(pipeline_id) FROM stage)
)"""
# Which stages has the pipeline, and which rows of {open} belong to each?
_STAGES_SQL: Final = f"""
SELECT stage.id, stage.pipeline_id, stage.name, stage.position,
    open.kind, open.owner, open.currency, open.deals, open.amount, open.clients
FROM stage LEFT JOIN ({{open}}) AS open ON open.stage_id = stage.id
WHERE stage.pipeline_id = COALESCE(?, {_DEFAULT_PIPELINE}) ORDER BY stage.position, stage.id
"""  # noqa: S608 - constants only
# How many deals does each owner have open in each stage, and of how many clients?
_OPEN_DEALS_SQL: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, deal.stage_id, CAST(NULL AS TEXT) AS currency, COUNT(*) AS deals,
    CAST(NULL AS BIGINT) AS amount, {clients} AS clients
FROM deal {join} WHERE deal.status = 'OPEN' AND deal.deleted_at IS NULL AND {condition} GROUP BY {owner}, deal.stage_id
"""
# What do the deals that each owner has open in each stage amount to, in each currency?
_OPEN_AMOUNTS_SQL: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, deal.stage_id, deal.currency, COUNT(*) AS deals,
    SUM(deal.amount) AS amount, CAST(NULL AS BIGINT) AS clients
FROM deal {join} WHERE deal.status = 'OPEN' AND deal.deleted_at IS NULL AND {condition} AND deal.amount IS NOT NULL
    AND deal.currency IS NOT NULL
GROUP BY {owner}, deal.stage_id, deal.currency
"""
# No rows, for an answer without open deals
_NO_OPEN_DEALS_SQL: Final = """
SELECT CAST(NULL AS TEXT) AS kind, 0 AS owner, 0 AS stage_id, CAST(NULL AS TEXT) AS currency, 0 AS deals, 0 AS amount,
    0 AS clients WHERE 1 = 0
"""


async def stages_with_open_deals(
    owners: Collection[ScopeKey], tree: TeamTree, pipeline_id: int | None, parts: FunnelParts
) -> tuple[list[Stage], dict[ScopeKey, dict[int, StageOpenDeals]]]:
    """Return the stages of a pipeline in order, and the open deals of each owner by stage id, in one statement.

    pipeline_id  None for the first pipeline with a deal, else the first; without pipelines there are no stages
    parts        which figures of the open deals are read; the others are empty
    A deal belongs to its owner, and to the team that its owner is in now.
    """
    selects, parameters = [], list[SqlValue]()
    for kind, owner, join, (condition, values) in _owner_clauses(owners, tree):
        clauses = {"kind": kind, "owner": owner, "join": join, "condition": condition}
        if parts.open_deals or parts.open_clients:
            clients = "COUNT(DISTINCT deal.client_id)" if parts.open_clients else "CAST(NULL AS BIGINT)"
            selects.append(_OPEN_DEALS_SQL.format(**clauses, clients=clients))
            parameters += values
        if parts.open_amounts:
            selects.append(_OPEN_AMOUNTS_SQL.format(**clauses))
            parameters += values
    open_sql = " UNION ALL ".join(selects) or _NO_OPEN_DEALS_SQL
    rows = await connection.fetch_rows(_STAGES_SQL.format(open=open_sql), [*parameters, pipeline_id])
    stages_by_id: dict[int, Stage] = {}
    open_deals: dict[ScopeKey, dict[int, StageOpenDeals]] = {owner: {} for owner in owners}
    for row in rows:
        stage = stages_by_id.setdefault(row["id"], _stage_from_row(row))
        if row["kind"] is not None:
            of_owner = open_deals[scope_key(row["kind"], row["owner"])]
            _add_open_deals(of_owner.setdefault(stage.id, StageOpenDeals()), row)
    return list(stages_by_id.values()), open_deals


async def find_default_pipeline_id() -> int | None:
    """Return the id of the pipeline of a funnel of no given one; None without pipelines."""
    [row] = await connection.fetch_rows(f"SELECT {_DEFAULT_PIPELINE} AS id")
    return row["id"]  # type: ignore[no-any-return]


def _owner_clauses(owners: Collection[ScopeKey], tree: TeamTree) -> Iterator[tuple[str, str, str, SqlClause]]:
    """Yield for each kind among the owners: the kind, the expression of the owner's id, a join, and a condition."""
    for scope_kind, keys in scopes.by_kind(owners):
        kind, employee_ids = scope_kind.kind, [key.id for key in keys if key.employee_id is not None]
        if employee_ids:
            yield kind, "deal.owner_id", "", ("deal.owner_id = ANY(?)", [employee_ids])
        elif scope_kind.is_company:
            yield kind, "CAST(0 AS INTEGER)", "", ("1 = 1", [])  # a literal 0 would be a column position in GROUP BY
        else:
            pairs = [(key.id, team_id) for key in keys for team_id in sorted(key.team_ids(tree) or ())]
            below = id_lists.id_pairs_sql("below", "root", "id")
            join = f"JOIN employee ON employee.id = deal.owner_id JOIN {below} ON below.id = employee.team_id"
            roots, team_ids = [root for root, _ in pairs], [team_id for _, team_id in pairs]
            yield kind, "below.root", join, ("1 = 1", [roots, team_ids])


def _stage_from_row(row: SqlRow) -> Stage:
    return Stage(id=row["id"], pipeline_id=row["pipeline_id"], name=row["name"], position=row["position"])


def _add_open_deals(open_deals: StageOpenDeals, row: SqlRow) -> None:
    if row["currency"] is not None:
        open_deals.amounts[row["currency"]] = int(row["amount"])
    else:
        open_deals.deals, open_deals.clients = int(row["deals"]), int(row["clients"] or 0)


_SELLER_SQL: Final = "COALESCE(deal.won_by, deal.lost_by, deal.owner_id)"
_TEAM_SQL: Final = "COALESCE(deal.won_team, deal.lost_team, deal.opened_team)"
_LEFT_ON_SQL: Final = """(SELECT MIN(next.entered_on) FROM stage_visit next JOIN stage ON stage.id = next.stage_id
            WHERE next.deal_id = entered.deal_id AND next.stage_id <> entered.stage_id AND (
                next.entered_at > entered.entered_at
                OR (next.entered_at = entered.entered_at AND stage.position > entered.position)))"""
# Which deals are credited to these sellers? Two selects, for each of which there is an index.
_SELLERS_DEALS_SQL: Final = """
SELECT deal.id FROM deal WHERE {closer_is_seller}
UNION ALL SELECT deal.id FROM deal WHERE {owner_is_seller} AND COALESCE(deal.won_by, deal.lost_by) IS NULL
"""
# What became of the deals that first entered a stage of the pipeline within the days, as seen from that stage?
_STAGE_STAYS_SQL: Final = """
WITH pipeline_stage AS (SELECT id, position FROM stage WHERE pipeline_id = ?),
entered AS (
    SELECT visit.deal_id, visit.stage_id, pipeline_stage.position, MIN(visit.entered_on) AS entered_on,
        MIN(visit.entered_at) AS entered_at
    FROM stage_visit visit JOIN pipeline_stage ON pipeline_stage.id = visit.stage_id
    WHERE visit.deal_id IN ({candidates})
    GROUP BY visit.deal_id, visit.stage_id, pipeline_stage.position
), fates AS (
    SELECT {seller} AS seller, {team} AS team, entered.stage_id, entered.entered_on, deal.closed_on,
        CASE WHEN deal.status = 'LOST' AND deal.stage_id NOT IN (SELECT id FROM pipeline_stage) THEN 'OPEN' ELSE deal.status END AS status,
        CASE WHEN entered.position < MAX(entered.position) OVER (PARTITION BY entered.deal_id) THEN 1 ELSE 0 END AS later,
        {left} AS left_on
    FROM entered JOIN deal ON deal.id = entered.deal_id AND deal.deleted_at IS NULL
), {ended}
"""
# Which deals were in a stage of the pipeline within the days?
_VISITING_DEALS_SQL: Final = """
SELECT here.deal_id FROM stage_visit here JOIN pipeline_stage ON pipeline_stage.id = here.stage_id WHERE here.entered_on BETWEEN ? AND ?
"""
# What became of the deals that were created within the days, if none first entered a stage within them?
_CREATED_DEALS_SQL: Final = """
WITH fates AS (
    SELECT {seller} AS seller, {team} AS team, CAST(? AS INTEGER) AS stage_id, deal.created_on AS entered_on, deal.closed_on,
        deal.status, 0 AS later, CAST(NULL AS DATE) AS left_on
    FROM deal JOIN stage ON stage.id = deal.stage_id
    WHERE stage.pipeline_id = ? AND deal.created_on BETWEEN ? AND ? AND deal.deleted_at IS NULL AND {of_sellers}
        AND NOT EXISTS (
            SELECT 1 FROM stage_visit visit JOIN stage ON stage.id = visit.stage_id
                JOIN deal ON deal.id = visit.deal_id AND deal.deleted_at IS NULL
            WHERE stage.pipeline_id = ? AND visit.entered_on BETWEEN ? AND ? AND NOT EXISTS (
                SELECT 1 FROM stage_visit earlier WHERE earlier.deal_id = visit.deal_id
                    AND earlier.stage_id = visit.stage_id AND earlier.entered_on < visit.entered_on))
), {ended}
"""
_GROUP_OUTCOMES_SQL: Final = """
stays AS (SELECT seller, team, stage_id, status, later FROM fates WHERE entered_on BETWEEN ? AND ?)
SELECT seller, team, stage_id, status, later, NULL AS days, NULL AS ended, COUNT(*) AS deals
FROM stays GROUP BY seller, team, stage_id, status, later
"""
_GROUP_STAYS_SQL: Final = """
stays AS (
    SELECT seller, team, stage_id, status, later, {days} AS days,
        CASE WHEN COALESCE(left_on, closed_on) IS NULL THEN 0 ELSE 1 END AS ended
    FROM fates WHERE entered_on BETWEEN ? AND ?
) SELECT seller, team, stage_id, status, later, days, ended, COUNT(*) AS deals
FROM stays GROUP BY seller, team, stage_id, status, later, days, ended
"""


async def stay_groups(
    pipeline_id: int, days: DayRange, today: date, *, with_days: bool = True, seller_ids: Sequence[int] | None = None
) -> list[StayGroup]:
    """Return the outcomes of the deals that first entered a stage within the days, for each stage entered then.

    A deal that left the pipeline and was lost elsewhere is undecided here.

    with_days   whether the days in the stage are needed, too
    seller_ids  None for all sellers
    """
    candidates, values = _VISITING_DEALS_SQL, list[SqlValue](days)
    if seller_ids is not None:
        conditions = {
            "closer_is_seller": "COALESCE(deal.won_by, deal.lost_by) = ANY(?)",
            "owner_is_seller": "deal.owner_id = ANY(?)",
        }
        candidates, values = _SELLERS_DEALS_SQL.format(**conditions), [list(seller_ids), list(seller_ids)]
    left_on = _LEFT_ON_SQL if with_days else "NULL"
    sql = _STAGE_STAYS_SQL.format(
        candidates=candidates, left=left_on, seller=_SELLER_SQL, team=_TEAM_SQL, ended=_grouping_sql(with_days)
    )
    return await _fetch_groups(sql, [pipeline_id, *values, *_grouping_values(days, today, with_days)])


async def created_deal_groups(
    pipeline_id: int,
    first_stage_id: int,
    days: DayRange,
    today: date,
    *,
    with_days: bool = True,
    seller_ids: Sequence[int] | None = None,
) -> list[StayGroup]:
    """Return the outcomes of the deals created within the days, as if the first stage were the only one.

    Empty if any deal, of whatever seller, first entered a stage of the pipeline within the days.
    """
    of_sellers, values = ("1 = 1", []) if seller_ids is None else (f"{_SELLER_SQL} = ANY(?)", [list(seller_ids)])
    sql = _CREATED_DEALS_SQL.format(
        seller=_SELLER_SQL, team=_TEAM_SQL, of_sellers=of_sellers, ended=_grouping_sql(with_days)
    )
    of_pipeline: list[SqlValue] = [pipeline_id, *days]
    return await _fetch_groups(
        sql, [first_stage_id, *of_pipeline, *values, *of_pipeline, *_grouping_values(days, today, with_days)]
    )


def _grouping_sql(with_days: bool) -> str:
    if not with_days:
        return _GROUP_OUTCOMES_SQL
    return _GROUP_STAYS_SQL.format(
        days=dialects.days_between_sql(connection.dialect(), "entered_on", "COALESCE(left_on, closed_on, ?)")
    )


def _grouping_values(days: DayRange, today: date, with_days: bool) -> list[SqlValue]:
    return [today, *days] if with_days else [*days]


async def _fetch_groups(sql: str, values: Sequence[SqlValue]) -> list[StayGroup]:
    return [
        StayGroup(
            row["seller"],
            row["team"],
            row["stage_id"],
            DealStatus(row["status"]),
            bool(row["later"]),
            None if row["days"] is None else max(0, int(row["days"])),
            None if row["ended"] is None else bool(row["ended"]),
            int(row["deals"]),
        )
        for row in await connection.fetch_rows(sql, values)
    ]
