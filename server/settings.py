"""Settings from SCORELINE_ environment variables, validated at start.

The error for an invalid variable says what to write but does not repeat its value, which may be a secret. An unknown
SCORELINE_ variable is most likely a typo and an error too: a server that starts with half of its settings is worse
than one that does not start.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import DirectoryPath, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.db.connection import is_sqlite
from server.background import notification_channels
from server.setting_descriptions import DESCRIPTIONS, MIN_SECRET_BYTES, PREFIX, variable_name

COMMAND_VARIABLES: Final = frozenset(
    {"SCORELINE_ADMIN_PASSWORD", "SCORELINE_NEW_PASSWORD"}
)  # read by the commands `setup` and `password`, not settings

StringTuple = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """Invalid settings; the message has a line for each problem."""


def _setting(name: str, **options: Any) -> Any:
    description = DESCRIPTIONS[name]
    return Field(description.default, alias=description.variable, validate_default=False, **options)


class Settings(BaseSettings):
    """All settings of one process. Its `repr` leaves out secrets, and URLs, which may hold passwords."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    database_url: str = _setting("database_url", repr=False)
    redis_url: str | None = _setting("redis_url", repr=False)
    secret: SecretStr | None = _setting("secret")
    host: str = _setting("host")
    port: int = _setting("port", ge=0, le=65535)
    workers: int = _setting("workers", ge=1, le=64)
    trusted_proxies: StringTuple = _setting("trusted_proxies")
    origins: StringTuple = _setting("origins")
    public_url: str | None = _setting("public_url")
    hsts: bool = _setting("hsts")
    access_minutes: int = _setting("access_minutes", ge=1, le=1440)
    refresh_days: int = _setting("refresh_days", ge=1, le=365)
    session_idle_days: int = _setting("session_idle_days", ge=1, le=365)
    deadline_seconds: int = _setting("deadline_seconds", ge=1, le=120)
    idle_minutes: int = _setting("idle_minutes", ge=2, le=60)
    body_limit: int = _setting("body_limit", ge=10_000, le=20_000_000)
    upload_limit: int = _setting("upload_limit", ge=1_000_000, le=10_000_000_000)
    import_inbox: DirectoryPath | None = _setting("import_inbox")
    pool_size: int = _setting("pool_size", ge=2, le=200)
    push_window_ms: int = _setting("push_window_ms", ge=25, le=100)
    ping_seconds: int = _setting("ping_seconds", ge=1, le=120)
    socket_queue_bytes: int = _setting("socket_queue_bytes", ge=100_000, le=100_000_000)
    socket_memory_bytes: int = _setting("socket_memory_bytes", ge=1_000_000, le=10_000_000_000)
    sockets_per_viewer: int = _setting("sockets_per_viewer", ge=1, le=100_000)
    sockets_per_address: int = _setting("sockets_per_address", ge=1, le=100_000)
    compress: bool = _setting("compress")
    log_format: Literal["console", "json"] = _setting("log_format")
    log_level: Literal["debug", "info", "warning", "error"] = _setting("log_level")
    metrics_token: SecretStr | None = _setting("metrics_token")
    channels: SecretStr | None = _setting("channels")
    demo: bool = _setting("demo")

    @field_validator("trusted_proxies", "origins", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value

    @field_validator("origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_is_origin(origin) for origin in value):
            raise ValueError("not an origin")
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        if not _is_origin(value.rstrip("/")):
            raise ValueError("not an origin")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
        scheme, separator, rest = value.partition("://")
        if not separator or not rest or scheme not in ("sqlite", "postgres", "postgresql"):
            raise ValueError("not a database")
        return value

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("redis", "rediss") or not parts.netloc:
            raise ValueError("not a Redis")
        return value

    @field_validator("secret")
    @classmethod
    def _check_secrets(cls, value: SecretStr) -> SecretStr:
        _parse_secrets(value.get_secret_value())
        return value

    @field_validator("metrics_token")
    @classmethod
    def _check_metrics_token(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value().encode()) < 16:
            raise ValueError("too short")
        return value

    @field_validator("channels")
    @classmethod
    def _check_channels(cls, value: SecretStr) -> SecretStr:
        notification_channels.parse_channels(value.get_secret_value())
        return value

    @property
    def channel_addresses(self) -> dict[str, str]:
        """The addresses of the outside channels by name. The addresses are secret, the names are not."""
        return notification_channels.parse_channels(self.channels.get_secret_value()) if self.channels else {}

    @property
    def database_file(self) -> Path | None:
        """The file of a SQLite database; None for PostgreSQL and for an in-memory database."""
        path = self.database_url.partition("://")[2].partition("?")[0]
        return Path(path) if is_sqlite(self.database_url) and path != ":memory:" else None

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """The secrets of access tokens: the first signs, all verify. Raises SettingsError if they must be set."""
        if self.secret is not None:
            return _parse_secrets(self.secret.get_secret_value())
        if not is_sqlite(self.database_url):
            raise SettingsError(
                f"{PREFIX}SECRET is missing: with PostgreSQL every process needs the same secret. "
                f"Write {DESCRIPTIONS['secret'].accepted}."
            )
        return (secrets.token_hex(32),) if self.database_file is None else _load_or_create_secrets(self.database_file)

    @property
    def import_environment(self) -> dict[str, str] | None:
        """The variables for the process of an import; None if another process cannot reach the database."""
        if is_sqlite(self.database_url) and self.database_file is None:
            return None
        values = {
            "database_url": self.database_url,
            "secret": self.signing_secrets[0],
            "log_format": self.log_format,
            "log_level": self.log_level,
        }
        return {variable_name(name): value for name, value in values.items()}

    def check_fit_to_serve(self) -> None:
        """Raise SettingsError if a server with these settings would not work correctly; create the SQLite secret."""
        problems = []
        if self.workers > 1 and is_sqlite(self.database_url):
            problems.append(
                f"WEB_CONCURRENCY is {self.workers}, but SQLite serves one process: "
                f"set it to 1, or {PREFIX}DATABASE_URL to a PostgreSQL database."
            )
        if self.workers > 1 and self.redis_url is None:
            problems.append(
                f"WEB_CONCURRENCY is {self.workers}, but without Redis processes share neither changes nor "
                f"sign-in limits: set {PREFIX}REDIS_URL, or WEB_CONCURRENCY to 1."
            )
        if problem := notification_channels.find_misconfigured(self.channel_addresses):
            problems.append(f"{PREFIX}CHANNELS, {problem}")
        if problems:
            raise SettingsError("\n".join(problems))
        if self.database_file is not None:
            self.database_file.parent.mkdir(parents=True, exist_ok=True)
        _ = self.signing_secrets


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and text == f"{parts.scheme}://{parts.netloc}"


def _parse_secrets(text: str) -> tuple[str, ...]:
    """Return the secrets of a list that is separated by commas or lines. Raises ValueError if one is too short."""
    parts = tuple(part.strip() for part in re.split(r"[,\r\n]", text) if part.strip())
    if not parts or any(len(part.encode()) < MIN_SECRET_BYTES for part in parts):
        raise ValueError("too short")
    return parts


def _load_or_create_secrets(database_file: Path) -> tuple[str, ...]:
    """Return the secrets stored beside the SQLite database; create the first one if there is none.

    Several processes may start at once: each writes a temporary file and links it to the final name, which is atomic
    and fails where the name exists. So no process ever reads a half-written secret, and all use the same one.
    """
    path = database_file.with_name(database_file.name + ".secret")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary_path = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(temporary_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(temporary_path, path)  # fails if another process was first
        except FileExistsError:
            return _load_or_create_secrets(database_file)
        finally:
            temporary_path.unlink()
    try:
        return _parse_secrets(path.read_text())
    except ValueError:
        raise SettingsError(
            f"{path} needs a secret of at least {MIN_SECRET_BYTES} bytes: delete the file, and a new one is created."
        ) from None


def load(**overrides: object) -> Settings:
    """Read the settings from the environment; `overrides` other than None take precedence.

    Raises SettingsError, with one line for each invalid or unknown variable.
    """
    known_names = {variable_name(name) for name in Settings.model_fields} | COMMAND_VARIABLES
    problems = []
    for name in sorted(set(os.environ) - known_names):
        if name.upper().startswith(PREFIX) and name.upper() not in known_names:
            suggestions = difflib.get_close_matches(name.upper(), known_names, 1)
            problems.append(
                f"{name} is not a setting"
                + (f": did you mean {suggestions[0]}?" if suggestions else "; see `settings`.")
            )
    values: dict[str, Any] = {
        DESCRIPTIONS[key].variable or key: value for key, value in overrides.items() if value is not None
    }
    try:
        settings = Settings(**values)
    except ValidationError as error:
        field_names = {str(detail["loc"][0]).removeprefix(PREFIX).lower() for detail in error.errors()}
        fields = ["workers" if name == "web_concurrency" else name for name in sorted(field_names)]
        problems += [f"{variable_name(field)} is wrong. Write {DESCRIPTIONS[field].accepted}." for field in fields]
        raise SettingsError("\n".join(problems)) from None
    if problems:
        raise SettingsError("\n".join(problems))
    return settings
