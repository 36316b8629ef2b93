"""The built-in maps of companies and contacts are found by the headers of their systems, and read their exports."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from imports.map_guess.found_map import find_map
from models.crm.clients import Client, Contact
from tests.imports.import_company import open_company


class ClientExport(NamedTuple):
    """An export with two records: Globex or Bob Ray with an owner, and one with as little as there may be."""

    map_name: str
    content: str


EXPORTS: Final = {
    "Bitrix24 companies": ClientExport(
        "bitrix24-companies",
        "ID;Logo;Company name;Company type;Industry;Responsible person;Created on;Work Phone;Mobile;Work E-mail\n"
        "7;;Globex;Client;IT;Ann Lee;02/01/2026 09:30:00 am;;+49 30 1234;info@globex.example\n8;;Initech;;;Ann Lee;;;;\n",
    ),
    "Bitrix24 companies, Russian": ClientExport(
        "bitrix24-companies",
        "ID;Название компании;Тип компании;Сфера деятельности;Ответственный;Дата создания;Рабочий телефон;Рабочий e-mail\n"
        "7;Globex;Клиент;ИТ;Ann Lee;01.02.2026 09:30:00;+49 30 1234;info@globex.example\n8;Initech;;;Ann Lee;;;\n",
    ),
    "Bitrix24 contacts": ClientExport(
        "bitrix24-contacts",
        "ID;Salutation;First name;Second name;Last name;Position;Company;Responsible person;Created on;Work Phone;Work E-mail\n"
        "7;;Bob;;Ray;CEO;Globex;Ann Lee;02/01/2026 09:30:00 am;+49 30 1234;bob@globex.example\n8;;;;Wu;;;Ann Lee;;;\n",
    ),
    "Bitrix24 contacts, Russian": ClientExport(
        "bitrix24-contacts",
        "ID;Обращение;Имя;Фамилия;Отчество;Тип контакта;Компания;Ответственный;Дата создания;Мобильный телефон;Частный e-mail\n"
        "7;;Bob;Ray;;Клиент;Globex;Ann Lee;01.02.2026 09:30:00;+49 30 1234;bob@globex.example\n8;;;Wu;;;;Ann Lee;;;\n",
    ),
    "Kommo companies": ClientExport(
        "amocrm-companies",
        "ID,Company name,Responsible user,Created at,Created by,Company tags,Closest task,Work phone,Work email,Web,Address\n"
        "7,Globex,Ann Lee,01.02.2026 09:30:00,Ann Lee,,,+49 30 1234,info@globex.example,,\n8,Initech,Ann Lee,,,,,,,,\n",
    ),
    "amoCRM companies": ClientExport(
        "amocrm-companies",
        "ID;Название компании;Ответственный;Дата создания;Кем создана компания;Теги компании;Рабочий телефон;Рабочий email\n"
        "7;Globex;Ann Lee;01.02.2026 09:30:00;Ann Lee;;+49 30 1234;info@globex.example\n8;Initech;Ann Lee;;;;;\n",
    ),
    "Kommo contacts": ClientExport(
        "amocrm-contacts",
        "ID,Type,Full name,First name,Last name,Contact's company,Responsible user,Created at,Contact tags,Mobile phone,Work email\n"
        "7,contact,Bob Ray,Bob,Ray,Globex,Ann Lee,01.02.2026 09:30:00,,+49 30 1234,bob@globex.example\n"
        "8,contact,,,Wu,,Ann Lee,,,,\n",
    ),
    "amoCRM contacts": ClientExport(
        "amocrm-contacts",
        "ID;Полное имя контакта;Имя;Фамилия;Компания;Ответственный за контакт;Дата создания контакта;Теги контакта;Рабочий телефон;"
        "Личный email\n"
        "7;Bob Ray;Bob;Ray;Globex;Ann Lee;01.02.2026 09:30:00;;+49 30 1234;bob@globex.example\n8;;;Wu;;Ann Lee;;;;\n",
    ),
    "HubSpot companies": ClientExport(
        "hubspot-companies",
        "Record ID,Company name,Company owner,Create Date,Phone Number,Last Activity Date,City,Country/Region,Industry\n"
        "7,Globex,Ann Lee,2026-02-01 09:30,+49 30 1234,,Berlin,Germany,IT\n8,Initech,Ann Lee,,,,,,\n",
    ),
    "HubSpot companies, Russian": ClientExport(
        "hubspot-companies",
        "ID записи,Название компании,Владелец компании,Дата создания,Номер телефона,Доменное имя компании,Отрасль\n"
        "7,Globex,Ann Lee,2026-02-01 09:30,+49 30 1234,globex.example,ИТ\n8,Initech,Ann Lee,,,,\n",
    ),
    "HubSpot contacts": ClientExport(
        "hubspot-contacts",
        "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lead Status,Marketing contact status,Create Date,"
        "Associated Company\n"
        "7,Bob,Ray,bob@globex.example,+49 30 1234,Ann Lee,,,2026-02-01 09:30,Globex\n8,,Wu,,,Ann Lee,,,,\n",
    ),
    "HubSpot contacts, Russian": ClientExport(
        "hubspot-contacts",
        "ID записи,Имя,Фамилия,Электронная почта,Номер телефона,Владелец контакта,Статус лида,Дата создания,Связанная компания\n"
        "7,Bob,Ray,bob@globex.example,+49 30 1234,Ann Lee,,2026-02-01 09:30,Globex\n8,,Wu,,,Ann Lee,,,\n",
    ),
    "Pipedrive organizations": ClientExport(
        "pipedrive-organizations",
        "Organization - ID,Organization - Name,Organization - Owner,Organization - Organization created,Organization - People\n"
        "7,Globex,Ann Lee,2026-02-01 09:30:00,1\n8,Initech,Ann Lee,,\n",
    ),
    "Pipedrive organizations, Russian": ClientExport(
        "pipedrive-organizations",
        "Организация - ID,Организация - Название,Организация - Владелец,Организация - Организация создана,Организация - Адрес\n"
        "7,Globex,Ann Lee,2026-02-01 09:30:00,\n8,Initech,Ann Lee,,\n",
    ),
    "Pipedrive people": ClientExport(
        "pipedrive-people",
        "Person - ID,Person - Name,Person - Organization,Person - Email - Work,Person - Phone - Work,Person - Owner,"
        "Person - Person created\n"
        "7,Bob Ray,Globex,bob@globex.example,+49 30 1234,Ann Lee,2026-02-01 09:30:00\n8,Wu,,,,Ann Lee,\n",
    ),
    "Pipedrive people, Russian": ClientExport(
        "pipedrive-people",
        "Контактное лицо - ID,Контактное лицо - Имя,Контактное лицо - Организация,Контактное лицо - Эл. почта,"
        "Контактное лицо - Телефон,Контактное лицо - Владелец,Контактное лицо - Контактное лицо создано\n"
        "7,Bob Ray,Globex,bob@globex.example,+49 30 1234,Ann Lee,2026-02-01 09:30:00\n8,Wu,,,,Ann Lee,\n",
    ),
}


@pytest.fixture(params=list(EXPORTS.values()), ids=list(EXPORTS))
def export(request: pytest.FixtureRequest) -> ClientExport:
    return request.param


def test_map_is_found_by_the_headers(tmp_path: Path, export: ClientExport) -> None:
    (tmp_path / "export.csv").write_text(export.content)

    found_map = find_map(tmp_path / "export.csv")

    assert found_map.ready_map == export.map_name
    [table] = found_map.tables
    assert [guess.column for guess in table.columns if guess.field is None and guess.confidence] == []
    assert found_map.find_questions() == []


async def test_export_comes_in_whole(tmp_path: Path, export: ClientExport) -> None:
    (tmp_path / "export.csv").write_text(export.content)
    async with open_company("sqlite://:memory:", tmp_path, currency="EUR") as company:
        result = await company.import_source(export.map_name, tmp_path / "export.csv")

        assert company.rejects == []
        assert [*result.counts.values()] == [{"read": 2, "new": 2}]
        assert [str(note) for note in result.notes if "othing reads" in str(note)] == []
        if "contacts" in result.counts:
            contacts = await Contact.all().order_by("external_id").prefetch_related("owner", "client")
            assert [(row.external_id, row.name, row.owner.name) for row in contacts] == [
                ("7", "Bob Ray", "Ann Lee"),
                ("8", "Wu", "Ann Lee"),
            ]
            assert contacts[0].created_at.isoformat()[:10] == "2026-02-01"
            assert (contacts[0].email, contacts[0].phone) == ("bob@globex.example", "+49 30 1234")
            assert [row.client and row.client.name for row in contacts] == ["Globex", None]
        else:
            clients = await Client.all().order_by("external_id").prefetch_related("owner")
            assert [(row.external_id, row.name, row.owner.name) for row in clients] == [
                ("7", "Globex", "Ann Lee"),
                ("8", "Initech", "Ann Lee"),
            ]
            assert clients[0].created_at.isoformat()[:10] == "2026-02-01"
            assert clients[0].phone == ("+49 30 1234" if "+49" in export.content else None)
