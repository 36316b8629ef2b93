import pytest
from starlette.requests import Request

from server.observability import prometheus
from server.settings import load

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
    assert "987654" not in text
    assert 'scoreline_operations_total{field="other",kind="query",outcome="refused"}' in text


def test_counted_values_are_rendered():
    prometheus.count_operation("mutation", "recordTest", "ok", 0.02)  # other tests in this process count too
    prometheus.PUSHES.inc()

    text = prometheus.render_metrics(ledger_entries=12).decode()

    assert 'scoreline_operations_total{field="recordTest",kind="mutation",outcome="ok"} 1.0' in text
    assert "scoreline_ledger_entries 12.0" in text
    assert "scoreline_pushes_total" in text


def test_restarts_of_background_tasks_are_rendered():
    assert "scoreline_task_deaths 3.0" in prometheus.render_metrics(task_restarts=3).decode()
