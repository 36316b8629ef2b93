import math
from dataclasses import dataclass

import pytest
from prometheus_client import generate_latest
from starlette.requests import Request

from server.observability import prometheus
from server.observability.scheduler_status import SchedulerStatus
from server.settings import load
from subscriptions.core.hub import HubStatus
from subscriptions.core.tasks import TaskSupervisor

TOKEN = "a token of sixteen characters"


def make_request(address="127.0.0.1", **headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs, "client": (address, 5000) if address else None})


@pytest.mark.parametrize(
    ("asker", "token", "status"),
    [
        (make_request(), None, 200),
        (make_request("::1"), None, 200),
        (make_request("192.0.2.1"), None, 404),
        (make_request("testclient"), None, 404),
        (make_request(None), None, 404),
        (make_request(x_forwarded_for="192.0.2.1"), None, 404),
        (make_request(), TOKEN, 404),
        (make_request("192.0.2.1", authorization=f"Bearer {TOKEN}"), TOKEN, 200),
        (make_request("192.0.2.1", authorization=f"Bearer {TOKEN}x"), TOKEN, 404),
        (make_request("192.0.2.1", authorization="Bearer ключ"), TOKEN, 404),
    ],
)
def test_metrics_are_served_to_local_requests_or_with_token_only(asker, token, status):
    assert prometheus.make_metrics_response(asker, load(metrics_token=token).metrics_token).status_code == status


def test_unknown_methods_and_statuses_create_no_series():
    prometheus.count_request("HACK", 200, 0.1)
    prometheus.count_request("WS", 987_654, 0.1)
    prometheus.count_operation("query", None, "refused")

    text = prometheus.render_metrics().decode()

    assert "HACK" not in text
    assert '"987654"' not in text  # as a label; a sum of seconds may have these digits
    assert 'scoreline_operations_total{field="other",kind="query",outcome="refused"}' in text


def test_counted_values_are_rendered():
    prometheus.count_operation("mutation", "recordTest", "ok", 0.02)  # other tests in this process count too
    prometheus.PUSHES.inc()

    text = prometheus.render_metrics().decode()

    assert 'scoreline_operations_total{field="recordTest",kind="mutation",outcome="ok"} 1.0' in text
    assert "scoreline_pushes_total" in text


def read_samples(text):
    """Return the values of the text format by name, and the type of each metric."""
    lines = [line.split() for line in text.splitlines()]
    types = {words[2]: words[3] for words in lines if words[:2] == ["#", "TYPE"]}
    return {words[0]: float(words[1]) for words in lines if words[0] != "#"}, types


@dataclass
class FixedHub:
    """A hub with a fixed state."""

    status: HubStatus
    healthy: bool


def test_state_of_hub_and_scheduler_is_read_at_each_scrape():
    hub = FixedHub(
        HubStatus(
            tasks_running=True, broadcast_connected=False, last_read_age=0.25, connect_count=3, position=17, restarts=2,
            listeners=5, topics=9,
        ),
        healthy=True,
    )  # fmt: skip
    scheduler_status = SchedulerStatus(is_leader=True, last_run_age=None, restarts=1, job_failures=4)
    background_tasks = TaskSupervisor("server")
    background_tasks.restarts = 6
    collector = prometheus.StatusCollector(hub, lambda: scheduler_status, background_tasks)

    values, types = read_samples(generate_latest(collector).decode())
    scheduler_status = SchedulerStatus(is_leader=False, last_run_age=1.5, restarts=1, job_failures=5)
    later_values, _ = read_samples(generate_latest(collector).decode())

    assert values == {
        "scoreline_hub_listeners": 5,
        "scoreline_hub_task_restarts_total": 2,
        "scoreline_change_log_read_age_seconds": 0.25,
        "scoreline_change_log_position": 17,
        "scoreline_broadcast_up": 0,
        "scoreline_broadcast_connects_total": 3,
        "scoreline_database_up": 1,
        "scoreline_scheduler_leader": 1,
        "scoreline_scheduler_run_age_seconds": math.inf,
        "scoreline_scheduler_task_restarts_total": 1,
        "scoreline_scheduler_job_failures_total": 4,
        "scoreline_server_task_restarts_total": 6,
    }
    assert {name for name, kind in types.items() if kind == "counter"} == {
        name for name in values if name.endswith("_total")
    }
    assert {name for name in values if values[name] != later_values[name]} == {
        "scoreline_scheduler_leader",
        "scoreline_scheduler_run_age_seconds",
        "scoreline_scheduler_job_failures_total",
    }
