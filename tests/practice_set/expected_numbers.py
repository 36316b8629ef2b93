"""Computes what a practice set must give after its import, from its CSV files alone.

Nothing of the product is used here: rows are read by `csv`, amounts are Decimals, and every number is counted anew.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import NormalDist, median
from typing import Any

Row = dict[str, str]
Z_95 = NormalDist().inv_cdf(0.975)


def compute_expected_numbers(folder: Path) -> dict[str, Any]:
    """Return the expected numbers of the set, in the shape of the file golden.json of the public set."""
    rows = {name: _read(folder / f"{name}.csv") for name in ("sales_pipeline", "sales_teams", "products", "accounts")}
    deals, people = rows["sales_pipeline"], rows["sales_teams"]
    won, lost = _select(deals, "Won"), _select(deals, "Lost")
    manager_by_seller = {row["sales_agent"]: row["manager"] for row in people}
    region_by_seller = {row["sales_agent"]: row["regional_office"] for row in people}
    sellers = {deal["sales_agent"] for deal in deals}
    agents = [
        _describe_seller(name, manager_by_seller[name], [deal for deal in deals if deal["sales_agent"] == name])
        for name in sellers
    ]
    return {
        "rows": {name: len(table) for name, table in rows.items()},
        "by_stage": dict(Counter(deal["deal_stage"] for deal in deals)),
        "won_total": float(_sum_amounts(won)),
        "won_mean": _round_ratio(_sum_amounts(won), len(won), places=2),
        "win_rate_closed": _round_ratio(Decimal(len(won)), len(won) + len(lost), places=6),
        "won_by_month": _count_and_sum(won, [deal["close_date"][:7] for deal in won], "deals"),
        "won_by_quarter": _count_and_sum(won, [_quarter(deal) for deal in won], "deals"),
        "agents": sorted(agents, key=lambda agent: -agent["won_value"]),
        "agents_without_deals": sorted({row["sales_agent"] for row in people} - sellers),
        "managers": _count_and_sum(won, [manager_by_seller[deal["sales_agent"]] for deal in won], "won"),
        "regions": _count_and_sum(won, [region_by_seller[deal["sales_agent"]] for deal in won], "won"),
        "manager_month": _sum_by_manager_and_month(won, manager_by_seller),
        "leaderboard_by_month_top3": _list_best_by_month(won),
        "days_to_close": {"won_median": float(median(map(_days_to_close, won)))},
    }


def _read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _select(deals: Sequence[Row], stage: str) -> list[Row]:
    return [deal for deal in deals if deal["deal_stage"] == stage]


def _sum_amounts(won: Sequence[Row]) -> Decimal:
    return sum((Decimal(deal["close_value"]) for deal in won), Decimal(0))


def _round_ratio(dividend: Decimal, divisor: int, places: int) -> float:
    return float((dividend / divisor).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def _quarter(deal: Row) -> str:
    closed = date.fromisoformat(deal["close_date"])
    return f"{closed.year}-Q{(closed.month + 2) // 3}"


def _days_to_close(deal: Row) -> int:
    return (date.fromisoformat(deal["close_date"]) - date.fromisoformat(deal["engage_date"])).days


def _group(won: Sequence[Row], keys: Sequence[str]) -> dict[str, list[Row]]:
    groups = defaultdict(list)
    for key, deal in zip(keys, won, strict=True):
        groups[key].append(deal)
    return groups


def _count_and_sum(won: Sequence[Row], keys: Sequence[str], count_name: str) -> dict[str, dict[str, Any]]:
    """Return number and amount of won deals by key; the keys of the deals stand beside them."""
    return {
        key: {count_name: len(group), "value": float(_sum_amounts(group))} for key, group in _group(won, keys).items()
    }


def _describe_seller(name: str, manager: str, deals: Sequence[Row]) -> dict[str, Any]:
    won, lost = _select(deals, "Won"), _select(deals, "Lost")
    return {
        "agent": name,
        "manager": manager,
        "won": len(won),
        "lost": len(lost),
        "engaging": len(_select(deals, "Engaging")),
        "prospecting": len(_select(deals, "Prospecting")),
        "won_value": float(_sum_amounts(won)),
        "win_rate": _round_ratio(Decimal(len(won)), len(won) + len(lost), places=4),
        "wilson95": [round(end, 4) for end in _wilson_interval(len(won), len(won) + len(lost))],
        "median_days_to_win": float(median(map(_days_to_close, won))),
    }


def _wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, spread = successes / trials, Z_95**2 / trials
    half_width = Z_95 * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return (share + spread / 2 - half_width) / (1 + spread), (share + spread / 2 + half_width) / (1 + spread)


def _sum_by_manager_and_month(won: Sequence[Row], manager_by_seller: dict[str, str]) -> dict[str, dict[str, float]]:
    by_manager = _group(won, [manager_by_seller[deal["sales_agent"]] for deal in won])
    return {
        manager: {
            month: float(_sum_amounts(deals))
            for month, deals in _group(group, [deal["close_date"][:7] for deal in group]).items()
        }
        for manager, group in by_manager.items()
    }


def _list_best_by_month(won: Sequence[Row]) -> dict[str, list[list[Any]]]:
    """Return the three sellers with the largest amounts of each month, as pairs of name and amount."""
    best = {}
    for month, deals in _group(won, [deal["close_date"][:7] for deal in won]).items():
        by_seller = _group(deals, [deal["sales_agent"] for deal in deals])
        amounts = [[seller, float(_sum_amounts(group))] for seller, group in by_seller.items()]
        best[month] = sorted(amounts, key=lambda pair: -pair[1])[:3]
    return best
