"""The practice sets are counted rightly: by hand for a few deals, and by SQL for a whole set."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.practice_set.expected_numbers import compute_expected_numbers
from tests.practice_set.generator import write_practice_set
from tests.practice_set.practice_sets import PracticeSet

FEW_DEALS = {
    "accounts": "account\nAlder\n",
    "products": "product,sales_price\nHoe,10\n",
    "sales_teams": "sales_agent,manager,regional_office\nAnn,Mo,East\nBob,Mo,East\nCid,Ned,West\n",
    "sales_pipeline": """sales_agent,product,account,deal_stage,engage_date,close_date,close_value
Ann,Hoe,Alder,Won,2017-01-30,2017-01-31,10.25
Ann,Hoe,Alder,Won,2017-01-31,2017-02-03,0
Ann,Hoe,Alder,Lost,2017-01-31,2017-03-31,0
Bob,Hoe,Alder,Won,2017-03-01,2017-04-01,20.5
Bob,Hoe,Alder,Lost,2017-03-01,2017-04-01,0
Bob,Hoe,,Engaging,2017-03-01,,
Bob,Hoe,,Prospecting,,,
""",
}


def test_expected_numbers_of_few_deals_are_those_counted_by_hand(tmp_path: Path) -> None:
    for name, text in FEW_DEALS.items():
        (tmp_path / f"{name}.csv").write_text(text)

    numbers = compute_expected_numbers(tmp_path)

    assert numbers == {
        "rows": {"sales_pipeline": 7, "sales_teams": 3, "products": 1, "accounts": 1},
        "by_stage": {"Won": 3, "Lost": 2, "Engaging": 1, "Prospecting": 1},
        "won_total": 30.75,
        "won_mean": 10.25,
        "win_rate_closed": 0.6,
        "won_by_month": {
            "2017-01": {"deals": 1, "value": 10.25},
            "2017-02": {"deals": 1, "value": 0},
            "2017-04": {"deals": 1, "value": 20.5},
        },
        "won_by_quarter": {"2017-Q1": {"deals": 2, "value": 10.25}, "2017-Q2": {"deals": 1, "value": 20.5}},
        "agents": [
            {
                "agent": "Bob", "manager": "Mo", "won": 1, "lost": 1, "engaging": 1, "prospecting": 1,
                "won_value": 20.5, "win_rate": 0.5, "wilson95": [0.0945, 0.9055], "median_days_to_win": 31,
            },
            {
                "agent": "Ann", "manager": "Mo", "won": 2, "lost": 1, "engaging": 0, "prospecting": 0,
                "won_value": 10.25, "win_rate": 0.6667, "wilson95": [0.2077, 0.9385], "median_days_to_win": 2,
            },
        ],
        "agents_without_deals": ["Cid"],
        "managers": {"Mo": {"won": 3, "value": 30.75}},
        "regions": {"East": {"won": 3, "value": 30.75}},
        "manager_month": {"Mo": {"2017-01": 10.25, "2017-02": 0, "2017-04": 20.5}},
        "leaderboard_by_month_top3": {
            "2017-01": [["Ann", 10.25]], "2017-02": [["Ann", 0]], "2017-04": [["Bob", 20.5]],
        },
        "days_to_close": {"won_median": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("won_by_month", "substr(close_date, 1, 7)"),
        ("won_by_quarter", "substr(close_date, 1, 4) || '-Q' || ((substr(close_date, 6, 2) + 2) / 3)"),
        ("managers", "manager"),
        ("regions", "regional_office"),
    ],
)
def test_expected_wins_are_those_counted_by_sql(practice_set: PracticeSet, key: str, group: str) -> None:
    with sqlite3.connect(":memory:") as connection:
        for table in ("sales_pipeline", "sales_teams"):
            with (practice_set.folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
                header, *rows = csv.reader(file)
            connection.execute(f"CREATE TABLE {table} ({', '.join(header)})")
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(header))})", rows)
        wins = connection.execute(
            f"""SELECT {group}, count(*), sum(CAST(round(close_value * 100) AS INTEGER)) / 100.0
            FROM sales_pipeline JOIN sales_teams USING (sales_agent) WHERE deal_stage = 'Won' GROUP BY 1"""
        ).fetchall()
    connection.close()

    expected: dict[str, Any] = practice_set.expected_numbers[key]
    assert {name: (count, amount) for name, count, amount in wins} == {
        name: tuple(numbers.values()) for name, numbers in expected.items()
    }


def test_generated_set_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    texts = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_practice_set(folder, seed)
        texts.append((folder / "sales_pipeline.csv").read_text())

    assert texts[0] == texts[1] != texts[2]
