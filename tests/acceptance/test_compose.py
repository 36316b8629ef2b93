"""Runs the commands, environment and health checks of docker-compose.yml without Docker.

Only what Docker provides is replaced: the URLs of database and Redis, and the ports.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.backing_services import free_port

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_SECONDS = 60.0  # after which a server that is not ready has failed
HEALTH_CHECK_SECONDS = 0.5  # between two checks, each of which is a process
SECRETS = {"SCORELINE_SECRET": "s" * 64, "SCORELINE_DATABASE_PASSWORD": "letters4nd5digits"}
SERVERS = ("server-1", "server-2")


@pytest.fixture(scope="module")
def compose_file():
    """Return the parsed file with the secrets filled in."""
    text = re.sub(r"\$\{(\w+):\?[^}]+\}", lambda match: SECRETS[match[1]], (ROOT / "docker-compose.yml").read_text())
    return yaml.safe_load(re.sub(r"\$\{\w+:-\}", "", text))  # optional variables are empty


class LocalContainer:
    """A service of the file run as a local process: its command and health check, at a free port."""

    def __init__(self, service, addresses):
        self.service, self.port = service, free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCORELINE_")},
            **service["environment"],
            **addresses,
            "SCORELINE_PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
        }

    def adapt_command(self, command):
        assert command[0] == "python"
        return [sys.executable, *(argument.replace(":8000/", f":{self.port}/") for argument in command[1:])]

    def start(self, log):
        return subprocess.Popen(
            self.adapt_command(self.service["command"]), env=self.environment, stdout=log, stderr=log
        )

    def is_healthy(self):
        kind, *command = self.service["healthcheck"]["test"]
        assert kind == "CMD"
        return (
            subprocess.run(
                self.adapt_command(command), env=self.environment, capture_output=True, check=False
            ).returncode
            == 0
        )


def test_migration_succeeds_and_both_servers_become_healthy(
    compose_file, postgres_url, redis_url, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    addresses = {"SCORELINE_DATABASE_URL": postgres_url, "SCORELINE_REDIS_URL": redis_url}
    migrate = LocalContainer(compose_file["services"]["migrate"], addresses)
    servers = [LocalContainer(compose_file["services"][name], addresses) for name in SERVERS]

    with (tmp_path / "log").open("w+b") as log:
        assert migrate.start(log).wait(READY_TIMEOUT_SECONDS) == 0, read_log(log)
        assert not servers[0].is_healthy()

        running = [server.start(log) for server in servers]
        try:
            deadline = time.monotonic() + READY_TIMEOUT_SECONDS
            unhealthy = servers
            while unhealthy := [server for server in unhealthy if not server.is_healthy()]:
                assert time.monotonic() < deadline, read_log(log)
                assert all(process.poll() is None for process in running), read_log(log)
                time.sleep(HEALTH_CHECK_SECONDS)
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(READY_TIMEOUT_SECONDS) for process in running]
        assert codes == [0, 0], read_log(log)


def test_servers_depend_on_migration_and_migration_on_database(compose_file):
    services = compose_file["services"]

    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "healthcheck" in services["postgres"]
    for name in SERVERS:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_urls_name_services_of_the_file(compose_file):
    environment = compose_file["services"]["server-1"]["environment"]
    database, redis = (urlsplit(environment[f"SCORELINE_{name}_URL"]) for name in ("DATABASE", "REDIS"))
    postgres_environment = compose_file["services"]["postgres"]["environment"]

    assert {database.hostname, redis.hostname} <= set(compose_file["services"])
    assert (database.username, database.password, database.path) == (
        postgres_environment["POSTGRES_USER"],
        postgres_environment["POSTGRES_PASSWORD"],
        f"/{postgres_environment['POSTGRES_DB']}",
    )


def test_migration_and_servers_have_the_same_environment(compose_file):
    settings = [compose_file["services"][name]["environment"] for name in ("migrate", *SERVERS)]

    assert all(environment == settings[0] for environment in settings)


def test_compose_file_contains_no_secret():
    text = (ROOT / "docker-compose.yml").read_text()

    assert all(f"${{{name}:?" in text for name in SECRETS)
    assert not re.search(r"(PASSWORD|SECRET): +\"?[^\"$\s]", text)


def test_image_contains_every_layer_and_runs_as_unprivileged_user():
    not_ignored = set((ROOT / ".dockerignore").read_text().split())
    steps = (ROOT / "Dockerfile").read_text()

    assert {f"!{init_file.parent.name}" for init_file in ROOT.glob("*/__init__.py")} - {
        "!tests",
        "!benchmarks",
        "!faults",
    } <= not_ignored
    assert "--require-hashes -r requirements.txt" in steps
    assert steps.index("USER scoreline") < steps.index("CMD")


def read_log(log):
    """Return the end of the processes' output, as the message of a failed assertion."""
    log.seek(0)
    return log.read().decode(errors="replace")[-3000:]
