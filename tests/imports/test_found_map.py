"""A map that is guessed from headers and cells: kind, columns, confidences, what is left open, and its text as TOML."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest

from imports.files.source_discovery import find_sources
from imports.files.source_row import ImportFileError
from imports.map_file import parse_map
from imports.map_guess.found_map import AmbiguousKindError, FoundMap, find_map
from imports.map_guess.map_text import MapContent, TomlTable, write_map
from tests.imports.import_company import ImportTestCompany

ENGLISH_DEALS = """\
Number,Deal,Sales rep,Customer,Step,Amount (EUR),Created,Closed,Region
1,Chairs,Ann Lee,Globex,Offer,1200,13.04.2026,,North
2,Tables,Bob Ray,Initech,Signed,80.50,14.05.2026,15.05.2026,South
3,Lamps,Bob Ray,,Gone,7,14.05.2026,16.05.2026,
"""
RUSSIAN_DEALS = """\
Номер сделки;Тема;Менеджер;Контрагент;Этап;Сумма, руб.;Создана;Закрыта
1;Стулья;Анна;Ромашка;Новая;1200,50;13.04.2026;
2;Столы;Борис;Лилия;Успех;80;14.05.2026;15.05.2026
"""
STAGES = {"Offer": "open", "Signed": "won", "Gone": "lost"}


def find(directory: Path, content: str | bytes, name: str = "export.csv") -> FoundMap:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return find_map(path)


def list_fields(found_map: FoundMap) -> dict[str, str | None]:
    [table] = found_map.tables
    return {guess.column: guess.field for guess in table.columns}


def answer_all(found_map: FoundMap, answers: dict[str, str]) -> None:
    for number, question in found_map.find_questions():
        if question.key in answers:
            found_map.answer(number, question, question.parse_answer(answers[question.key]))


def test_deals_are_recognized_by_english_headers_with_a_confidence_for_each_column(tmp_path: Path) -> None:
    found_map = find(tmp_path, ENGLISH_DEALS)

    [table] = found_map.tables
    assert (table.kind, table.ready_map) == ("deals", None)
    assert list_fields(found_map) == {
        "Number": "id", "Deal": "title", "Sales rep": "owner", "Customer": "client", "Step": "stage", "Amount (EUR)": "amount",
        "Created": "created", "Closed": "closed", "Region": None,
    }  # fmt: skip
    assert all(0.9 <= guess.confidence < 1 for guess in table.columns if guess.field)
    assert [row.cells["Deal"] for row in table.rows] == ["Chairs", "Tables", "Lamps"]
    assert found_map.content.files[0]["constants"] == {"currency": "EUR"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_deals_are_recognized_by_russian_headers(tmp_path: Path, encoding: str) -> None:
    found_map = find(tmp_path, RUSSIAN_DEALS.encode(encoding))

    assert [*list_fields(found_map).values()] == [
        "id", "title", "owner", "client", "stage", "amount", "created", "closed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "kind", "fields"),
    [
        ("staff.csv", "First name,Last name,E-mail,Department,Hire date\nAnn,Lee,a@x.com,Sales,2020-01-31\n", "people",
         ["name", "name", "email", "team", "joined"]),
        ("Сотрудники.csv", "ФИО;Отдел;Руководитель;Дата увольнения\nАнна Ли;Опт;Пётр;31.01.2026\n", "people",
         ["name", "team", "manager", "left"]),
        ("export.csv", "ID;Название компании;Телефон;E-mail;Ответственный\n1;Ромашка;+7 999 111-22-33;a@b.ru;Анна\n", "clients",
         ["id", "name", "phone", "email", "owner"]),
        ("export.csv", "Contact name,Company,Email\nAnn Lee,Globex,a@x.com\n", "contacts", ["name", "client", "email"]),
        ("calls.csv", "Employee,Direction,Start time,Duration,Comment\nAnn,incoming,2026-01-31 10:00,60,hello\n", "calls",
         ["owner", "direction", "started", "seconds", "note"]),
        ("export.csv", "Task,Assignee,Due date,Created\nWrite,Ann,2026-01-31,2026-01-13\n", "tasks",
         ["title", "owner", "due", "created"]),
        ("прайс.csv", "Товар;Цена;Валюта\nСтол;100,50;RUB\n", "products", ["name", "price", "currency"]),
        ("export.csv", "Кто;Показатель;План;Период\nАнна;deals_won;10;2026-03\n", "goals", ["owner", "metric", "target", "period"]),
        ("leads.csv", "Lead,Owner,Source,Status,Phone\nChairs,Ann,Web,new,+1 555 123 456\n", "leads",
         ["title", "owner", "source", "status", "phone"]),
        ("отпуска.csv", "Сотрудник;С;По;Вид\nАнна;13.07.2026;20.07.2026;Отпуск\n", "absences", ["owner", "from", "to", "kind"]),
        ("history.csv", "Deal ID,Stage,Date entered\n7,Offer,2026-01-31\n", "visits", ["deal", "stage", "entered"]),
    ],
)  # fmt: skip
def test_kind_is_recognized(tmp_path: Path, name: str, content: str, kind: str, fields: list[str]) -> None:
    found_map = find(tmp_path, content, name)

    assert [table.kind for table in found_map.tables] == [kind]
    assert [*list_fields(found_map).values()] == fields
    assert found_map.missing_fields == []
    assert find_sources(tmp_path / name, found_map.parse()).files[0].file_map.kind == kind


def test_header_whose_cells_hold_something_else_is_not_taken(tmp_path: Path) -> None:
    found_map = find(tmp_path, "Deal,Owner,Stage,Amount,Created\nChairs,Ann,Offer,many,yes\nTables,Ann,Offer,few,no\n")

    assert list_fields(found_map) == {
        "Deal": "title",
        "Owner": "owner",
        "Stage": "stage",
        "Amount": None,
        "Created": None,
    }


def test_column_of_another_record_is_not_taken(tmp_path: Path) -> None:
    found_map = find(tmp_path, "Deal name,Deal owner,Account owner,Stage\nChairs,Ann,Bob,Offer\n")

    assert list_fields(found_map)["Account owner"] is None
    assert list_fields(found_map)["Deal owner"] == "owner"


def test_stages_are_asked_about_and_never_guessed(tmp_path: Path) -> None:
    found_map = find(tmp_path, ENGLISH_DEALS.replace("Signed", "Won"))

    questions = {question.key: question for _, question in found_map.find_questions()}
    assert [*questions] == ["Offer", "Won", "Gone"]
    assert str(questions["Won"].message) == "What does the stage “Won” mean?"
    assert found_map.parse().files[0].stages == {}
    assert '# "Won" = "open"  # or "won", "lost"?' in found_map.text


def test_order_of_day_and_month_is_asked_about_unless_it_is_proved(tmp_path: Path) -> None:
    found_map = find(tmp_path, "Deal,Owner,Created\nChairs,Ann,03/04/2026 10:30\nTables,Ann,05/06/2026 09:00\n")
    [(number, question)] = found_map.find_questions()
    assert "is the day or the month first? line 2: 03/04/2026 10:30" in str(question.message)
    with pytest.raises(ImportFileError, match="is the day or the month first"):
        find_sources(tmp_path / "export.csv", found_map.parse())

    found_map.answer(number, question, question.parse_answer("month"))

    assert found_map.find_questions() == []
    assert "%m/%d/%Y %H:%M" in found_map.parse().files[0].dates
    assert find_sources(tmp_path / "export.csv", found_map.parse()).files
    proved = find(tmp_path, "Deal,Owner,Created\nChairs,Ann,03/04/2026\nTables,Ann,13/06/2026\n")
    assert proved.find_questions() == []


def test_decimal_sign_is_asked_about_unless_it_is_proved(tmp_path: Path) -> None:
    content = 'Deal,Owner,Currency,Amount\nChairs,Ann,EUR,"1,234"\nTables,Ann,EUR,"5,678"\n'
    found_map = find(tmp_path, content)

    [(number, question)] = found_map.find_questions()
    assert "are these thousands or decimals?" in str(question.message)
    found_map.answer(number, question, question.parse_answer("thousands"))

    assert found_map.parse().files[0].decimal == "."
    assert find(tmp_path, content + 'Lamps,Ann,EUR,"7.50"\n').find_questions() == []


@pytest.mark.parametrize(
    ("header", "currency"),
    [("Amount (EUR)", "EUR"), ("Сумма, ₽", "RUB"), ("Amount, $", None), ("Сумма, руб.", None), ("Amount", None)],
)
def test_currency_is_taken_from_a_header_that_names_it_and_else_asked_about(
    tmp_path: Path, header: str, currency: str | None
) -> None:
    found_map = find(tmp_path, f'Deal,Owner,"{header}"\nChairs,Ann,100\n')

    assert list_fields(found_map)[header] == "amount"
    assert found_map.parse().files[0].constants.get("currency") == currency
    assert [question.key for _, question in found_map.find_questions()] == ([] if currency else ["currency"])
    for number, question in found_map.find_questions():
        assert question.parse_answer("money") is None
        found_map.answer(number, question, question.parse_answer("usd"))
        assert found_map.parse().files[0].constants["currency"] == "USD"


def test_words_of_currencies_and_statuses_are_asked_about(tmp_path: Path) -> None:
    found_map = find(tmp_path, "Deal,Owner,Stage,Status,Amount,Currency\nChairs,Ann,Offer,done,100,руб.\n")

    questions = {question.key: question for _, question in found_map.find_questions()}
    assert {*questions} == {"done", "руб."}
    answer_all(found_map, {"done": "won", "руб.": "RUB"})

    file_map = found_map.parse().files[0]
    assert file_map.values == {"status": {"done": "won"}, "currency": {"руб.": "RUB"}}
    assert file_map.unknown == {"stage": "create"}


def test_field_without_a_column_is_named_and_can_be_chosen(tmp_path: Path) -> None:
    found_map = find(tmp_path, "Deal,Wer,Stage,Amount\nChairs,Ann,Offer,100\n")

    assert found_map.missing_fields == [(1, "owner")]
    assert '# owner = ""  # no column was found: name the one that holds it' in found_map.text
    found_map.choose_column(1, "owner", "Wer")

    assert found_map.missing_fields == []
    assert found_map.parse().files[0].columns["owner"] == ["Wer"]


def test_table_that_may_hold_two_kinds_is_refused_until_it_is_told(tmp_path: Path) -> None:
    content = "ID,Title,Owner,Created\n1,Chairs,Ann,2026-01-31\n"

    with pytest.raises(AmbiguousKindError, match=r"may hold .*: name the file after what it holds") as raised:
        find(tmp_path, content)

    assert {"deals", "leads", "tasks"} <= {*raised.value.kinds}
    assert find_map(tmp_path / "export.csv", {"export.csv": "leads"}).tables[0].kind == "leads"
    assert find(tmp_path, content, "deals.csv").tables[0].kind == "deals"


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "Temperature,Pressure\n1,2\n", "", "just a text\n"])
def test_unknown_columns_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ImportFileError, match=r"do not tell what they hold|There is no table"):
        find(tmp_path, content)


def test_sheets_of_a_workbook_are_read_below_titles(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = "Deals 2026"
    for row in (["Report of sales"], [], ["Deal", "Owner", "Stage", "Amount"], ["Chairs", "Ann", "Offer", 100.5]):
        workbook["Deals 2026"].append(row)
    others = {
        "Companies": [["Company", "Phone"], ["Globex", "+1 555 123 456"]],
        "Else": [["Planet", "Mass"], ["Mars", "0.1"]],
    }
    for title, rows in others.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    workbook.save(content)

    found_map = find(tmp_path, content.getvalue(), "export.xlsx")

    assert [(table.kind, table.name) for table in found_map.tables] == [
        ("deals", "export.xlsx, “Deals 2026”"),
        ("clients", "export.xlsx, “Companies”"),
    ]
    assert [part.name for part in found_map.passed_over] == ["export.xlsx, “Else”"]
    sources = find_sources(tmp_path / "export.xlsx", found_map.parse())
    assert {file.file_map.kind for file in sources.files} == {"deals", "clients"}


def test_folder_gets_one_map_for_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(ENGLISH_DEALS)
    (tmp_path / "staff [2].csv").write_text("Name,Department,Hire date\nAnn Lee,Sales,2020-01-31\n")
    (tmp_path / "weather.csv").write_text("Temperature,Pressure\n1,2\n")

    found_map = find_map(tmp_path)

    assert [(table.number, table.kind) for table in found_map.tables] == [(1, "deals"), (2, "people")]
    assert [str(part) for part in found_map.passed_over] == ["weather.csv (its columns are not recognized)"]
    sources = find_sources(tmp_path, found_map.parse())
    assert [file.name for file in sources.files] == ["staff [2].csv", "deals.csv"]


async def test_saved_map_loads_again_and_imports_the_same(company: ImportTestCompany) -> None:
    found_map = find(company.directory, ENGLISH_DEALS, "deals.csv")
    answer_all(found_map, STAGES)

    result = await company.import_source(found_map.text, company.directory / "deals.csv")

    assert company.rejects == []
    assert result.counts["deals"] == {"read": 3, "new": 3}
    deals = await company.read_deals()
    assert [(deal["status"], deal["owner"], deal["money"]) for deal in deals.values()] == [
        ("OPEN", "Ann Lee", (120000, "EUR")), ("WON", "Bob Ray", (8050, "EUR")), ("LOST", "Bob Ray", (700, "EUR")),
    ]  # fmt: skip
    saved_map = parse_map(found_map.text, "deals")
    assert saved_map == found_map.parse()
    second_run = await company.import_source(found_map.text, company.directory / "deals.csv")
    assert second_run.counts["deals"] == {"read": 3, "unchanged": 3}


async def test_rows_with_a_stage_that_was_left_open_are_rejected(company: ImportTestCompany) -> None:
    found_map = find(company.directory, ENGLISH_DEALS, "deals.csv")
    answer_all(found_map, {"Offer": "open", "Signed": "won"})

    result = await company.import_source(found_map.text, company.directory / "deals.csv")

    assert result.counts["deals"] == {"read": 3, "new": 2, "rejected": 1}
    assert [(line, column) for line, column, _ in company.rejects] == [("4", "Step")]


async def test_rejected_rows_are_recognized_again_after_mending(company: ImportTestCompany) -> None:
    found_map = find(company.directory, ENGLISH_DEALS, "deals.csv")
    answer_all(found_map, {"Offer": "open", "Signed": "won"})
    await company.import_source(found_map.text, company.directory / "deals.csv")
    rejects = company.directory / "mended.csv"
    rejects.write_text((company.directory / "rejects.csv").read_text(encoding="utf-8-sig").replace("Gone", "Offer"))

    mended_map = find_map(rejects)

    assert [table.kind for table in mended_map.tables] == ["deals"]
    assert mended_map.content.files[0]["pattern"] == "deals.csv"
    assert [row.cells["Deal"] for row in mended_map.tables[0].rows] == ["Lamps"]


def test_headers_with_signs_of_toml_come_through_the_text_of_the_map() -> None:
    header = 'Deal "name"\\ \t#1 = \u007f é\n[x]'
    section: TomlTable = {"kind": "deals", "columns": {"title": header, "owner": "O'Neil"}}
    content = MapContent({"name": "odd"}, files=[section])

    import_map = parse_map(write_map(content, {(1, "columns"): ["a comment\nof two lines"]}), "odd")

    assert import_map.files[0].columns == {"title": [header], "owner": ["O'Neil"]}
