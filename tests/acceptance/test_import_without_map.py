"""The `import` command without `--map`: what it shows, asks, saves and imports, with a terminal and without one."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from server.commands.map_confirmation import NOT_CONFIRMED
from tests.imports.ready_exports import EXPORTS
from tests.imports.test_found_map import ENGLISH_DEALS
from tests.processes import ROOT, TIMEOUT_SECONDS, Workspace, prepare_database

UNCERTAIN = "Deal,Owner,Created\nDvořák,Růžička,13.04.2026\n".encode("cp1250")


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return prepare_database(f"sqlite://{tmp_path_factory.mktemp('database')}/scoreline.db", zone="UTC")


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Workspace:
    home = Workspace(tmp_path / "home", database_url=database_url)
    (home.folder / "deals.csv").write_text(ENGLISH_DEALS)
    return home


def run_on_terminal(home: Workspace, *arguments: str, answers: str) -> tuple[int, str, str]:
    """Run the import with a terminal for input and errors; return the exit code, what it prints and what it asks."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "import", *arguments],
        cwd=home.folder, env=home.environment(), stdin=end, stderr=end, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(end)
    watchdog = threading.Timer(TIMEOUT_SECONDS, process.kill)  # a question that was not expected
    watchdog.start()
    os.write(terminal, answers.encode())
    screen = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # the terminal was closed at the other end
            break
        if not chunk:
            break
        screen += chunk
    printed, _ = process.communicate()
    watchdog.cancel()
    os.close(terminal)
    return process.returncode, printed, screen.decode(errors="replace").replace("\r\n", "\n")


def test_without_a_terminal_the_map_is_shown_and_nothing_is_imported(home: Workspace) -> None:
    result = home.run("import", "deals.csv")

    assert result.code == NOT_CONFIRMED == 4
    assert "deals.csv: deals, guessed from its columns" in result.err
    assert "Sales rep owner 95% Ann Lee Bob Ray Bob Ray" in " ".join(result.err.split())
    assert 'owner = "Sales rep"' in result.err
    assert "What does the stage “Signed” mean?" in result.err
    assert "Nothing was imported. Run `./run import deals.csv --yes` to import with this map" in result.err


def test_import_speaks_the_language_of_the_terminal(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")

    result = home.run("import", "deals.csv", "--yes", "--dry-run")

    assert "deals.csv: сделки, угадано по столбцам" in result.err
    assert "Что значит этап «Signed»?" in result.err
    assert "сделки: прочитано 3, новых 0, изменено 0, без изменений 0, отклонено 3" in result.out
    assert "Внимание: ничего не принято." in result.out
    assert "Отклонённые строки — в rejects.csv" in result.out
    assert result.out.endswith("Это была проверка: ничего не изменено.\n")


def test_yes_imports_without_questions_and_rejects_what_is_open(home: Workspace) -> None:
    result = home.run("import", "deals.csv", "--yes", "--save-map", "ours.toml")

    assert result.code == 3
    assert "deals: 3 read, 0 new, 0 changed, 0 unchanged, 3 rejected" in result.out
    assert "./run import rejects.csv --map ours.toml" in result.out
    assert (home.folder / "ours.toml").read_text().startswith('name = "deals"')


def test_map_is_saved_and_no_file_is_overwritten(home: Workspace) -> None:
    first = home.run("import", "deals.csv", "--save-map", "ours.toml")
    text = (home.folder / "ours.toml").read_text()
    (home.folder / "ours.toml").write_text(
        text.replace('# "Offer" = "open"', '"Offer" = "open"')
        .replace('# "Signed" = "open"', '"Signed" = "won"')
        .replace('# "Gone" = "open"', '"Gone" = "lost"')
    )
    second = home.run("import", "deals.csv", "--save-map", "ours.toml")
    by_map = home.run("import", "deals.csv", "--map", "ours.toml", "--dry-run")

    assert (first.code, second.code, by_map.code) == (4, 1, 0)
    assert "Look through ours.toml and run `./run import deals.csv --map ours.toml`." in first.err
    assert "ours.toml is there already: give another file for the map." in second.err
    assert "deals: 3 read, 3 new" in by_map.out


def test_terminal_asks_what_is_open_and_before_it_imports(home: Workspace) -> None:
    answers = "open\nsure\nwon\nlost\n"

    refused = run_on_terminal(home, "deals.csv", answers=f"{answers}n\n")
    code, printed, screen = run_on_terminal(home, "deals.csv", answers=f"{answers}y\n")

    assert (refused[0], refused[1]) == (4, "")
    assert "Nothing was imported." in refused[2]
    assert "What does the stage “Signed” mean? (open, won, lost):" in screen
    assert "Give one of open, won, lost, or nothing." in screen
    assert 'Signed = "won"' in screen
    assert "Import with this map? [y/N]:" in screen
    assert (code, "deals: 3 read, 3 new, 0 changed, 0 unchanged, 0 rejected" in printed) == (0, True)


def test_ready_map_is_found_and_named(home: Workspace) -> None:
    export = EXPORTS["Pipedrive of 2018"]
    (home.folder / "deals.csv").write_text(export.content)

    refused = home.run("import", "deals.csv")
    result = home.run("import", "deals.csv", "--dry-run")

    assert "deals.csv: deals, the map pipedrive, found by its columns" in refused.err
    assert "Run `./run import deals.csv --map pipedrive`, or with `--yes` instead of the map." in refused.err
    assert (refused.code, result.code) == (4, 0)
    assert "deals: 3 read, " in result.out


def test_missing_column_is_asked_for_on_a_terminal_and_else_named(home: Workspace) -> None:
    (home.folder / "deals.csv").write_text("Deal,Wer,Status\nBoats,Ann,open\n")

    result = home.run("import", "deals.csv", "--yes")
    code, printed, screen = run_on_terminal(home, "deals.csv", answers="nobody\nWer\ny\n")

    assert (result.code, code) == (1, 0)
    assert (
        "No column was found for owner. Run `./run import deals.csv --save-map map.toml`, complete the map"
        in result.err
    )
    assert "which column holds owner? (Wer):" in screen
    assert "There is no “nobody”." in screen
    assert "deals: 1 read, 1 new" in printed


@pytest.mark.parametrize("options", [(), ("--map", "map.toml")])
def test_uncertain_encoding_is_asked_about_on_a_terminal_also_with_a_map(
    home: Workspace, options: tuple[str, ...]
) -> None:
    (home.folder / "deals.csv").write_bytes(UNCERTAIN)
    (home.folder / "map.toml").write_text(
        '[[file]]\nkind = "deals"\n[file.columns]\ntitle = "Deal"\nowner = "Owner"\ncreated = "Created"\n'
    )
    question = "Is this read as it should be? Import it?"

    code, printed, screen = run_on_terminal(
        home, "deals.csv", *options, "--rejects", "no.csv", answers="n\n" if options else "y\nn\n"
    )

    assert (code, printed) == (4, "")
    assert question in screen
    assert "that is not certain" in screen


def test_map_and_file_for_a_found_map_exclude_each_other(home: Workspace) -> None:
    result = home.run("import", "deals.csv", "--map", "bitrix24", "--save-map", "ours.toml")

    assert result.code == 2
    assert "--save-map writes a map that was found: it goes without --map." in result.err
    assert not (home.folder / "ours.toml").exists()


def test_unknown_file_says_what_it_has(home: Workspace) -> None:
    (home.folder / "deals.csv").write_text("Temperature,Pressure\n1,2\n")

    result = home.run("import", "deals.csv", "--yes")

    assert result.code == 1
    assert "deals.csv: its columns do not tell what they hold: Temperature, Pressure. Write a map." in result.err
    assert str(ROOT) not in result.err
