"""Set-up by commands, from an empty folder to the first deal; error messages, help, and the bootstrap script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.commands.cli import main
from tests.acceptance.two_servers import won
from tests.processes import ROOT, Done, Home, serving

SETUP = ("setup", "--name", "Acme", "--currency", "EUR", "--zone", "Europe/Berlin", "--admin", "Ada Admin",
         "--email", "admin@example.com")  # fmt: skip
PASSWORD = {"admin_password": "correct horse"}


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """An empty folder: without any settings (SQLite), or with the URL of an empty PostgreSQL and a secret."""
    if request.param == "sqlite":
        return Home(tmp_path / "home", secret=None)
    return Home(tmp_path / "home", database_url=request.getfixturevalue("postgres_url"))


def says(done: Done) -> str:
    """Return the one line that a failed command printed; a traceback or log lines fail the test."""
    assert done.code == 1
    (sentence,) = done.err.splitlines()
    return sentence


async def test_the_commands_lead_from_an_empty_folder_to_the_first_deal_on_the_board(home: Home) -> None:
    assert says(home.run("serve")) == "Error: The database is not up to date: run `./run migrate` first."
    assert "applied 0001_first" in home.succeed("migrate").out
    assert "The database is up to date." in home.succeed("migrate").out
    (home.folder / "accounts.csv").write_text("account\nGlobex\n")
    assert "run `./run setup` first" in says(home.run("import", "accounts.csv", "--map", "maven"))

    async with serving(home) as server:
        assert "There is no company yet: `./run setup` creates it, in this or another terminal." in server.process.said
        assert (await server.ready())[0] == 200
        done = home.succeed(*SETUP, **PASSWORD)
        assert "Acme is set up. Ada Admin signs in with admin@example.com" in done.out
        await server.sign_in()
        await won(server, "The first", 300)
        board = await server.data("{ leaderboard { standings { rank value employee { name } } } }")

    assert board["leaderboard"]["standings"] == [{"rank": 1, "value": "300.00", "employee": {"name": "Ada Admin"}}]
    assert "already" in says(home.run(*SETUP, **PASSWORD))
    assert home.run("reconcile").code == 0


async def test_without_a_secret_of_its_own_a_server_keeps_one_beside_its_database(tmp_path: Path) -> None:
    home = Home(tmp_path, secret=None)
    home.succeed(*SETUP, **PASSWORD)

    async with serving(home) as server:
        token = await server.sign_in()
    async with serving(home) as server:
        server.token = token
        assert await server.data("{ company { name } }") == {"company": {"name": "Acme"}}

    secret = tmp_path / "var" / "scoreline.db.secret"
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"database_url": "mysql://hunter2@host/x"}, "SCORELINE_DATABASE_URL is wrong. Write `sqlite://PATH`"),
        ({"redis_url": "hunter2"}, "SCORELINE_REDIS_URL is wrong. Write `redis://HOST:6379/0`."),
        ({"secret": "hunter2"}, "SCORELINE_SECRET is wrong. Write at least 32 random bytes."),
        ({"port": "hunter2"}, "SCORELINE_PORT is wrong. Write a number from 0 (any free one) to 65535."),
        ({"databse_url": "hunter2"}, "SCORELINE_DATABSE_URL is not a setting: did you mean SCORELINE_DATABASE_URL?"),
        ({"secret": None, "database_url": "postgres://me:hunter2@127.0.0.1:1/x"}, "SCORELINE_SECRET is missing"),
    ],
)
def test_a_setting_that_is_wrong_is_named_in_a_sentence_and_never_repeated(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    done = Home(tmp_path).run("serve", **settings)

    assert sentence in says(done)
    assert "hunter2" not in done.err


def test_a_database_that_cannot_be_reached_is_told_in_a_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path, database_url="postgres://me@127.0.0.1:1/x")

    for command in (["migrate"], ["reconcile"]):
        assert "The database cannot be reached" in says(home.run(*command))


@pytest.mark.parametrize("command", main.commands)
def test_every_command_says_what_it_does_and_takes(command: str) -> None:
    for flag in ("--help", "-h"):
        shown = CliRunner().invoke(main, [command, flag])
        assert shown.exit_code == 0
        assert str(main.commands[command].help).splitlines()[0] in " ".join(shown.output.split())


@pytest.fixture
def bootstrap(tmp_path: Path) -> Path:
    """A folder with the `run` script, empty lock files and a `server` package that only prints its arguments."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "__main__.py").write_text("import sys; print(sys.prefix, *sys.argv[1:])")
    (tmp_path / "run").write_bytes((ROOT / "run").read_bytes())
    for name in ("requirements.txt", "requirements-test.txt"):
        (tmp_path / name).write_text(f"# {name}: nothing\n")
    return tmp_path


def bootstrapped(folder: Path, *arguments: str) -> tuple[str, bool]:
    """Run the script and return the output of the `server` package and whether the script installed anything."""
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    done = subprocess.run(
        [sys.executable, folder / "run", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), "Installing" in done.stderr


def test_the_bootstrap_script_installs_once_and_again_when_a_lock_file_has_changed(bootstrap: Path) -> None:
    home = bootstrap / ".venv"

    assert bootstrapped(bootstrap, "serve", "--port", "1") == (f"{home} serve --port 1", True)
    assert bootstrapped(bootstrap) == (f"{home} demo", False)

    (bootstrap / "requirements.txt").write_text("# another nothing\n")
    assert bootstrapped(bootstrap, "serve") == (f"{home} serve", True)
    assert bootstrapped(bootstrap, "serve") == (f"{home} serve", False)

    (home / "scoreline.stamp").unlink()  # an interrupted installation
    (home / "bin" / "pip").unlink()
    assert bootstrapped(bootstrap, "serve") == (f"{home} serve", True)
    assert (home / "bin" / "pip").exists()


@pytest.mark.parametrize("asked", [("--help",), ("check", "--help"), ("lock", "-h")])
def test_the_bootstrap_script_explains_itself_without_doing_anything(bootstrap: Path, asked: tuple[str, ...]) -> None:
    said, installed = bootstrapped(bootstrap, *asked)

    assert said.startswith("The one entry for people")
    assert not installed
    assert not (bootstrap / ".venv").exists()
