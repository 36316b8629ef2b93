"""The settings as their readers see them: variable, meaning, accepted values and default of each.

Apart from `server.settings`, which validates them, because `./run settings` prints this table without loading pydantic.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PREFIX: Final = "SCORELINE_"
MIN_SECRET_BYTES: Final = 32  # the length of an HS256 digest


class SettingDescription(NamedTuple):
    """The description of a setting. `variable` is the environment variable if it is not named after the setting."""

    default: object
    meaning: str
    accepted: str
    variable: str | None = None


DESCRIPTIONS: Final = {
    "database_url": SettingDescription(
        "sqlite://var/scoreline.db",
        "The database.",
        "`sqlite://PATH` (relative to the working directory, or `sqlite:///absolute/path`) or "
        "`postgres://USER:PASSWORD@HOST:5432/NAME`",
    ),
    "redis_url": SettingDescription(
        None,
        "The Redis through which server processes notify each other of changes; needed for more than one process.",
        "`redis://HOST:6379/0`",
    ),
    "secret": SettingDescription(
        None,
        "Signs access tokens; must be the same in every process. Of several, the first signs and all are accepted. "
        "With SQLite, a secret is created beside the database by default.",
        f"at least {MIN_SECRET_BYTES} random bytes without commas, or several such secrets separated by commas or lines",
    ),
    "host": SettingDescription("127.0.0.1", "The address to listen on.", "an address, like `127.0.0.1` or `0.0.0.0`"),
    "port": SettingDescription(8000, "The port to listen on.", "a number from 0 (any free one) to 65535"),
    "workers": SettingDescription(
        1, "Server processes that share the port.", "a number from 1 to 64", variable="WEB_CONCURRENCY"
    ),
    "trusted_proxies": SettingDescription(
        (),
        "Proxies whose `X-Forwarded-For` header is trusted.",
        "addresses or networks separated by commas, like `10.0.0.1,172.16.0.0/12`",
    ),
    "origins": SettingDescription(
        (),
        "Other web origins whose pages may use this server.",
        "origins separated by commas, like `https://board.example.com`",
    ),
    "public_url": SettingDescription(
        None,
        "The address at which people reach this server, for links to set a password. Without it, such links are not "
        "sent by mail.",
        "an address without a path, like `https://sales.example.com`",
    ),
    "hsts": SettingDescription(
        False,
        "Tell browsers to use only HTTPS for this host and all its subdomains, for a year (HSTS).",
        "`true` or `false`",
    ),
    "access_minutes": SettingDescription(
        15, "How long an access token is valid.", "a number of minutes from 1 to 1440"
    ),
    "refresh_days": SettingDescription(30, "How long a session lasts after sign-in.", "a number of days from 1 to 365"),
    "session_idle_days": SettingDescription(
        14, "How long a session lasts without being refreshed.", "a number of days from 1 to 365"
    ),
    "deadline_seconds": SettingDescription(
        10, "How long an operation may take before it is cancelled.", "a number of seconds from 1 to 120"
    ),
    "idle_minutes": SettingDescription(
        5, "The longest gap between heartbeats that still counts as work time.", "a number of minutes from 2 to 60"
    ),
    "body_limit": SettingDescription(
        1_000_000, "The largest accepted request body.", "a number of bytes from 10000 to 20000000"
    ),
    "upload_limit": SettingDescription(
        200_000_000,
        "How much an administrator may upload at once to be imported.",
        "a number of bytes from 1000000 to 10000000000",
    ),
    "import_inbox": SettingDescription(
        None,
        "The inbox directory: administrators may import the files in it by name through the API. It must be the same "
        "for all servers.",
        "the path of a directory that exists",
    ),
    "pool_size": SettingDescription(
        20, "The maximum number of PostgreSQL connections per process.", "a number from 2 to 200"
    ),
    "push_window_ms": SettingDescription(
        30, "How long changes of a state are collected into one push.", "a number of milliseconds from 25 to 100"
    ),
    "ping_seconds": SettingDescription(
        20,
        "How often a WebSocket is pinged; one that has sent nothing since the last ping is closed.",
        "a number of seconds from 1 to 120",
    ),
    "socket_queue_bytes": SettingDescription(
        4_000_000,
        "How much may wait for one WebSocket whose client reads too slowly, before it is closed.",
        "a number of bytes from 100000 to 100000000",
    ),
    "socket_memory_bytes": SettingDescription(
        128_000_000,
        "How much a process may hold for all WebSockets: what waits for slow clients, and the last states of subscriptions.",
        "a number of bytes from 1000000 to 10000000000",
    ),
    "sockets_per_viewer": SettingDescription(
        1_000, "How many WebSockets one employee or device may open per process.", "a number from 1 to 100000"
    ),
    "sockets_per_address": SettingDescription(
        5_000,
        "How many WebSockets one IP address (of IPv6, one /64 network) may open per process.",
        "a number from 1 to 100000",
    ),
    "compress": SettingDescription(
        False,
        "Compress WebSocket messages: for slow connections, at several times the CPU and memory per socket.",
        "`true` or `false`",
    ),
    "log_format": SettingDescription("console", "The format of the log.", "`console` or `json`"),
    "log_level": SettingDescription(
        "info", "The lowest level that is logged.", "`debug`, `info`, `warning` or `error`"
    ),
    "metrics_token": SettingDescription(
        None,
        "The bearer token required for /metrics; without it, only requests from this machine are answered.",
        "at least 16 characters",
    ),
    "channels": SettingDescription(
        None,
        "Outside channels for alerts, in addition to the inbox; see docs/alerts.md.",
        "a line `NAME=ADDRESS` for each, or a JSON object, like "
        "`crm=https://example.com/hook#SECRET` with a secret of 16 characters or more, or an Apprise URL",
    ),
    "demo": SettingDescription(
        False, "Show the schema and the query page without sign-in; never for real data.", "`true` or `false`"
    ),
}


def variable_name(setting: str) -> str:
    """Return the environment variable of a setting."""
    return DESCRIPTIONS[setting].variable or PREFIX + setting.upper()


def describe() -> str:
    """Return all settings, their meanings and defaults as a Markdown table."""
    lines = ["| Variable | Meaning | Default |", "| --- | --- | --- |"]
    for name, setting in DESCRIPTIONS.items():
        default = "none" if setting.default in (None, ()) else f"`{str(setting.default).lower()}`"
        lines.append(f"| `{variable_name(name)}` | {setting.meaning} Write {setting.accepted}. | {default} |")
    return "\n".join(lines)
