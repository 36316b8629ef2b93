"""Built-in import maps, each with a small export of its system."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.imports.import_company import ImportTestCompany, open_company

BITRIX = """\
"ID";"Стадия сделки";"Название сделки";"Компания";"Контакт";"Сумма";"Валюта";"Ответственный";"Дата создания";"Дата завершения"
"17";"Сделка успешна";"Мебель для офиса";"ООО «Ромашка»";"Пётр Ким";"150000.50";"Российский рубль";"Анна Серова";"12.01.2026 10:15:00";"20.02.2026"
"18";"В работе";"Стулья";"";"Пётр Ким";"30000";"Российский рубль";"Борис Ли";"01.02.2026 09:00:00";"30.12.2026"
"19";"Сделка провалена";"Столы";"ООО «Ромашка»";"";"";"";"Анна Серова";"03.02.2026 12:00:00";"03.02.2026"
"20";"Согласование у директора";"Шкафы";"";"";"1";"Российский рубль";"Анна Серова";"03.02.2026 12:00:00";"04.02.2026"
"""
AMO = """\
ID,Тип,Название сделки,Основной контакт,Компания контакта,Ответственный,Этап сделки,Воронка,Бюджет,Дата создания сделки,Дата закрытия
101,Сделка,Поставка кофе,Иван Ветров,Кофейня,Анна Серова,Успешно реализовано,Опт,120000,10.01.2026 11:00:00,15.01.2026 18:30:00
102,Сделка,Чай,Иван Ветров,,Анна Серова,Переговоры,Опт,,11.01.2026 11:00:00,не закрыта
103,Сделка,Сахар,,,Анна Серова,Закрыто и не реализовано,Розница,5000,12.01.2026 11:00:00,13.01.2026 10:00:00
"""
HUBSPOT = """\
Record ID,Deal Name,Deal Stage,Pipeline,Amount,Close Date,Create Date,Deal owner,Associated Company,Closed Lost Reason
9001,Website,Closed Won,Sales Pipeline,"12,500.00",2026-03-02 14:05,2026-02-01 09:30,Ann Lee,Globex,
9002,Support,Contract Sent,Sales Pipeline,800,2026-12-24 12:00,2026-02-02 09:30,Bob Ray,,
9003,Audit,Closed Lost,Sales Pipeline,,2026-03-03 10:00,2026-02-03 09:30,Ann Lee,Globex,Too dear
"""
PIPEDRIVE = """\
Deal - ID,Deal - Title,Deal - Value,Deal - Currency,Deal - Status,Deal - Stage,Deal - Pipeline,Deal - Owner,Deal - Organization,Deal - Deal created,Deal - Won time,Deal - Lost time,Deal - Lost reason,Deal - Expected close date
1,Crane,"1,250,000",EUR,Won,Offer Made,Machines,Ann Lee,Globex,2026-01-05 08:00:00,2026-04-01 12:00:00,,,
2,Lift,400,EUR,Open,Qualified,Machines,Bob Ray,,2026-01-06 08:00:00,,2026-01-20 08:00:00,,2026-12-01
3,Digger,900.5,EUR,Lost,Qualified,Machines,Ann Lee,Initech,2026-01-07 08:00:00,,2026-05-01 12:00:00,Too late,
"""

RENAMED_PIPEDRIVE_COLUMNS = {
    "Deal - Currency": "Deal - Currency of value",
    "Deal - Stage": "Deal - Stage (pipeline)",
    "Deal - Deal created": "Deal - Creation date",
}


@pytest.fixture
async def moscow_company(tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company("sqlite://:memory:", tmp_path, currency="RUB", zone="Europe/Moscow") as company:
        yield company


async def test_bitrix24_close_date_of_open_deal_is_expected_and_unknown_stage_is_rejected(
    moscow_company: ImportTestCompany,
) -> None:
    result = await moscow_company.import_files("bitrix24", {"DEAL.csv": "\ufeff" + BITRIX})

    assert result.counts["deals"] == {"read": 4, "new": 3, "rejected": 1}
    assert [(line, column) for line, column, _ in moscow_company.rejects] == [("5", "Стадия сделки")]
    deals = await moscow_company.read_deals()
    assert deals["17"] == {
        "title": "Мебель для офиса", "owner": "Анна Серова", "client": "ООО «Ромашка»", "stage": "В работе",
        "status": "WON", "money": (15000050, "RUB"), "created": "2026-01-12T07:15:00+00:00",
        "closed": "2026-02-19T21:00:00+00:00", "expected": None, "reason": None, "product": None,
    }  # fmt: skip
    assert (deals["18"]["status"], deals["18"]["stage"], deals["18"]["client"]) == ("OPEN", "В работе", "Пётр Ким")
    assert (deals["18"]["closed"], deals["18"]["expected"]) == (None, "2026-12-30")
    assert (deals["19"]["status"], deals["19"]["money"]) == ("LOST", (None, None))
    assert deals["19"]["closed"] == deals["19"]["created"]  # a closing day without time is not before the creation
    assert set(result.created_names) == {"employees", "clients", "stages"}


@pytest.mark.parametrize(("name", "text"), [("bitrix24", BITRIX), ("amocrm", AMO.replace(",", ";"))])
async def test_amounts_resaved_by_a_russian_spreadsheet_are_read(
    moscow_company: ImportTestCompany, name: str, text: str
) -> None:
    saved = text.replace("150000.50", "150 000,50").replace(";120000;", ";120\u00a0000,5;")
    await moscow_company.import_files(name, {"export.csv": saved})

    deals = await moscow_company.read_deals()
    assert {"17": 15000050, "101": 12000050}[next(iter(deals))] == next(iter(deals.values()))["money"][0]


async def test_deal_without_owner_is_rejected_with_a_hint(tmp_path: Path) -> None:
    async with open_company("sqlite://:memory:", tmp_path) as company:
        await company.import_files("hubspot", {"deals.csv": HUBSPOT.replace("Bob Ray", "")})

        [(line, column, reason)] = company.rejects
    assert (line, column) == ("3", "owner")
    assert '`owner = "importer"` under file.unknown' in reason


@pytest.mark.parametrize("separator", [",", ";"])
async def test_amocrm_deal_is_open_until_closed_and_each_funnel_is_a_pipeline(
    moscow_company: ImportTestCompany, separator: str
) -> None:
    result = await moscow_company.import_files(
        "amocrm", {"amocrm_export_leads.csv": "\ufeff" + AMO.replace(",", separator)}
    )

    assert result.counts["deals"] == {"read": 3, "new": 3}
    assert result.created_names["stages"] == ["Переговоры (Опт)", "Закрыто и не реализовано (Розница)"]
    deals = await moscow_company.read_deals()
    assert (deals["101"]["money"], deals["101"]["client"]) == ((12000000, "RUB"), "Кофейня")
    assert deals["101"]["closed"] == "2026-01-15T15:30:00+00:00"
    assert (deals["102"]["status"], deals["102"]["stage"], deals["102"]["client"]) == (
        "OPEN",
        "Переговоры",
        "Иван Ветров",
    )


async def test_hubspot_close_date_of_open_deal_is_expected(company: ImportTestCompany) -> None:
    result = await company.import_files("hubspot", {"hubspot-crm-exports-all-deals.csv": HUBSPOT})

    assert result.counts["deals"] == {"read": 3, "new": 3}
    deals = await company.read_deals()
    assert (deals["9001"]["status"], deals["9001"]["money"]) == ("WON", (1250000, "EUR"))
    assert deals["9001"]["closed"] == "2026-03-02T14:05:00+00:00"
    assert (deals["9002"]["status"], deals["9002"]["expected"]) == ("OPEN", "2026-12-24")
    assert (deals["9003"]["status"], deals["9003"]["reason"]) == ("LOST", "Too dear")


async def test_hubspot_stage_may_carry_the_pipeline_name(company: ImportTestCompany) -> None:
    named = re.sub("(Closed Won|Closed Lost|Contract Sent),", r"\1 (Sales Pipeline),", HUBSPOT)
    result = await company.import_files("hubspot", {"hubspot-crm-exports-all-deals.csv": named})

    assert result.counts["deals"] == {"read": 3, "new": 3}
    assert {deal["status"] for deal in (await company.read_deals()).values()} == {"WON", "OPEN", "LOST"}


async def test_pipedrive_renamed_columns_are_read(company: ImportTestCompany) -> None:
    renamed = PIPEDRIVE
    for old, new in RENAMED_PIPEDRIVE_COLUMNS.items():
        assert old in renamed
        renamed = renamed.replace(old, new)
    await company.import_files("pipedrive", {"deals-123-1.csv": renamed})
    deals = await company.read_deals()

    await company.import_files("pipedrive", {"deals-123-1.csv": PIPEDRIVE})
    assert await company.read_deals() == deals


async def test_pipedrive_status_decides_won_and_close_date(company: ImportTestCompany) -> None:
    result = await company.import_files("pipedrive", {"deals-123-1.csv": PIPEDRIVE})

    assert result.counts["deals"] == {"read": 3, "new": 3}
    deals = await company.read_deals()
    assert (deals["1"]["status"], deals["1"]["stage"], deals["1"]["money"]) == ("WON", "Offer Made", (125000000, "EUR"))
    assert deals["1"]["closed"] == "2026-04-01T12:00:00+00:00"
    assert (deals["2"]["status"], deals["2"]["closed"], deals["2"]["expected"]) == ("OPEN", None, "2026-12-01")
    assert (deals["3"]["closed"], deals["3"]["reason"]) == ("2026-05-01T12:00:00+00:00", "Too late")


async def test_deal_in_currency_without_rate_is_rejected(company: ImportTestCompany) -> None:
    await company.import_files("bitrix24", {"DEAL.csv": BITRIX})
    assert {reason for _, _, reason in company.rejects if "RUB" in reason} == {
        "There is no exchange rate for RUB: an administrator sets one with setExchangeRate."
    }


async def test_maven_creates_teams_and_managers_from_its_list_of_people(company: ImportTestCompany) -> None:
    people = (
        "sales_agent,manager,regional_office\nAnn Lee,Cara Losch,East\nBob Ray,Cara Losch,East\nEve Fox,Dan Roe,West\n"
    )
    result = await company.import_files("maven", {"sales_teams.csv": people})

    assert result.counts["people"] == {"read": 3, "new": 3}
    assert result.created_names["teams"] == ["East", "Team Cara Losch", "West", "Team Dan Roe"]
    teams = {row["name"]: row for row in (await company.read_all_rows())["team"]}
    assert teams["Team Cara Losch"]["parent_id"] == teams["East"]["id"]
    employees = {row["name"]: row for row in (await company.read_all_rows())["employee"]}
    assert teams["Team Cara Losch"]["manager_id"] == employees["Cara Losch"]["id"]
    assert employees["Ann Lee"]["team_id"] == employees["Bob Ray"]["team_id"] == teams["Team Cara Losch"]["id"]

    second_result = await company.import_files("maven", {"sales_teams.csv": people})
    assert second_result.counts["people"] == {"read": 3, "unchanged": 3}
