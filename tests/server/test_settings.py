import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.settings import SettingsError, describe, load, variable

LONG = "a secret of more than thirty-two bytes"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("SCORELINE_") or name == "WEB_CONCURRENCY":
            monkeypatch.delenv(name)


def test_without_any_variable_everything_has_a_value():
    found = load()

    assert (found.host, found.port, found.workers, found.redis_url, found.demo) == ("127.0.0.1", 8000, 1, None, False)


def test_a_variable_is_taken_from_the_environment_unless_it_is_overridden(monkeypatch):
    monkeypatch.setenv("SCORELINE_PORT", "9000")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")

    assert (load().port, load(port=9001).port, load(port=None).port) == (9000, 9001, 9000)
    assert (load().workers, load(workers=2).workers) == (4, 2)


def test_an_empty_variable_is_as_if_it_were_not_there(monkeypatch):
    monkeypatch.setenv("SCORELINE_REDIS_URL", "")

    assert load().redis_url is None


def test_lists_are_written_with_commas(monkeypatch):
    monkeypatch.setenv("SCORELINE_TRUSTED_PROXIES", "10.0.0.1, 172.16.0.0/12")
    monkeypatch.setenv("SCORELINE_ORIGINS", "https://a.example,http://localhost:3000")

    assert load().trusted_proxies == ("10.0.0.1", "172.16.0.0/12")
    assert load().origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCORELINE_PORT", "http"),
        ("SCORELINE_PORT", "65536"),
        ("WEB_CONCURRENCY", "0"),
        ("SCORELINE_DATABASE_URL", "mysql://hunter2@host/db"),
        ("SCORELINE_DATABASE_URL", "scoreline.db"),
        ("SCORELINE_REDIS_URL", "hunter2"),
        ("SCORELINE_SECRET", "hunter2"),
        ("SCORELINE_METRICS_TOKEN", "hunter2"),
        ("SCORELINE_ORIGINS", "https://a.example/page"),
        ("SCORELINE_ORIGINS", "*"),
        ("SCORELINE_TRUSTED_PROXIES", "proxy.example"),
        ("SCORELINE_LOG_FORMAT", "xml"),
        ("SCORELINE_DEMO", "perhaps"),
        ("SCORELINE_BODY_LIMIT", "1"),
    ],
)
def test_a_wrong_variable_is_named_with_what_to_write_and_not_repeated(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as error:
        load()

    assert str(error.value).startswith(f"{name} is wrong. Write ")
    assert "hunter2" not in str(error.value)


def test_every_wrong_variable_has_its_own_sentence(monkeypatch):
    monkeypatch.setenv("SCORELINE_PORT", "x")
    monkeypatch.setenv("SCORELINE_DEMO", "x")
    monkeypatch.setenv("SCORELINE_DATABASE", "x")

    with pytest.raises(SettingsError) as error:
        load()

    unknown, demo, port = str(error.value).splitlines()
    assert unknown == "SCORELINE_DATABASE is not a setting: did you mean SCORELINE_DATABASE_URL?"
    assert demo.startswith("SCORELINE_DEMO is wrong.")
    assert port.startswith("SCORELINE_PORT is wrong.")


def test_a_variable_of_a_command_is_not_a_typo(monkeypatch):
    monkeypatch.setenv("SCORELINE_ADMIN_PASSWORD", "x")

    load()


def test_secrets_and_passwords_in_addresses_are_not_shown():
    found = load(
        secret=LONG,
        metrics_token=LONG,
        database_url="postgres://me:hunter2@host/db",
        redis_url="redis://:hunter2@host",
    )

    assert LONG not in repr(found)
    assert "hunter2" not in repr(found)
    assert found.secret_text == LONG


def test_postgresql_needs_a_secret():
    found = load(database_url="postgresql://host/db")

    with pytest.raises(SettingsError, match="SCORELINE_SECRET is missing"):
        found.check_fit_to_serve()


def test_sqlite_keeps_a_secret_of_its_own_beside_the_database(tmp_path):
    found = load(database_url=f"sqlite://{tmp_path}/deep/a.db")
    found.check_fit_to_serve()

    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: load(database_url=found.database_url).secret_text, range(32)))

    assert texts == {found.secret_text}
    assert len(found.secret_text) >= 32
    (kept,) = (tmp_path / "deep").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_kept_secret_that_is_too_short_is_refused(tmp_path):
    (tmp_path / "a.db.secret").write_text("short")

    with pytest.raises(SettingsError, match="delete it"):
        _ = load(database_url=f"sqlite://{tmp_path}/a.db").secret_text


@pytest.mark.parametrize("path", ["data/a.db", "/data/a.db"])
def test_the_database_file_is_the_path_of_the_address(path):
    assert str(load(database_url=f"sqlite://{path}?cache=1").database_file) == path


def test_several_processes_need_a_redis_and_a_postgresql():
    with pytest.raises(SettingsError, match="SQLite serves one process"):
        load(workers=2, redis_url="redis://host").check_fit_to_serve()
    with pytest.raises(SettingsError, match="SCORELINE_REDIS_URL"):
        load(workers=2, database_url="postgres://host/db", secret=LONG).check_fit_to_serve()

    load(workers=2, database_url="postgres://host/db", secret=LONG, redis_url="redis://host").check_fit_to_serve()


def test_the_table_names_every_setting():
    table = describe()

    assert all(f"`{variable(name)}`" in table for name in type(load()).model_fields)
