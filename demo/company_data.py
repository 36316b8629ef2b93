"""Data of the demo company: people, teams, pipelines, products and names of clients, all invented.

"Marlowick" sells temperature loggers and gateways to companies that keep food or medicine cool. Half of its people have
names in Latin letters, half in Cyrillic, so that search, sorting and initials are shown with both scripts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
    it rather than being lost.
    """

    name: str
    median_days: float
    advance_probability: float


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
            DemoStage("Proposal", 20, 0.74),
            DemoStage("Contract", 8, 0.93),
        ),
    ),
    DemoPipeline(
        "Renewals and extensions",
        (DemoStage("Due", 8, 0.95), DemoStage("Offer", 12, 0.86), DemoStage("Approval", 9, 0.90)),
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

# Name and local part of the e-mail address. The first is the administrator, then follow the directors, the heads of
# departments and the managers of teams in the order of TEAMS; all others are sellers.
_ENGLISH_NAMES: Final = (
    ("Harriet Quill", "harriet.quill"),
    ("Edmund Farrow", "edmund.farrow"),
    ("Rosalind Teal", "rosalind.teal"),
    ("Gareth Lomond", "gareth.lomond"),
    ("Beatrice Hale", "beatrice.hale"),
    ("Miles Ashdown", "miles.ashdown"),
    ("Winifred Stoke", "winifred.stoke"),
    ("Callum Birch", "callum.birch"),
    ("Imogen Fairley", "imogen.fairley"),
    ("Rupert Gale", "rupert.gale"),
    ("Nora Whitlock", "nora.whitlock"),
    ("Toby Hartwell", "toby.hartwell"),
    ("Esme Rowan", "esme.rowan"),
    ("Jasper Colt", "jasper.colt"),
    ("Phoebe Marsh", "phoebe.marsh"),
    ("Declan Moor", "declan.moor"),
    ("Ottilie Penn", "ottilie.penn"),
    ("Fergus Dale", "fergus.dale"),
    ("Mabel Crane", "mabel.crane"),
    ("Hugo Linden", "hugo.linden"),
)
_RUSSIAN_NAMES: Final = (
    ("Вера Соколова", "vera.sokolova"),
    ("Аркадий Мельников", "arkadiy.melnikov"),
    ("Лидия Журавлёва", "lidiya.zhuravleva"),
    ("Тимур Ясенев", "timur.yasenev"),
    ("Нина Полевая", "nina.polevaya"),
    ("Глеб Заречный", "gleb.zarechny"),
    ("Алла Верещагина", "alla.vereshchagina"),
    ("Степан Озеров", "stepan.ozerov"),
    ("Майя Лугова", "maya.lugova"),
    ("Фёдор Снегирёв", "fedor.snegirev"),
    ("Зоя Калинина", "zoya.kalinina"),
    ("Игнат Щербаков", "ignat.shcherbakov"),
    ("Юлия Ёлкина", "yuliya.elkina"),
    ("Роман Дубравин", "roman.dubravin"),
    ("Тамара Ручьёва", "tamara.rucheva"),
    ("Кирилл Осокин", "kirill.osokin"),
    ("Ева Рябинина", "eva.ryabinina"),
    ("Платон Вьюгин", "platon.vyugin"),
    ("Ксения Берестова", "kseniya.berestova"),
    ("Матвей Горин", "matvey.gorin"),
)
NAMES: Final = tuple(
    (*person, language)
    for pair in zip(_ENGLISH_NAMES, _RUSSIAN_NAMES, strict=True)
    for person, language in zip(pair, ("en", "ru"), strict=True)
)
CLIENT_FIRST_WORDS: Final = (
    "Amberley", "Bright Harbour", "Cedar Lane", "Dunmoor", "Eastgate", "Fennel", "Glasswater", "Hollin", "Ivory Quay",
    "Juniper", "Kestrel Field", "Larch", "Millrace", "Northfold", "Orchard Row", "Pinewater", "Quarry Bank", "Redmoss",
    "Северный ветер", "Янтарь", "Белая бухта", "Зелёный мыс", "Горный ручей", "Лесная поляна", "Тихий берег",
    "Новый причал", "Старый сад", "Медовый край", "Ясный день", "Речной дом", "Полярная звезда", "Тёплый хлеб",
)  # fmt: skip
CLIENT_LAST_WORDS: Final = (
    "Dairy",
    "Foods",
    "Pharmacy",
    "Clinic",
    "Logistics",
    "Bakery",
    "Market",
    "Farms",
    "Cold Store",
)
CLIENT_LAST_WORDS_RUSSIAN: Final = (
    "Молоко", "Продукты", "Аптека", "Клиника", "Логистика", "Хлеб", "Маркет", "Ферма", "Склад",
)  # fmt: skip
CITIES: Final = ("Riga", "Tallinn", "Vilnius", "Kaunas", "Tartu", "Ventspils", "Tbilisi", "Almaty")
CITIES_RUSSIAN: Final = ("Рига", "Таллин", "Вильнюс", "Каунас", "Тарту", "Вентспилс", "Тбилиси", "Алматы")
CONTACT_NAMES: Final = (
    "Agnes Holt", "Piers Lowry", "Dora Finch", "Leonard Ash", "Sybil Crowe", "Noel Garland", "Thea Winslow",
    "Марк Лесной", "Ольга Тропинина", "Егор Ключников", "Дина Садовская", "Павел Мостовой", "Инна Росина",
)  # fmt: skip
CALL_NOTES: Final = (None, None, "Asked for a new offer.", "Wants to see the loggers at work.", "Call again next week.")
