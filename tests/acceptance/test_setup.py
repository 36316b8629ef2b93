"""Set-up by commands, from an empty folder to the first deal; error messages, help, and the bootstrap script."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from server.commands.cli import main
from tests.acceptance.two_servers import record_win
from tests.processes import ROOT, CommandResult, Workspace, running_server

SETUP_COMMAND = ("setup", "--name", "Acme", "--currency", "EUR", "--zone", "Europe/Berlin", "--admin", "Ada Admin",
         "--email", "admin@example.com")  # fmt: skip
PASSWORD_SETTING = {"admin_password": "correct horse"}


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """An empty folder: without any settings (SQLite), or with the URL of an empty PostgreSQL and a secret."""
    if request.param == "sqlite":
        return Workspace(tmp_path / "home", secret=None)
    return Workspace(tmp_path / "home", database_url=request.getfixturevalue("postgres_url"))


def error_sentence(result: CommandResult) -> str:
    """Return the one line that a failed command printed; a traceback or log lines fail the test."""
    assert result.code == 1
    (sentence,) = result.err.splitlines()
    return sentence


async def test_commands_lead_from_empty_folder_to_first_deal_on_leaderboard(home: Workspace) -> None:
    assert error_sentence(home.run("serve")) == "Error: The database is not up to date: run `./run migrate` first."
    assert "applied 0001_first" in home.succeed("migrate").out
    assert "The database is up to date." in home.succeed("migrate").out
    (home.folder / "accounts.csv").write_text("account\nGlobex\n")
    assert "run `./run setup` first" in error_sentence(home.run("import", "accounts.csv", "--map", "maven"))

    async with running_server(home) as server:
        assert (
            "There is no company yet: `./run setup` creates it, in this or another terminal."
            in server.process.stderr_text
        )
        await server.wait_until_ready()
        result = home.succeed(*SETUP_COMMAND, **PASSWORD_SETTING)
        assert "Acme is set up. Ada Admin signs in with admin@example.com" in result.out
        await server.sign_in()
        await record_win(server, "The first", 300)
        data = await server.execute("{ leaderboard { standings { rank value employee { name } } } }")

    assert data["leaderboard"]["standings"] == [{"rank": 1, "value": "300.00", "employee": {"name": "Ada Admin"}}]
    assert "already" in error_sentence(home.run(*SETUP_COMMAND, **PASSWORD_SETTING))
    assert home.run("reconcile").code == 0


@pytest.mark.parametrize("missing", ["--name", "--admin", "--email", "--password"])
def test_setup_names_an_option_that_nobody_can_be_asked_for(missing: str) -> None:
    options = {"--name": "Acme", "--admin": "Ada Admin", "--email": "admin@example.com", "--password": "correct horse"}
    arguments = [word for option in options.items() if option[0] != missing for word in option]

    result = CliRunner().invoke(main, ["setup", *arguments], input="")

    assert result.exit_code == 2
    assert f"Missing option '{missing}'." in result.output


async def test_server_without_secret_keeps_one_beside_its_database(tmp_path: Path) -> None:
    home = Workspace(tmp_path, secret=None)
    home.succeed(*SETUP_COMMAND, **PASSWORD_SETTING)

    async with running_server(home) as server:
        token = await server.sign_in()
    async with running_server(home) as server:
        server.token = token
        assert await server.execute("{ company { name } }") == {"company": {"name": "Acme"}}

    secret = tmp_path / "var" / "scoreline.db.secret"
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"database_url": "mysql://hunter2@host/x"}, "SCORELINE_DATABASE_URL is wrong. Write `sqlite://PATH`"),
        ({"redis_url": "hunter2"}, "SCORELINE_REDIS_URL is wrong. Write `redis://HOST:6379/0`."),
        ({"secret": "hunter2"}, "SCORELINE_SECRET is wrong. Write at least 32 random bytes without commas"),
        ({"port": "hunter2"}, "SCORELINE_PORT is wrong. Write a number from 0 (any free one) to 65535."),
        ({"databse_url": "hunter2"}, "SCORELINE_DATABSE_URL is not a setting: did you mean SCORELINE_DATABASE_URL?"),
        ({"secret": None, "database_url": "postgres://me:hunter2@127.0.0.1:1/x"}, "SCORELINE_SECRET is missing"),
    ],
)
def test_invalid_setting_is_named_without_repeating_its_value(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    result = Workspace(tmp_path).run("serve", **settings)

    assert sentence in error_sentence(result)
    assert "hunter2" not in result.err


@pytest.mark.parametrize("address", ["127.0.0.1", "255.255.255.255"], ids=["refused", "unreachable"])
def test_unreachable_database_is_reported_in_one_sentence(tmp_path: Path, address: str) -> None:
    home = Workspace(tmp_path, database_url=f"postgres://me@{address}:1/x")

    for command in (["migrate"], ["reconcile"]):
        assert "The database cannot be reached" in error_sentence(home.run(*command))


@pytest.mark.parametrize("command", main.commands)
def test_every_command_has_help(command: str) -> None:
    for flag in ("--help", "-h"):
        result = CliRunner().invoke(main, [command, flag])
        assert result.exit_code == 0
        assert str(main.commands[command].help).splitlines()[0] in " ".join(result.output.split())


@pytest.fixture
def bootstrap_folder(tmp_path: Path) -> Path:
    """A folder with the `run` script, empty lock files and a `server` package that only prints its arguments."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "__main__.py").write_text("import sys; print(sys.prefix, *sys.argv[1:])")
    (tmp_path / "run").write_bytes((ROOT / "run").read_bytes())
    for name in ("requirements.txt", "requirements-test.txt"):
        (tmp_path / name).write_text(f"# {name}: nothing\n")
    return tmp_path


def run_bootstrap(folder: Path, *arguments: str) -> tuple[str, bool]:
    """Run the script and return the output of the `server` package and whether the script installed anything."""
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    result = subprocess.run(
        [sys.executable, folder / "run", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip(), "Installing" in result.stderr


def test_bootstrap_installs_once_and_again_after_a_lock_file_changed(bootstrap_folder: Path) -> None:
    environment = bootstrap_folder / ".venv"

    assert run_bootstrap(bootstrap_folder, "serve", "--port", "1") == (f"{environment} serve --port 1", True)
    assert run_bootstrap(bootstrap_folder) == (f"{environment} demo", False)

    (bootstrap_folder / "requirements.txt").write_text("# another nothing\n")
    assert run_bootstrap(bootstrap_folder, "serve") == (f"{environment} serve", True)
    assert run_bootstrap(bootstrap_folder, "serve") == (f"{environment} serve", False)
    assert (environment / "bin" / "pip").exists()


def load_bootstrap(folder: Path) -> ModuleType:
    """Return the script of a folder as a module."""
    loader = SourceFileLoader("bootstrap", str(folder / "run"))
    spec = spec_from_loader("bootstrap", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_interrupted_installation_is_repeated_and_an_incomplete_environment_created_anew(
    bootstrap_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap, steps, pip_codes = load_bootstrap(bootstrap_folder), list[str](), [0, 1, 0, 0]
    stamp, pip = bootstrap.VENV / "scoreline.stamp", bootstrap.VENV / "bin" / "pip"

    def create_venv() -> None:
        steps.append("environment")
        pip.parent.mkdir(parents=True, exist_ok=True)
        (bootstrap.VENV / "pyvenv.cfg").write_text(f"version = {platform.python_version()}\n")
        pip.touch()

    def install_requirements(*_: object) -> int:
        steps.append("requirements")
        return pip_codes.pop(0)

    def install() -> list[str]:
        steps.clear()
        bootstrap.install("requirements.txt")
        return steps

    monkeypatch.setattr(bootstrap, "create_venv", create_venv)
    monkeypatch.setattr(bootstrap, "run_python", install_requirements)

    assert install() == ["environment", "requirements"]
    assert install() == []
    stamp.unlink()
    with pytest.raises(SystemExit, match="could not be installed"):
        install()
    assert not stamp.exists()
    assert install() == ["requirements"]
    stamp.unlink()
    pip.unlink()
    assert install() == ["environment", "requirements"]


def test_bootstrap_help_lists_every_command(bootstrap_folder: Path) -> None:
    output, _ = run_bootstrap(bootstrap_folder, "--help")

    listed_commands = set(re.findall(r"^ +\./run ([a-z]+)", output, re.MULTILINE))
    developer_commands = {"test", "bench", "faults", "mutants", "check", "lock"}
    shown_commands = {name for name, command in main.commands.items() if not command.hidden}
    assert listed_commands == {*shown_commands, *developer_commands} - {"demo"}  # which is `./run` itself


@pytest.mark.parametrize("arguments", [("--help",), ("check", "--help"), ("lock", "-h")])
def test_bootstrap_help_installs_nothing(bootstrap_folder: Path, arguments: tuple[str, ...]) -> None:
    output, installed = run_bootstrap(bootstrap_folder, *arguments)

    assert output.startswith("The entry point: ")
    assert not installed
    assert not (bootstrap_folder / ".venv").exists()
