"""Writes a practice set: CSV exports of an invented seller of greenhouses, for the built-in map `maven`.

The files have the columns of the public set that the map was made for, and nothing of its contents but the product
name that the map translates. The same seed gives the same files. The sellers differ in how many deals they have, not
in how well or how fast they close them, so that no stage of any of them is weak or slow.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

SEED = 23
DEAL_COUNT = 1_400  # with dates; the edge cases and the prospects come on top
FIRST_DAY, LAST_DAY = date(2016, 11, 1), date(2017, 12, 31)
FIRST_CLOSING = date(2017, 1, 1)
REGIONS = {"Coast": ("Ines Albrecht", "Tomas Weir"), "Inland": ("Olga Brandt",)}
SELLERS = {
    "Ines Albrecht": ("Ada Quist", "Bram Okoro", "Celia Tann", "Dario Pell"),
    "Tomas Weir": ("Edda Moss", "Farid Lund", "Greta Salo", "Hugo Brix"),
    "Olga Brandt": ("Ilse Marek", "Jonas Reed", "Katya Vohl", "Liam Aster"),
}
SELLERS_WITHOUT_DEALS = {"Tomas Weir": ("Mara Stein",), "Olga Brandt": ("Nils Ophir",)}
PRODUCTS = {  # list price and share of the deals
    "Glass House 6": (2_400, 3),
    "Glass House 12": (3_900, 2),
    "GTX Pro": (3_100, 3),
    "Drip Line": (1_200, 4),
    "Grow Lamp": (1_650, 4),
}
EXPORTED_PRODUCT_NAMES = {"GTX Pro": "GTXPro"}  # deals name it differently than the price list; the map knows both
ACCOUNT_COUNT = 40
PROSPECTS_BY_SELLER = {"Ada Quist": 30, "Farid Lund": 20, "Katya Vohl": 10}
WIN_RATE_BY_MONTH_OF_QUARTER = (0.011, 0.013, 0.024)  # a day, for a deal that is ripe
LOSS_RATE = 0.010  # a day
RIPE_AFTER_DAYS = 10


@dataclass(frozen=True)
class Deal:
    """A row of sales_pipeline.csv without its id; the empty string stands for what is not known."""

    seller: str
    product: str
    account: str
    stage: str
    engaged: str = ""
    closed: str = ""
    amount: str = ""


def write_practice_set(folder: Path, seed: int = SEED) -> None:
    """Write accounts.csv, products.csv, sales_teams.csv and sales_pipeline.csv into the folder."""
    chance = random.Random(seed)
    accounts = [f"Nursery {number:02}" for number in range(1, ACCOUNT_COUNT + 1)]
    deals = [*_edge_cases(accounts), *_random_deals(chance, accounts), *_prospects(chance)]
    deals.sort(key=lambda deal: deal.engaged)
    _write(folder / "accounts.csv", ("account", "sector"), ((account, "gardening") for account in accounts))
    _write(
        folder / "products.csv",
        ("product", "series", "sales_price"),
        ((name, name.split()[0], price) for name, (price, _) in PRODUCTS.items()),
    )
    _write(
        folder / "sales_teams.csv",
        ("sales_agent", "manager", "regional_office"),
        (
            (seller, manager, region)
            for region, managers in REGIONS.items()
            for manager in managers
            for seller in (*SELLERS[manager], *SELLERS_WITHOUT_DEALS.get(manager, ()))
        ),
    )
    _write(
        folder / "sales_pipeline.csv",
        (
            "opportunity_id",
            "sales_agent",
            "product",
            "account",
            "deal_stage",
            "engage_date",
            "close_date",
            "close_value",
        ),
        (
            (
                f"G{number:05}",
                deal.seller,
                EXPORTED_PRODUCT_NAMES.get(deal.product, deal.product),
                deal.account,
                deal.stage,
                deal.engaged,
                deal.closed,
                deal.amount,
            )
            for number, deal in enumerate(deals)
        ),
    )


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _edge_cases(accounts: Sequence[str]) -> list[Deal]:
    """Return deals at the ends of months, quarters and the year, won for nothing or for a cent, and without account."""
    first, second, last = SELLERS["Ines Albrecht"][0], SELLERS["Tomas Weir"][1], SELLERS["Olga Brandt"][3]
    client = accounts[0]
    return [
        Deal(first, "Drip Line", client, "Won", "2016-11-01", "2017-01-01", "1200.00"),
        Deal(first, "Grow Lamp", client, "Won", "2017-01-31", "2017-01-31", "0.01"),
        Deal(first, "Grow Lamp", client, "Won", "2017-01-31", "2017-02-28", "0"),
        Deal(first, "GTX Pro", client, "Lost", "2017-02-28", "2017-03-01", "0"),
        Deal(second, "GTX Pro", client, "Won", "2017-02-28", "2017-03-31", "3099.99"),
        Deal(second, "Glass House 6", client, "Won", "2017-03-31", "2017-04-01", "2400"),
        Deal(second, "Glass House 12", client, "Won", "2017-05-31", "2017-06-30", "0"),
        Deal(second, "Drip Line", client, "Lost", "2017-06-30", "2017-06-30", "0"),
        Deal(last, "Drip Line", client, "Won", "2017-07-31", "2017-09-30", "1187.5"),
        Deal(last, "Grow Lamp", client, "Won", "2017-10-31", "2017-12-31", "0"),
        Deal(last, "Glass House 12", client, "Won", "2017-12-31", "2017-12-31", "3900.01"),
        Deal(last, "Glass House 12", "", "Engaging", "2017-12-31"),
    ]


def _random_deals(chance: random.Random, accounts: Sequence[str]) -> Iterator[Deal]:
    sellers = [seller for team in SELLERS.values() for seller in team]
    seller_weights = [1.6 - 0.08 * number for number in range(len(sellers))]
    product_weights = [weight for _, weight in PRODUCTS.values()]
    days = (LAST_DAY - FIRST_DAY).days
    for _ in range(DEAL_COUNT):
        engaged = FIRST_DAY + timedelta(days=chance.randrange(days))
        seller = chance.choices(sellers, seller_weights)[0]
        product = chance.choices(list(PRODUCTS), product_weights)[0]
        stage, closed = _find_outcome(chance, engaged)
        account = chance.choice(accounts)
        if stage == "Engaging":
            yield Deal(seller, product, account if chance.random() < 0.4 else "", stage, f"{engaged}")
            continue
        cents = round(PRODUCTS[product][0] * 100 * max(0.5, chance.gauss(1, 0.08))) if stage == "Won" else 0
        yield Deal(seller, product, account, stage, f"{engaged}", f"{closed}", f"{cents // 100}.{cents % 100:02}")


def _find_outcome(chance: random.Random, engaged: date) -> tuple[str, date]:
    """Return stage and last day of a deal, which each day may be won, if it is ripe, or lost."""
    day = max(engaged + timedelta(days=1), FIRST_CLOSING)
    while day <= LAST_DAY:
        ripe = (day - engaged).days > RIPE_AFTER_DAYS
        win_rate = WIN_RATE_BY_MONTH_OF_QUARTER[(day.month - 1) % 3] if ripe else 0
        draw = chance.random()
        if draw < win_rate + LOSS_RATE:
            return ("Won" if draw < win_rate else "Lost"), day
        day += timedelta(days=1)
    return "Engaging", LAST_DAY


def _prospects(chance: random.Random) -> Iterator[Deal]:
    for seller, count in PROSPECTS_BY_SELLER.items():
        for _ in range(count):
            yield Deal(seller, chance.choice(list(PRODUCTS)), "", "Prospecting")
