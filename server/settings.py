"""What can be set from outside, once, in one place: every SCORELINE_ variable, checked before anything starts.

A wrong variable is named in a sentence that says what to write; what it holds is not
repeated, as it may be a secret. A name that does not exist is most likely a typo, and is
named too: a server that runs with half its settings is worse than one that does not start.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.db.connection import is_sqlite
from server.background import notification_channels

PREFIX: Final = "SCORELINE_"
LEAST_SECRET: Final = 32  # bytes: as long as what HS256 makes of it
OF_COMMANDS: Final = frozenset({"SCORELINE_ADMIN_PASSWORD"})  # read by `setup` itself

Texts = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """Settings with which nothing can start; the message is for whoever wrote them, a line for each that is wrong."""


def _setting(default: Any, means: str, write: str, **more: Any) -> Any:
    return Field(default, description=means, json_schema_extra={"write": write}, validate_default=False, **more)


class Settings(BaseSettings):
    """All settings of one process; secrets and addresses, which may hold passwords, stay out of its `repr`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    database_url: str = _setting(
        "sqlite://var/scoreline.db",
        "Where the records are.",
        "`sqlite://PATH` (relative to the working directory, or `sqlite:///absolute/path`) or "
        "`postgres://USER:PASSWORD@HOST:5432/NAME`",
        repr=False,
    )
    redis_url: str | None = _setting(
        None,
        "The Redis over which several processes tell each other news; without it there is one process.",
        "`redis://HOST:6379/0`",
        repr=False,
    )
    secret: SecretStr | None = _setting(
        None,
        "Signs access tokens; the same for every process. With SQLite one is made and kept beside the database.",
        f"at least {LEAST_SECRET} random bytes",
    )
    host: str = _setting("127.0.0.1", "The address to listen on.", "an address, like `127.0.0.1` or `0.0.0.0`")
    port: int = _setting(8000, "The port to listen on.", "a number from 0 (any free one) to 65535", ge=0, le=65535)
    workers: int = _setting(
        1, "Server processes that share the port.", "a number from 1 to 64", ge=1, le=64, alias="WEB_CONCURRENCY"
    )
    trusted_proxies: Texts = _setting(
        (),
        "Whose `X-Forwarded-For` is believed.",
        "addresses or networks with commas between, like `10.0.0.1,172.16.0.0/12`",
    )
    origins: Texts = _setting(
        (),
        "Other web addresses whose pages may use this server.",
        "origins with commas between, like `https://board.example.com`",
    )
    access_minutes: int = _setting(
        15, "How long an access token holds.", "a number of minutes from 1 to 1440", ge=1, le=1440
    )
    refresh_days: int = _setting(30, "How long one may stay signed in.", "a number of days from 1 to 365", ge=1, le=365)
    deadline_seconds: int = _setting(
        10, "After how long an operation is given up.", "a number of seconds from 1 to 120", ge=1, le=120
    )
    idle_minutes: int = _setting(
        5,
        "For how long somebody may be silent and still count as at work.",
        "a number of minutes from 2 to 60",
        ge=2,
        le=60,
    )
    body_limit: int = _setting(
        1_000_000, "The longest request body.", "a number of bytes from 10000 to 20000000", ge=10_000, le=20_000_000
    )
    pool_size: int = _setting(
        20, "Connections to PostgreSQL of one process, at most.", "a number from 2 to 200", ge=2, le=200
    )
    push_window_ms: int = _setting(
        30,
        "How close together changes of a state become one push.",
        "a number of milliseconds from 25 to 100",
        ge=25,
        le=100,
    )
    compress: bool = _setting(
        False,
        "Compress what goes over sockets: for slow lines, at several times the CPU and memory of a socket.",
        "`true` or `false`",
    )
    log_format: Literal["console", "json"] = _setting("console", "How the log is written.", "`console` or `json`")
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "What is worth a line in the log.", "`debug`, `info`, `warning` or `error`"
    )
    metrics_token: SecretStr | None = _setting(
        None,
        "The bearer token that /metrics asks for; without it only this machine is answered.",
        "at least 16 characters",
    )
    channels: SecretStr | None = _setting(
        None,
        "Where alerts may go beside the inbox; see docs/alerts.md.",
        "a line `NAME=ADDRESS` for each, or a JSON object, like "
        "`crm=https://example.com/hook#SECRET` with a secret of 16 characters or more, or an address of Apprise's",
    )
    demo: bool = _setting(
        False, "Show strangers the schema and the query page; never for real data.", "`true` or `false`"
    )

    @field_validator("trusted_proxies", "origins", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            ipaddress.ip_network(each, strict=False)
        return value

    @field_validator("origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            parts = urlsplit(each)
            if parts.scheme not in ("http", "https") or not parts.netloc or each != f"{parts.scheme}://{parts.netloc}":
                raise ValueError("not an origin")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        scheme, found, rest = value.partition("://")
        if not found or not rest or scheme not in ("sqlite", "postgres", "postgresql"):
            raise ValueError("not a database")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("redis", "rediss") or not parts.netloc:
            raise ValueError("not a Redis")
        return value

    @field_validator("secret", "metrics_token")
    @classmethod
    def _long_enough(cls, value: SecretStr, info: Any) -> SecretStr:
        if len(value.get_secret_value().encode()) < (LEAST_SECRET if info.field_name == "secret" else 16):
            raise ValueError("too short")
        return value

    @field_validator("channels")
    @classmethod
    def _channels(cls, value: SecretStr) -> SecretStr:
        notification_channels.parsed(value.get_secret_value())
        return value

    @property
    def channel_addresses(self) -> dict[str, str]:
        """The addresses, which are secret, of the outside channels by their names, which are not."""
        return notification_channels.parsed(self.channels.get_secret_value()) if self.channels else {}

    @property
    def database_file(self) -> Path | None:
        """Where SQLite keeps the records; None for PostgreSQL and for a database in memory."""
        path = self.database_url.partition("://")[2].partition("?")[0]
        return Path(path) if is_sqlite(self.database_url) and path != ":memory:" else None

    @property
    def secret_text(self) -> str:
        """What signs access tokens. Raises SettingsError when it must be set and is not."""
        if self.secret is not None:
            return self.secret.get_secret_value()
        if not is_sqlite(self.database_url):
            raise SettingsError(
                f"{PREFIX}SECRET is missing: with PostgreSQL every process needs the same secret. "
                f"Write {_written('secret')}."
            )
        return secrets.token_hex(32) if self.database_file is None else _kept(self.database_file)

    def check_fit_to_serve(self) -> None:
        """Raise SettingsError when a server with these settings would serve wrongly."""
        wrong = []
        if self.workers > 1 and is_sqlite(self.database_url):
            wrong.append(
                f"WEB_CONCURRENCY is {self.workers}, but SQLite serves one process: "
                f"set it to 1, or {PREFIX}DATABASE_URL to a PostgreSQL."
            )
        if self.workers > 1 and self.redis_url is None:
            wrong.append(
                f"WEB_CONCURRENCY is {self.workers}, but without Redis each process keeps its news and its "
                f"sign-in limits to itself: set {PREFIX}REDIS_URL, or WEB_CONCURRENCY to 1."
            )
        if amiss := notification_channels.amiss(self.channel_addresses):
            wrong.append(f"{PREFIX}CHANNELS, {amiss}")
        if wrong:
            raise SettingsError("\n".join(wrong))
        if self.database_file is not None:
            self.database_file.parent.mkdir(parents=True, exist_ok=True)
        _ = self.secret_text


def _kept(database: Path) -> str:
    """Return the secret kept beside the database, made on first use, by one of several processes."""
    path = database.with_name(database.name + ".secret")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(fresh, path)  # whole, and only where there is none: another process may be here too
        except FileExistsError:
            return _kept(database)
        finally:
            fresh.unlink()
    found = path.read_text().strip()
    if len(found.encode()) < LEAST_SECRET:
        raise SettingsError(f"{path} holds no secret of {LEAST_SECRET} bytes: delete it, and a new one is made.")
    return found


def load(**overrides: Any) -> Settings:
    """Return the settings of the environment, some of them overridden; None overrides nothing.

    raises  SettingsError, with one sentence for each variable that is wrong or unknown.
    """
    known = {variable(name) for name in Settings.model_fields} | OF_COMMANDS
    wrong = []
    for name in sorted(set(os.environ) - known):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, 1)
            wrong.append(f"{name} is not a setting" + (f": did you mean {near[0]}?" if near else "; see `settings`."))
    given = {Settings.model_fields[key].alias or key: value for key, value in overrides.items() if value is not None}
    try:
        found = Settings(**given)
    except ValidationError as error:
        names = {str(each["loc"][0]).removeprefix(PREFIX).lower() for each in error.errors()}
        fields = ["workers" if name == "web_concurrency" else name for name in sorted(names)]
        wrong += [f"{variable(field)} is wrong. Write {_written(field)}." for field in fields]
        raise SettingsError("\n".join(wrong)) from None
    if wrong:
        raise SettingsError("\n".join(wrong))
    return found


def variable(field: str) -> str:
    """Return the name of a setting in the environment."""
    return Settings.model_fields[field].alias or PREFIX + field.upper()


def describe() -> str:
    """Return every setting with its meaning and default, as a table in Markdown."""
    lines = ["| Variable | Meaning | Default |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "none" if field.default in (None, ()) else f"`{str(field.default).lower()}`"
        lines.append(f"| `{variable(name)}` | {field.description} Write {_written(name)}. | {default} |")
    return "\n".join(lines)


def _written(field: str) -> str:
    extra = Settings.model_fields[field].json_schema_extra
    return str(extra["write"]) if isinstance(extra, dict) else ""
