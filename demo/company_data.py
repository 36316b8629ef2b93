"""Data of the demo company: people, teams, pipelines, products and names of clients, all invented.

"Marlowick" sells temperature loggers and gateways to companies that keep food or medicine cool. Half of its people have
names in Latin letters, half in Cyrillic, so that search, sorting and initials are shown with both scripts.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.forecasting.categories import ForecastCategory
from domain.permissions import Role

COMPANY: Final = "Marlowick"
CURRENCY: Final = "EUR"
ZONE: Final = "Europe/Riga"
COUNTRY: Final = "LV"
EMAIL_DOMAIN: Final = "marlowick.example"


@dataclass(frozen=True)
class DemoTeam:
    key: str
    name: str
    parent: str | None
    manager: str  # key of a person


@dataclass(frozen=True)
class DemoPerson:
    """An employee of the demo company.

    `talent` is a factor around 1 for the number of deals and the probability of winning them; 0 means no sales.
    """

    key: str
    name: str
    email: str
    role: Role
    team: str | None
    language: str
    talent: float = 0.0


@dataclass(frozen=True)
class DemoStage:
    """A stage of a pipeline.

    `median_days` is the median time a deal stays in it, `advance_probability` the probability that a deal moves on from
    it rather than being lost. `forecast_category` is that of the deals in it, the usual one unless it is set.
    """

    name: str
    median_days: float
    advance_probability: float
    forecast_category: ForecastCategory | None = None


@dataclass(frozen=True)
class DemoPipeline:
    name: str
    stages: tuple[DemoStage, ...]


@dataclass(frozen=True)
class DemoProduct:
    name: str
    price: int  # list price in EUR


# Of new business 29 % is won, after two to three months; of what has reached the contract 93 %, within two weeks.
# Proposals take long, because they wait for the client's paperwork. Renewals are faster and safer.
PIPELINES: Final = (
    DemoPipeline(
        "New business",
        (
            DemoStage("New", 4, 0.72),
            DemoStage("Qualified", 9, 0.74),
            DemoStage("Site visit", 12, 0.80),
            DemoStage("Proposal", 20, 0.74, ForecastCategory.BEST_CASE),
            DemoStage("Contract", 8, 0.93, ForecastCategory.COMMIT),
        ),
    ),
    DemoPipeline(
        "Renewals and extensions",
        (
            DemoStage("Due", 8, 0.95),
            DemoStage("Offer", 12, 0.86, ForecastCategory.BEST_CASE),
            DemoStage("Approval", 9, 0.90, ForecastCategory.COMMIT),
        ),
    ),
)
PRODUCTS: Final = (
    DemoProduct("Logger kit S", 1_450),
    DemoProduct("Logger kit L", 3_900),
    DemoProduct("Gateway", 2_600),
    DemoProduct("Cold room package", 8_800),
    DemoProduct("Fleet package", 14_500),
    DemoProduct("Yearly calibration", 1_900),
)
LEAD_SOURCES: Final = ("Website", "Trade fair", "Recommendation", "Phone", "Partner", "Newsletter")
LOST_REASONS: Final = (
    "Price too high",
    "Chose another supplier",
    "No budget this year",
    "No answer any more",
    "Project postponed",
    "Missing certificate",
)
DEAL_PROBLEMS: Final = ("Waiting for the signed order", "Contact has left the client", "Price still disputed")
TASK_TITLES: Final = (
    "Call back about the offer",
    "Send the calibration certificate",
    "Prepare the site visit",
    "Check the delivery date",
    "Update the contact's details",
    "Ask for feedback after delivery",
    "Collect the signed order",
    "Prepare figures for the meeting",
)

TEAMS: Final = (
    DemoTeam("sales", "Sales", None, "p02"),
    DemoTeam("west", "West", "sales", "p04"),
    DemoTeam("east", "East", "sales", "p05"),
    DemoTeam("accounts", "Key accounts", "sales", "p06"),
    DemoTeam("food", "Food West", "west", "p07"),
    DemoTeam("pharma", "Pharma West", "west", "p08"),
    DemoTeam("logistics", "Logistics West", "west", "p09"),
    DemoTeam("baltics", "Baltics", "east", "p10"),
    DemoTeam("caucasus", "Caucasus", "east", "p11"),
    DemoTeam("asia", "Central Asia", "east", "p12"),
    DemoTeam("retail", "Retail chains", "accounts", "p13"),
    DemoTeam("hospitals", "Hospitals", "accounts", "p14"),
)
SELLING_TEAMS: Final = tuple(team.key for team in TEAMS[4:])


@dataclass(frozen=True)
class DemoNames:
    """Names in one language; `client` is the template of a client's name."""

    client: str
    people: list[tuple[str, str]]  # name and local part of the e-mail address
    first_words: list[str]
    last_words: list[str]
    cities: list[str]
    contacts: list[str]


_NAMES: Final = {
    language: DemoNames(**names)
    for language, names in tomllib.loads(Path(__file__).with_name("names.toml").read_text()).items()
}
# The first is the administrator, then follow the directors, the heads of departments and the managers of teams in the
# order of TEAMS; all others are sellers. The languages take turns.
NAMES: Final = tuple(
    (*person, language)
    for people in zip(*(names.people for names in _NAMES.values()), strict=True)
    for person, language in zip(people, _NAMES, strict=True)
)
CLIENT_FIRST_WORDS: Final = tuple((word, names) for names in _NAMES.values() for word in names.first_words)
CONTACT_NAMES: Final = tuple(name for names in _NAMES.values() for name in names.contacts)
CALL_NOTES: Final = (None, None, "Asked for a new offer.", "Wants to see the loggers at work.", "Call again next week.")
