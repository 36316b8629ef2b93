"""Queries of the funnel: open deals per stage and outcomes of past stays, each in one statement for all scopes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from domain.analytics.funnel import Stays
from domain.ledger.record_facts import DealStatus
from models.analytics.statistics import Days, Owner, below, parts
from models.crm.pipelines import Stage
from models.db import connection
from models.goals.goals import OwnerKind


@dataclass
class Open:
    """An owner's deals that are open in a stage now: their number, number of clients, and amounts by currency."""

    deals: int = 0
    clients: int = 0
    amounts: dict[str, int] = field(default_factory=dict)


_STAGES: Final = """
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
_OPEN: Final = """
SELECT '{kind}' AS kind, {owner} AS owner, deal.stage_id, {currency} AS currency, COUNT(*) AS deals,
    {amount} AS amount, COUNT(DISTINCT deal.client_id) AS clients
FROM deal JOIN employee ON employee.id = deal.owner_id {join}
WHERE deal.status = 'OPEN' AND deal.deleted_at IS NULL AND {condition} GROUP BY {group}
"""


async def stages(owners: Collection[Owner], pipeline: int | None) -> tuple[list[Stage], dict[Owner, dict[int, Open]]]:
    """Return the stages of a pipeline in order, and the open deals of each owner by stage id.

    pipeline_id  None for the first pipeline with a deal, else the first; without pipelines there are no stages
    A deal belongs to its owner, and to the team that its owner is in now.
    """
    start, values = below(owners)
    selects, given = [], list(values)
    for kind, owner, join, condition, numbers in parts(owners, "employee.team_id", "deal.owner_id"):
        how = {"kind": kind, "owner": owner, "join": join, "condition": condition}
        group = f"{owner}, deal.stage_id"
        selects.append(
            _OPEN.format(**how, currency="deal.currency", amount="SUM(deal.amount)", group=f"{group}, deal.currency")
        )
        selects.append(_OPEN.format(**how, currency="'*'", amount="NULL", group=group))
        given += [*numbers, *numbers]
    rows = await connection.rows(_STAGES.format(below=start, open=" UNION ALL ".join(selects)), [*given, pipeline])
    found: dict[int, Stage] = {}
    open_: dict[Owner, dict[int, Open]] = {owner: {} for owner in owners}
    for row in rows:
        stage = found.setdefault(row["id"], _stage(row))
        if row["kind"] is not None:
            _add(open_[OwnerKind(row["kind"]), row["owner"]].setdefault(stage.id, Open()), row)
    return list(found.values()), open_


def _stage(row: dict[str, Any]) -> Stage:
    return Stage(id=row["id"], pipeline_id=row["pipeline_id"], name=row["name"], position=row["position"])


def _add(open_: Open, row: dict[str, Any]) -> None:
    if row["currency"] == "*":
        open_.deals, open_.clients = int(row["deals"]), int(row["clients"])
    elif row["currency"] is not None and row["amount"] is not None:
        open_.amounts[row["currency"]] = int(row["amount"])


_SELLER: Final = "COALESCE(deal.won_by, deal.lost_by, deal.owner_id)"
_TEAM: Final = "COALESCE(deal.won_team, deal.lost_team, employee.team_id, 0)"
_FATES: Final = """
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
        JOIN employee ON employee.id = deal.owner_id
), {ended}
"""
_CREATED: Final = """
WITH fates AS (
    SELECT {seller} AS seller, {team} AS team, {first} AS stage_id, deal.created_on AS entered_on, deal.closed_on,
        deal.status, 0 AS later, NULL AS left_on
    FROM deal JOIN stage ON stage.id = deal.stage_id JOIN employee ON employee.id = deal.owner_id
    WHERE stage.pipeline_id = ? AND deal.created_on BETWEEN ? AND ? AND deal.deleted_at IS NULL
), {ended}
"""
_ENDED: Final = """
stays AS (
    SELECT seller, team, stage_id, status, later, {days} AS days, CASE WHEN {left} IS NULL THEN 0 ELSE 1 END AS ended
    FROM fates WHERE entered_on BETWEEN ? AND ?
) SELECT seller, team, stage_id, status, later, days, ended, COUNT(*) AS deals
FROM stays GROUP BY seller, team, stage_id, status, later, days, ended
"""


async def stays(pipeline: int, days: Days, today: date) -> list[Stays]:
    """Return the outcomes of the deals that first entered a stage within the days, for each stage entered then.

    A deal that left the pipeline and was lost elsewhere is undecided here.
    """
    return await _read(_FATES, [pipeline, *days], "COALESCE(left_on, closed_on)", days, today)


async def created(pipeline: int, first: int, days: Days, today: date) -> list[Stays]:
    """Return the outcomes of the deals created within the days, as if the first stage were the only one."""
    return await _read(_CREATED.replace("{first}", str(first)), [pipeline, *days], "closed_on", days, today)


async def _read(question: str, given: list[Any], left: str, days: Days, today: date) -> list[Stays]:
    ended = _ENDED.format(days=connection.days_between("entered_on", f"COALESCE({left}, ?)"), left=left)
    rows = await connection.rows(question.format(seller=_SELLER, team=_TEAM, ended=ended), [*given, today, *days])
    return [
        Stays(
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
