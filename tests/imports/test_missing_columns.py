"""Columns that a map names and a file lacks: the file is refused whole, unless the map calls the field optional."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports import column_checks, map_file
from imports.files.source_discovery import find_sources, open_file
from imports.files.source_row import ImportFileError
from imports.map_file import FileMap
from tests.imports.import_company import ImportTestCompany


def parse_file_map(columns: str, head: str = "", tail: str = "") -> FileMap:
    return map_file.parse_map(f'[[file]]\nkind = "deals"\n{head}\n[file.columns]\n{columns}\n{tail}', "test").files[0]


DEALS = 'title = "Title"\nowner = "Owner"\namount = ["Amount", "Сумма"]\nreason = "Reason"'


def read_columns(folder: Path, header: str, file_map: FileMap) -> list[str]:
    path = folder / "deals.csv"
    path.write_text(f"{header}\n")
    return [*open_file(path, [file_map]).files[0].columns]


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        (
            "Title,Owner,Deal amount,Reason",
            "no column “Amount” or “Сумма” (amount, the nearest header is “Deal amount”)",
        ),
        ("Title,Owner,Cyммa,Reason", "(amount, the nearest header is “Cyммa”)"),  # Latin letters
        ("Title,Owner,Amount,Why", "no column “Reason” (reason)"),
        ("Title,Owner,Why,Zzz", "(amount), and none “Reason” (reason)"),
        ("Title,Ownr,Amount,Reason", "no column “Owner” (owner, the nearest header is “Ownr”)"),
    ],
)
def test_file_without_a_mapped_column_is_refused_with_the_nearest_header(
    tmp_path: Path, header: str, hint: str
) -> None:
    with pytest.raises(ImportFileError) as error:
        read_columns(tmp_path, header, parse_file_map(DEALS))
    assert hint in str(error.value)
    assert "`optional = [" in str(error.value)


def test_one_of_several_alternative_columns_is_enough(tmp_path: Path) -> None:
    assert read_columns(tmp_path, "Title,Owner,Сумма,Reason", parse_file_map(DEALS))


def test_case_and_outer_spaces_of_a_header_do_not_matter(tmp_path: Path) -> None:
    columns = read_columns(tmp_path, " TITLE ,owner,AMOUNT,\u00a0reason,Note", parse_file_map(DEALS))
    assert columns == ["Title", "Owner", "Amount", "Reason", "Note"]


def test_exact_header_wins_over_one_in_other_case(tmp_path: Path) -> None:
    columns = read_columns(tmp_path, "Title,Owner,amount,Amount,Reason", parse_file_map(DEALS))
    assert columns == ["Title", "Owner", "amount", "Amount", "Reason"]


def test_optional_field_may_be_missing_but_not_a_required_one(tmp_path: Path) -> None:
    file_map = parse_file_map(DEALS, head='optional = ["reason", "amount", "owner"]')
    assert read_columns(tmp_path, "Title,Owner", file_map)
    with pytest.raises(ImportFileError, match="“Owner”"):
        read_columns(tmp_path, "Title", file_map)


@pytest.mark.parametrize(
    ("tail", "header", "missing"),
    [
        ('[file.templates]\nproduct = ["{Brand} {Model}", "{Model}"]', "Title,Owner,Model", ""),
        ('[file.templates]\nproduct = ["{Brand} {Model}"]', "Title,Owner,Model", "“Brand” (product"),
        ('[file.entered]\nOffer = "Offered"', "Title,Owner,Model", "“Offered” (entered.Offer"),
        ('[file.constants]\ncurrency = "EUR"', "Title,Owner", ""),
    ],
)
def test_columns_of_templates_and_stage_entries_are_needed(
    tmp_path: Path, tail: str, header: str, missing: str
) -> None:
    file_map = parse_file_map('title = "Title"\nowner = "Owner"', tail=tail)
    if not missing:
        assert read_columns(tmp_path, header, file_map)
        return
    with pytest.raises(ImportFileError) as error:
        read_columns(tmp_path, header, file_map)
    assert missing in str(error.value)


def test_columns_to_identify_a_row_by_are_needed(tmp_path: Path) -> None:
    file_map = parse_file_map('title = "Title"\nowner = "Owner"', head='id_from = ["Title", "Day"]')
    with pytest.raises(ImportFileError, match="“Day”"):
        read_columns(tmp_path, "Title,Owner", file_map)


def test_unknown_optional_field_is_an_error_of_the_map() -> None:
    with pytest.raises(map_file.MapError, match=r"file 1\.optional\.amuont: there is no such field"):
        parse_file_map(DEALS, head='optional = ["amuont"]')


def test_nothing_is_imported_from_a_folder_with_a_refused_file(tmp_path: Path) -> None:
    company = ImportTestCompany(tmp_path)
    source = company.write_files({"a.csv": "Title,Owner\nChairs,Ann\n", "b.csv": "Title\nTables\n"})
    import_map = map_file.parse_map(
        '[[file]]\nkind = "deals"\n[file.columns]\ntitle = "Title"\nowner = "Owner"', "test"
    )
    with pytest.raises(ImportFileError, match=r"b\.csv has no column “Owner”"):
        find_sources(source, import_map)


@pytest.mark.parametrize("name", map_file.built_in_maps())
def test_built_in_map_reads_columns_in_each_language(name: str) -> None:
    for file in map_file.load_map(name).files:
        for number in range(max(map(len, file.columns.values()))):
            columns = [names[min(number, len(names) - 1)] for names in file.columns.values()]
            templates = [column for column in column_checks.mapped_columns(file) if column not in columns]
            assert not column_checks.missing_fields(file, [*columns, *templates])
