import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from server.setting_descriptions import DESCRIPTIONS, describe, variable_name
from server.settings import Settings, SettingsError, load

LONG = "a secret of more than thirty-two bytes"


@pytest.fixture(autouse=True)
def no_settings_in_environment(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("SCORELINE_") or name == "WEB_CONCURRENCY":
            monkeypatch.delenv(name)


def test_settings_have_defaults():
    settings = load()

    assert (settings.host, settings.port, settings.workers, settings.redis_url, settings.demo) == (
        "127.0.0.1",
        8000,
        1,
        None,
        False,
    )


def test_override_wins_over_environment(monkeypatch):
    monkeypatch.setenv("SCORELINE_PORT", "9000")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")

    assert (load().port, load(port=9001).port, load(port=None).port) == (9000, 9001, 9000)
    assert (load().workers, load(workers=2).workers) == (4, 2)


def test_empty_variable_is_ignored(monkeypatch):
    monkeypatch.setenv("SCORELINE_REDIS_URL", "")

    assert load().redis_url is None


def test_lists_are_split_at_commas(monkeypatch):
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
        ("SCORELINE_PUBLIC_URL", "sales.example.com"),
        ("SCORELINE_PUBLIC_URL", "https://sales.example.com/path"),
        ("SCORELINE_SECRET", ","),
        ("SCORELINE_LOG_FORMAT", "xml"),
        ("SCORELINE_DEMO", "perhaps"),
        ("SCORELINE_BODY_LIMIT", "1"),
    ],
)
def test_invalid_value_is_explained_but_not_repeated(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as error:
        load()

    assert str(error.value).startswith(f"{name} is wrong. Write ")
    assert "hunter2" not in str(error.value)


def test_each_invalid_variable_has_its_own_line(monkeypatch):
    monkeypatch.setenv("SCORELINE_PORT", "x")
    monkeypatch.setenv("SCORELINE_DEMO", "x")
    monkeypatch.setenv("SCORELINE_DATABASE", "x")

    with pytest.raises(SettingsError) as error:
        load()

    unknown, demo, port = str(error.value).splitlines()
    assert unknown == "SCORELINE_DATABASE is not a setting: did you mean SCORELINE_DATABASE_URL?"
    assert demo.startswith("SCORELINE_DEMO is wrong.")
    assert port.startswith("SCORELINE_PORT is wrong.")


def test_command_variable_is_accepted(monkeypatch):
    monkeypatch.setenv("SCORELINE_ADMIN_PASSWORD", "x")

    load()


def test_repr_hides_secrets_and_url_passwords():
    settings = load(
        secret=LONG,
        metrics_token=LONG,
        database_url="postgres://me:hunter2@host/db",
        redis_url="redis://:hunter2@host",
    )

    assert LONG not in repr(settings)
    assert "hunter2" not in repr(settings)
    assert settings.signing_secrets == (LONG,)


def test_postgresql_requires_a_secret():
    settings = load(database_url="postgresql://host/db")

    with pytest.raises(SettingsError, match="SCORELINE_SECRET is missing"):
        settings.check_fit_to_serve()


def test_sqlite_secret_is_created_once_beside_the_database(tmp_path):
    settings = load(database_url=f"sqlite://{tmp_path}/deep/a.db")
    settings.check_fit_to_serve()

    with ThreadPoolExecutor(8) as pool:
        texts = set(pool.map(lambda _: load(database_url=settings.database_url).signing_secrets, range(32)))

    assert texts == {settings.signing_secrets}
    assert len(settings.signing_secrets[0]) >= 32
    (secret_file,) = (tmp_path / "deep").iterdir()
    assert stat.S_IMODE(secret_file.stat().st_mode) == 0o600


def test_stored_secret_is_rejected_when_too_short(tmp_path):
    (tmp_path / "a.db.secret").write_text("short")

    with pytest.raises(SettingsError, match="delete the file"):
        _ = load(database_url=f"sqlite://{tmp_path}/a.db").signing_secrets


@pytest.mark.parametrize("separator", [",", "\n", " , ", "\r\n", ",\n"])
def test_several_secrets_are_separated_by_commas_or_lines(monkeypatch, tmp_path, separator):
    text = f"{LONG}{separator}{LONG} too"
    monkeypatch.setenv("SCORELINE_SECRET", text)
    (tmp_path / "a.db.secret").write_text(f"{text}\n")

    assert load().signing_secrets == (LONG, f"{LONG} too")
    monkeypatch.delenv("SCORELINE_SECRET")
    assert load(database_url=f"sqlite://{tmp_path}/a.db").signing_secrets == (LONG, f"{LONG} too")


def test_each_of_several_secrets_must_be_long(monkeypatch):
    monkeypatch.setenv("SCORELINE_SECRET", f"{LONG},hunter2")

    with pytest.raises(SettingsError, match="SCORELINE_SECRET is wrong") as error:
        load()

    assert "hunter2" not in str(error.value)


def test_public_url_is_an_origin_without_trailing_slash():
    assert load(public_url="https://sales.example.com/").public_url == "https://sales.example.com"


@pytest.mark.parametrize("path", ["data/a.db", "/data/a.db"])
def test_database_file_is_the_path_of_the_url(path):
    assert str(load(database_url=f"sqlite://{path}?cache=1").database_file) == path


def test_several_workers_require_redis_and_postgresql():
    with pytest.raises(SettingsError, match="SQLite serves one process"):
        load(workers=2, redis_url="redis://host").check_fit_to_serve()
    with pytest.raises(SettingsError, match="SCORELINE_REDIS_URL"):
        load(workers=2, database_url="postgres://host/db", secret=LONG).check_fit_to_serve()

    load(workers=2, database_url="postgres://host/db", secret=LONG, redis_url="redis://host").check_fit_to_serve()


def test_described_table_names_every_setting():
    table = describe()

    assert list(DESCRIPTIONS) == list(Settings.model_fields)
    assert all(f"`{variable_name(name)}`" in table for name in Settings.model_fields)
