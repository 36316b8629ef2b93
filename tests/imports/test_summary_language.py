"""The language of what an import says: its summary, what is missing in a file, and the terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from domain.errors.user_errors import Invalid
from domain.i18n.languages import translate
from domain.messages import Message, MessageList
from imports.column_checks import describe_missing
from imports.field_specs import FIELDS_BY_KIND
from imports.files.source_discovery import PassedOver
from imports.import_preview import check_files
from imports.import_run import KIND_NAMES, ImportNote, ImportResult
from resolvers.request.import_files import ImportSource
from server.commands.map_confirmation import find_terminal_language


def test_summary_is_in_the_language_it_is_asked_in() -> None:
    passed_over = [PassedOver("notes.txt", Message("no regular file")), PassedOver("old", Message("no regular file"))]
    result = ImportResult(
        counts={"deals": Counter(read=9, new=4, changed=3, unchanged=1, rejected=1)},
        created_names={"stages": ["Offer", "Contract"], "employees": []},  # theirs were rolled back
        created_counts=Counter(stages=3),
        notes=[ImportNote("deals.csv", Message("The file has no rows."), True)],
        passed_over=[part.message for part in passed_over],
    )

    assert result.render("ru").splitlines() == [
        "сделки: прочитано 9, новых 4, изменено 3, без изменений 1, отклонено 1",
        "этапы, созданные по упоминанию в строках, 3: Offer, Contract, …",
        "Внимание: deals.csv: В файле нет строк.",
        "Пропущено: notes.txt (не обычный файл), old (не обычный файл).",
    ]
    assert str(result).splitlines() == [
        "deals: 9 read, 4 new, 3 changed, 1 unchanged, 1 rejected",
        "stages created by reference, 3: Offer, Contract, …",
        "Warning: deals.csv: The file has no rows.",
        "Passed over: notes.txt (no regular file), old (no regular file).",
    ]


def test_every_kind_of_records_has_a_name() -> None:
    assert FIELDS_BY_KIND.keys() <= KIND_NAMES.keys()
    assert all(kind == name for kind, name in KIND_NAMES.items())


def test_missing_columns_are_described_in_both_languages() -> None:
    message = describe_missing({"amount": ["Sum", "Total", "Price"], "owner": ["Seller"]}, ["Sums"])

    assert (
        str(message) == "“Sum” or “Total” or “Price” (amount, the nearest header is “Sums”), and none “Seller” (owner)"
    )
    assert translate(message, "ru") == (
        "«Sum» или «Total» или «Price» (amount, ближайший заголовок — «Sums»), а также «Seller» (owner)"
    )


def test_list_of_messages_is_translated_one_by_one() -> None:
    messages = MessageList((Message("people"), Message("money")), "; ")

    assert str(Message("{x}", {"x": messages})) == "people; money"
    assert translate(Message("{x}", {"x": messages}), "ru") == "люди; деньги"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ru"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_MESSAGES": "en_GB"}, "en"),
        ({"LANG": "ru.UTF-8", "LC_ALL": ""}, "ru"),
        ({"LANG": "de_DE@euro"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_language_of_the_terminal_is_that_of_its_locale(environment: dict[str, str], language: str) -> None:
    assert find_terminal_language(environment) == language


def test_file_that_cannot_be_imported_is_explained_without_its_folder_on_the_server(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("Title,Owner\nChairs,Ann\n")

    with pytest.raises(Invalid) as raised:
        check_files(tmp_path / "deals.csv", ImportSource(inbox_path="deals.csv", map="hubspot"))
    with pytest.raises(Invalid) as raised_for_folder:
        check_files(tmp_path / "none.csv", ImportSource(inbox_path="none.csv", map="hubspot"))

    text = translate(raised.value.message, "ru")
    assert text.startswith("Это нельзя импортировать. В deals.csv нет столбца «Record ID» или «Record ID - Deal»")
    assert str(tmp_path) not in text + str(raised_for_folder.value)
    assert "none.csv is neither a file nor a folder" in str(raised_for_folder.value)
