"""The documentation states the numbers, names and subscriptions of the code."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec

import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from domain.alerts import delivery_policy
from domain.alerts.rules import ALERT_DEFINITIONS, AlertKind
from domain.analytics import funnel
from domain.auth import password_policy
from domain.auth.password_links import LINK_LIFETIMES, LinkPurpose
from domain.forecasting import count_grid, deal_value_model, forecast, training
from domain.forecasting.random_variates import DRAWS
from domain.primitives import calendar
from graph.base.field_declarations import WHOLE_VIEWER, declaration_of
from graph.schema import create_schema
from imports.piece_limit import FIRST_ROWS, MAX_ROWS
from models.db import retention
from models.db.write_queue import MAX_WAITING_BATCHES, SERVER_LIMITS
from models.live import change_log
from models.live.presence import PRESENCE_TTL
from resolvers import scheduled_jobs
from resolvers.auth import password_links, trust_tokens
from resolvers.auth.sessions import CLOCK_LEEWAY, REPEAT_WINDOW
from resolvers.leaderboards import leaderboard_cache
from resolvers.request import idempotency
from server.background import notification_channels, scheduler
from server.commands.cli import main
from server.observability import prometheus
from server.observability.scheduler_status import SchedulerStatus
from server.setting_descriptions import MIN_SECRET_BYTES
from server.settings import Settings
from subscriptions.core.hub import Hub
from subscriptions.core.redis_broadcast import create_broadcast
from subscriptions.core.tasks import TaskSupervisor
from tests import forecast_chart
from tests.generated_docs import EXAMPLE_SELLERS, ROOT, list_documents

PAGES = {str(page.relative_to(ROOT)): page.read_text() for page in list_documents()}
SETTINGS = Settings()
SUBSCRIPTIONS = {
    name: declaration_of(field) for name, field in create_schema()._schema.subscription_type.fields.items()
}

STATED_FACTS = [
    (
        "docs/alerts.md",
        f"for `days` times 24 hours ({ALERT_DEFINITIONS[AlertKind.DEAL_STALLED].default_days} by default)",
    ),
    ("docs/alerts.md", f"for `days` working days ({ALERT_DEFINITIONS[AlertKind.NO_ACTIVITY].default_days} by default)"),
    (
        "docs/alerts.md",
        f"more than `percent` percentage points ({ALERT_DEFINITIONS[AlertKind.GOAL_BEHIND].default_percent:.0f} by default)",
    ),
    ("docs/alerts.md", f"a heartbeat every {scheduler.HEARTBEAT_SECONDS:.0f} seconds"),
    ("docs/alerts.md", f"after {scheduler.LEASE_SECONDS:.0f} seconds without a heartbeat"),
    ("docs/alerts.md", f"{scheduled_jobs._BATCH_SIZE} per transaction"),
    ("docs/alerts.md", f"at least {notification_channels.MIN_SECRET_LENGTH} characters"),
    ("docs/alerts.md", f"within {notification_channels.TIMEOUT_SECONDS:.0f} seconds"),
    ("docs/alerts.md", f"repeated after {delivery_policy.FIRST_RETRY_DELAY.seconds} seconds"),
    ("docs/alerts.md", f"delays of at most {delivery_policy.MAX_RETRY_DELAY.seconds // 60} minutes"),
    ("docs/alerts.md", f"are deleted after {retention._OUTBOX_TTL.days} days"),
    ("docs/api.md", f"valid for {SETTINGS.access_minutes} minutes (`SCORELINE_ACCESS_MINUTES`)"),
    (
        "docs/api.md",
        f"or until the session was not refreshed for {SETTINGS.session_idle_days} days (`SCORELINE_SESSION_IDLE_DAYS`)",
    ),
    (
        "docs/security.md",
        f"the session ends {SETTINGS.session_idle_days} days after the last (`SCORELINE_SESSION_IDLE_DAYS`) and "
        f"{SETTINGS.refresh_days} days after the sign-in (`SCORELINE_REFRESH_DAYS`)",
    ),
    ("docs/security.md", f"{SETTINGS.access_minutes} minutes (`SCORELINE_ACCESS_MINUTES`)"),
    ("docs/security.md", f"{trust_tokens._LIFETIME.days} days; signs nobody in"),
    (
        "docs/security.md",
        f"{LINK_LIFETIMES[LinkPurpose.RESET].seconds // 3600} hour, an invitation "
        f"{LINK_LIFETIMES[LinkPurpose.INVITATION].days} days",
    ),
    ("docs/security.md", f"at least {MIN_SECRET_BYTES} random bytes"),
    ("docs/security.md", f"A new password needs {password_policy.MIN_LENGTH} characters"),
    ("docs/security.md", f"{len(password_policy.load_common_passwords()) // 100 * 100:,} of `zxcvbn`"),
    (
        "docs/api.md",
        f"A password has {password_policy.MIN_LENGTH} to {password_policy.MAX_LENGTH} characters of any kind",
    ),
    ("docs/api.md", f"until {SETTINGS.refresh_days} days after the sign-in (`SCORELINE_REFRESH_DAYS`)"),
    ("docs/api.md", f"within {REPEAT_WINDOW.seconds} seconds it returns the same new one"),
    ("docs/api.md", f"for {LINK_LIFETIMES[LinkPurpose.INVITATION].days} days if the employee has no password yet"),
    ("docs/api.md", f"at most {password_links.RESETS_PER_ACCOUNT.amount} mails in an hour"),
    ("docs/decisions/tokens.md", f"again within {REPEAT_WINDOW.seconds} seconds"),
    ("docs/api.md", f"a text of 1 to {idempotency._MAX_KEY_LENGTH} characters"),
    ("docs/api.md", f"Keys are kept for {retention.IDEMPOTENCY_TTL.days} days"),
    ("docs/api.md", f"within about {SETTINGS.push_window_ms} ms"),
    ("docs/api.md", f"for {PRESENCE_TTL.seconds} seconds after a `heartbeat`"),
    ("docs/decisions/lease.md", f"increments `beat` every {scheduler.HEARTBEAT_SECONDS:.0f} seconds"),
    ("docs/decisions/lease.md", f"the same `beat` for {scheduler.LEASE_SECONDS:.0f} seconds"),
    ("docs/decisions/single-writer.md", f"waits for others for {SERVER_LIMITS.batch} s"),
    ("docs/decisions/single-writer.md", f"behind {MAX_WAITING_BATCHES} others"),
    ("docs/decisions/single-writer.md", f"idle for {SERVER_LIMITS.idle_in_transaction} s"),
    ("docs/decisions/single-writer.md", f"statements that take {SERVER_LIMITS.statement} s"),
    ("docs/forecast.md", f"{DRAWS:,} draws per seller"),
    ("docs/forecast.md", f"from {count_grid._YEARLY_MIN_MONTHS} months of data on"),
    ("docs/forecast.md", f"fewer than {forecast.MIN_MONTHS} complete months or {forecast._MIN_WINS} wins"),
    ("docs/forecast.md", f"Below {forecast._NORMAL_MONTHS} complete months"),
    ("docs/forecast.md", f"more than {forecast.MAX_HORIZON_DAYS} days ahead"),
    ("docs/funnel.md", f"At least {funnel.MIN_SAMPLE} deals are decided"),
    ("docs/funnel.md", f"at least {100 * funnel.MIN_CONVERSION_GAP:.0f} percentage points below the benchmark"),
    ("docs/funnel.md", f"at least {100 * (1 - funnel.ERROR_PROBABILITY):.1f} %"),
    ("docs/funnel.md", f"at least {funnel.MIN_STAY_RATIO} times lower"),
    ("docs/funnel.md", f"more than {100 * funnel.IMMATURE_SHARE:.0f} % of the deals are undecided"),
    ("docs/funnel.md", f"longer than {100 * funnel._STAY_QUANTILE:.0f} % of the company's finished stays"),
    ("docs/funnel.md", f"it weighs at least {funnel._PRIOR_STRENGTH_RANGE[0]:.0f}"),
    ("docs/funnel.md", f"the prior weighs up to {funnel._PRIOR_STRENGTH_RANGE[1]:.0f} deals"),
    ("docs/funnel.md", f"fewer than {funnel._MIN_SELLERS_FOR_PRIOR} sellers"),
    ("docs/funnel.md", f"who have {funnel._MIN_DECIDED_PER_SELLER} decided deals"),
    (
        "docs/goals.md",
        f"{calendar.DEFAULT_WORKDAY_START // 60:02}:00 to {calendar.DEFAULT_WORKDAY_END // 60}:00 unless set",
    ),
    ("docs/import.md", f"in pieces of up to {MAX_ROWS}"),
    ("docs/import.md", f"a piece of {FIRST_ROWS} rows, the smallest"),
    ("docs/live.md", f"batching window** of {SETTINGS.push_window_ms} ms (`SCORELINE_PUSH_WINDOW_MS`)"),
    ("docs/live.md", f"more than {SETTINGS.socket_queue_bytes // 1_000_000} MB wait"),
    ("docs/live.md", f"more than {SETTINGS.socket_memory_bytes // 1_000_000} MB"),
    ("docs/live.md", f"a ping every {SETTINGS.ping_seconds} seconds"),
    ("docs/api.md", f"{CLOCK_LEEWAY.seconds} seconds of leeway"),
    ("docs/live.md", f"has more than {leaderboard_cache._MAX_STALE_SCORES} stale scores"),
    ("docs/live.md", f"at most {leaderboard_cache._MAX_CACHED_ROWS:,} rows"),
]


@pytest.mark.parametrize(("page", "fact"), STATED_FACTS)
def test_page_states_the_value_of_the_code(page: str, fact: str) -> None:
    assert fact in " ".join(PAGES[page].split())


def test_forecast_page_states_the_numbers_of_its_constants_in_words() -> None:
    words = {0.1: "at most a tenth of the total", 6: "the last six month ends"}

    assert words[deal_value_model._MAX_SINGLE_SHARE] in PAGES["docs/forecast.md"]
    assert words[training._LOOK_BACK_MONTHS] in " ".join(PAGES["docs/forecast.md"].split())


def test_forecast_page_states_the_numbers_of_its_chart() -> None:
    chart, page = forecast_chart.CHART_FILE.read_text(), " ".join(PAGES["docs/forecast.md"].split())
    [(inside, months)] = re.findall(r"in (\d+) of (\d+) months", chart)
    [low], [high] = re.findall(r"p10: (\d+) %", chart), re.findall(r"p90: (\d+) %", chart)

    assert f"within the bar in {inside} of {months} months" in page
    assert f"in {low} % of the sellers' months the result was below the p10" in page
    assert f"in {100 - int(high)} % above the p90" in page


def test_funnel_page_names_the_sellers_of_its_example() -> None:
    text = PAGES["docs/funnel.md"].partition("<!-- end -->")[2]

    assert [name for name, *_ in EXAMPLE_SELLERS[:3] if name not in text] == []


def test_every_alert_kind_is_documented() -> None:
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", PAGES["docs/alerts.md"], re.MULTILINE)) == set(AlertKind)


def test_every_subscription_is_documented_with_its_kind() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(#\w+\) \| (\w+) \|", PAGES["docs/api.md"], re.MULTILINE)

    assert dict(rows) == {name: declaration.sends for name, declaration in SUBSCRIPTIONS.items()}


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
def test_subscription_has_a_section_with_an_example(name: str) -> None:
    section = PAGES["docs/api.md"].partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    [example] = re.findall(r"^```graphql\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    [operation] = parse(example).definitions
    assert isinstance(operation, OperationDefinitionNode)
    [root_field] = operation.selection_set.selections
    assert isinstance(root_field, FieldNode)

    assert (operation.operation.value, root_field.name.value) == ("subscription", name)


def test_live_page_names_the_subscriptions_that_depend_on_the_whole_viewer() -> None:
    names = sorted(f"`{name}`" for name, declaration in SUBSCRIPTIONS.items() if declaration.depends_on == WHOLE_VIEWER)

    assert f"{', '.join(names[:-1])} and {names[-1]} are such fields" in " ".join(PAGES["docs/live.md"].split())


def test_documented_prometheus_metrics_exist() -> None:
    hub = Hub(create_broadcast(None), change_log.read_after, change_log.last_position)
    collector = prometheus.StatusCollector(hub, lambda: SchedulerStatus(False, None, 0, 0), TaskSupervisor("server"))
    text = prometheus.render_metrics(collector).decode()
    exported = set(re.findall(r"^(\w+)(?:\{| )", text, re.MULTILINE))
    counters = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    named = {name for page in PAGES.values() for name in re.findall(r"\bscoreline_\w+", page)}

    assert named <= exported | counters


@pytest.mark.parametrize("page", PAGES)
def test_python_modules_named_in_page_exist(page: str) -> None:
    modules = set(re.findall(r"python -m ([a-z_.]+[a-z])", PAGES[page]))

    assert [module for module in modules if find_spec(module) is None] == []


@pytest.mark.parametrize("page", PAGES)
def test_names_in_files_named_in_page_exist(page: str) -> None:
    named = re.findall(r"`(\w+)`\s+(?:of|in)\s+(?:the\s+)?`([\w/]+\.(?:py|html|toml))`", PAGES[page])

    assert [
        f"{name} in {path}" for name, path in named if not re.search(rf"\b{name}\b", (ROOT / path).read_text())
    ] == []


def test_help_of_run_script_lists_every_command() -> None:
    help_text = ast.get_docstring(ast.parse((ROOT / "run").read_text())) or ""

    assert {name for name, command in main.commands.items() if not command.hidden} <= set(
        re.findall(r"[a-z]+", help_text)
    )
