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
PATIENCE = 60.0  # after which a server that is not ready has failed
SECRETS = {"SCORELINE_SECRET": "s" * 64, "SCORELINE_DATABASE_PASSWORD": "letters4nd5digits"}
SERVERS = ("server-1", "server-2")


@pytest.fixture(scope="module")
def compose():
    """Return the parsed file with the secrets filled in."""
    text = re.sub(r"\$\{(\w+):\?[^}]+\}", lambda found: SECRETS[found[1]], (ROOT / "docker-compose.yml").read_text())
    return yaml.safe_load(re.sub(r"\$\{\w+:-\}", "", text))  # optional variables are empty


class Container:
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

    def here(self, command):
        assert command[0] == "python"
        return [sys.executable, *(each.replace(":8000/", f":{self.port}/") for each in command[1:])]

    def start(self, log):
        return subprocess.Popen(self.here(self.service["command"]), env=self.environment, stdout=log, stderr=log)

    def healthy(self):
        kind, *command = self.service["healthcheck"]["test"]
        assert kind == "CMD"
        return (
            subprocess.run(self.here(command), env=self.environment, capture_output=True, check=False).returncode == 0
        )


def test_the_migration_ends_well_and_then_both_servers_are_ready(
    compose, postgres_url, redis_url, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    addresses = {"SCORELINE_DATABASE_URL": postgres_url, "SCORELINE_REDIS_URL": redis_url}
    migrate = Container(compose["services"]["migrate"], addresses)
    servers = [Container(compose["services"][name], addresses) for name in SERVERS]

    with (tmp_path / "log").open("w+b") as log:
        assert migrate.start(log).wait(PATIENCE) == 0, said(log)
        assert not servers[0].healthy()

        running = [each.start(log) for each in servers]
        try:
            until = time.monotonic() + PATIENCE
            waiting = servers
            while waiting := [each for each in waiting if not each.healthy()]:
                assert time.monotonic() < until, said(log)
                assert all(process.poll() is None for process in running), said(log)
        finally:
            for process in running:
                process.send_signal(signal.SIGTERM)
            codes = [process.wait(PATIENCE) for process in running]
        assert codes == [0, 0], said(log)


def test_servers_wait_for_the_migration_and_the_migration_for_the_database(compose):
    services = compose["services"]

    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert "healthcheck" in services["postgres"]
    for name in SERVERS:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_every_address_in_the_file_is_a_service_of_it(compose):
    environment = compose["services"]["server-1"]["environment"]
    database, redis = (urlsplit(environment[f"SCORELINE_{name}_URL"]) for name in ("DATABASE", "REDIS"))
    made = compose["services"]["postgres"]["environment"]

    assert {database.hostname, redis.hostname} <= set(compose["services"])
    assert (database.username, database.password, database.path) == (
        made["POSTGRES_USER"],
        made["POSTGRES_PASSWORD"],
        f"/{made['POSTGRES_DB']}",
    )


def test_every_process_of_the_product_has_the_same_settings(compose):
    settings = [compose["services"][name]["environment"] for name in ("migrate", *SERVERS)]

    assert all(each == settings[0] for each in settings)


def test_no_secret_stands_in_the_file():
    text = (ROOT / "docker-compose.yml").read_text()

    assert all(f"${{{name}:?" in text for name in SECRETS)
    assert not re.search(r"(PASSWORD|SECRET): +\"?[^\"$\s]", text)


def test_the_image_holds_every_layer_and_runs_as_nobody_special():
    let_in = set((ROOT / ".dockerignore").read_text().split())
    steps = (ROOT / "Dockerfile").read_text()

    assert {f"!{each.parent.name}" for each in ROOT.glob("*/__init__.py")} - {"!tests", "!benchmarks"} <= let_in
    assert "--require-hashes -r requirements.txt" in steps
    assert steps.index("USER scoreline") < steps.index("CMD")


def said(log):
    """Return the end of the processes' output, as the message of a failed assertion."""
    log.seek(0)
    return log.read().decode(errors="replace")[-3000:]
