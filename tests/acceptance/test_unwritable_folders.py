"""Folders and files that cannot be written: every command fails with a sentence instead of a traceback."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.test_setup import error_sentence
from tests.processes import ROOT, Workspace, prepare_database

PR_CAPBSET_DROP: Final = 24
CAP_DAC_OVERRIDE: Final = 1  # the capability by which root writes wherever it likes
COMMANDS_THAT_WRITE: Final = [
    ("migrate",),
    ("serve",),
    ("demo",),
    ("demo", "--fill"),
    ("setup", "--name", "Acme", "--currency", "EUR", "--zone", "UTC", "--admin", "Ada", "--email", "ada@example.com",
     "--password", "correct horse"),
]  # fmt: skip


def obey_file_permissions() -> None:
    """Let the permissions of files bind the program that is started next, also if root starts it."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def run(folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, bound by its permissions."""
    inherited = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=obey_file_permissions,
    )


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that cannot be written; the test is skipped where permissions do not bind this user."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    if run(folder, "-c", "open('file', 'w')").returncode == 0:
        pytest.skip("file permissions do not bind this user")
    yield folder
    folder.chmod(0o755)


@pytest.mark.parametrize("command", COMMANDS_THAT_WRITE, ids=" ".join)
def test_command_fails_with_a_sentence_in_read_only_folder(
    read_only_folder: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    result = Workspace(read_only_folder, log_folder=tmp_path, obeys_permissions=True, secret=None).run(*command)

    assert error_sentence(result).startswith("Error: var cannot be used: Permission denied.")


@pytest.mark.parametrize("command", COMMANDS_THAT_WRITE, ids=" ".join)
def test_command_fails_with_a_sentence_where_var_is_a_file(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "var").touch()

    result = Workspace(tmp_path, secret=None).run(*command)

    assert error_sentence(result).startswith("Error: var cannot be used: a folder is needed there, and it is none.")


@pytest.mark.parametrize("command", ["migrate", "serve", "reconcile"])
def test_database_that_cannot_be_opened_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "scoreline.db").mkdir()

    result = Workspace(tmp_path, database_url="sqlite://scoreline.db").run(command)

    sentence = error_sentence(result)
    assert sentence == "Error: The database cannot be reached: scoreline.db: unable to open database file"


def test_read_only_database_is_not_served(read_only_folder: Path, tmp_path: Path) -> None:
    read_only_folder.chmod(0o755)
    prepare_database(f"sqlite://{read_only_folder}/scoreline.db")
    (read_only_folder / "scoreline.db").chmod(0o444)
    read_only_folder.chmod(0o555)

    workspace = Workspace(
        read_only_folder, log_folder=tmp_path, obeys_permissions=True, database_url="sqlite://scoreline.db"
    )
    result = workspace.run("serve")

    assert "The database cannot be reached: " in error_sentence(result)


@pytest.mark.parametrize("rejects", ["file/rejects.csv", "folder"])
def test_import_fails_before_it_begins_when_rejects_file_cannot_be_written(tmp_path: Path, rejects: str) -> None:
    workspace = Workspace(tmp_path, database_url=prepare_database(f"sqlite://{tmp_path}/scoreline.db"))
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "accounts.csv").write_text("account\nGlobex\n")

    result = workspace.run("import", "accounts.csv", "--map", "maven", "--rejects", rejects)

    sentence = error_sentence(result)
    assert sentence.startswith(f"Error: {rejects} ")
    assert sentence.endswith("for rejected rows.")
    assert "1 new" in workspace.succeed("import", "accounts.csv", "--map", "maven").out


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the `run` script and its lock files."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("run", "requirements.txt", "requirements-test.txt"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def test_bootstrap_fails_with_a_sentence_in_read_only_checkout(checkout: Path, read_only_folder: Path) -> None:
    checkout.chmod(0o555)

    process = run(checkout, "run", "settings")
    checkout.chmod(0o755)

    assert process.returncode == 1
    assert process.stderr.splitlines()[1:] == [
        f"{checkout}/.venv cannot be created ([Errno 13] Permission denied: '{checkout}/.venv'). "
        "Run this in a copy of the folder that can be written."
    ]


def test_bootstrap_fails_with_a_sentence_where_environment_is_a_file(checkout: Path) -> None:
    (checkout / ".venv").touch()

    process = run(checkout, "run", "settings")

    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    assert f"{checkout}/.venv" in process.stderr.splitlines()[-1]
