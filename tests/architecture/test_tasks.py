"""Tasks that live as long as the process are run by a `TaskSupervisor`; every other task ends by itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.source_tree import PRODUCT_FOLDERS, SourceFile, read_source_files

STARTERS = {"create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe"}

# Where a task is created, and why it ends: (file, function) and the number of tasks it creates there.
SHORT_LIVED = {
    ("graph/execution/awaiting.py", "settle"): 2,  # awaited or cancelled by `wait_for_all`
    ("imports/background_import.py", "run"): 1,  # the reports of one import
    ("models/db/deadline.py", "with_deadline"): 1,  # one operation
    ("models/db/sqlite_backend.py", "_begin"): 1,  # one BEGIN
    ("resolvers/request/edit_groups.py", "run"): 1,  # one unit of work
    ("resolvers/request/loaders.py", "_start"): 1,  # one batch
    ("resolvers/forecasting/forecast_engine.py", "memoize"): 1,  # one computation
    ("server/background/import_processes.py", "_run_process"): 1,  # the watch over one import
    ("server/background/import_processes.py", "start"): 1,  # one import
    ("server/commands/import_job.py", "run_import_job"): 1,  # one import
    ("server/http/graphql_endpoint.py", "_execute"): 1,  # one mutation
    ("server/http/graphql_endpoint.py", "_start"): 1,  # the wait for the client of one request to disconnect
    ("server/websocket/graphql_transport_ws.py", "_start_handling"): 1,  # one message
    ("server/websocket/graphql_transport_ws.py", "on_disconnect"): 1,  # the end of one socket
    ("server/websocket/handshake.py", "_start_application"): 1,  # one handshake
    ("server/websocket/running_operations.py", "start"): 1,  # one query or mutation
    ("server/websocket/shared_subscriptions.py", "__init__"): 1,  # ends with its subscribers, who are told of a failure
    ("server/websocket/shared_subscriptions.py", "_replay_missed"): 1,  # one replay
    ("server/websocket/shared_subscriptions.py", "_start_replay"): 1,  # one replay
    ("subscriptions/core/redis_broadcast.py", "_listen_forever"): 2,  # one connection, within a supervised loop
    ("subscriptions/core/reference_cache.py", "goals"): 1,  # one read
    ("subscriptions/core/tasks.py", "start"): 1,  # the supervisor itself
}
SUPERVISED_LOOPS = {
    "broadcast": {"redis listener"},
    "demo": {"activity"},
    "hub": {"receiver", "poller", "publisher", "timers"},
    "scheduler": {"lease", "job loop", "slow job loop"},  # and one for each channel
    "server": {
        "presence reporter",
        "token expiry",
        "session permissions",
        "goal probabilities",
        "websocket keepalive",
        "database monitor",
    },
}


def find_created_tasks(file: SourceFile) -> Iterator[str]:
    """Yield, for each task that the file creates, the function that creates it."""
    for function in file.nodes:
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STARTERS:
                    yield function.name


def test_every_created_task_is_known_to_end() -> None:
    created: dict[tuple[str, str], int] = {}
    for file in read_source_files(*(folder for folder in PRODUCT_FOLDERS if folder not in ("benchmarks", "faults"))):
        for function in find_created_tasks(file):
            created[file.name, function] = created.get((file.name, function), 0) + 1

    assert created == SHORT_LIVED


def test_endless_loops_are_supervised() -> None:
    """Every coroutine that never returns is handed to a supervisor, or is part of one that is."""
    endless = {
        f"{file.name}:{node.name}"
        for file in read_source_files(*PRODUCT_FOLDERS)
        for node in file.nodes
        if isinstance(node, ast.AsyncFunctionDef) and node.returns and ast.unparse(node.returns) == "NoReturn"
    }
    started = {
        value.value
        for file in read_source_files(*PRODUCT_FOLDERS)
        for node in file.nodes
        if isinstance(node, ast.Dict)
        for value in node.keys
        if isinstance(value, ast.Constant) and value.value in set().union(*SUPERVISED_LOOPS.values())
    }

    assert endless == {
        "demo/activity_simulator.py:simulate_activity",
        "models/db/monitor.py:run",
        "server/background/scheduler.py:_hold_lease",
        "server/background/scheduler.py:_run_loop",
        "server/background/scheduler.py:_send_messages",
        "server/websocket/presence_reporter.py:run",
        "server/websocket/session_permissions.py:close_expired",
        "server/websocket/session_permissions.py:run",
        "server/websocket/socket_endpoint.py:run_keepalive",
        "subscriptions/core/hub.py:_poll_loop",
        "subscriptions/core/hub.py:_publish_loop",
        "subscriptions/core/hub.py:_receive_loop",
        "subscriptions/core/redis_broadcast.py:_listen_forever",
        "subscriptions/core/redis_broadcast.py:_ping_when_idle",
        "subscriptions/core/redis_broadcast.py:_read_messages",
        "subscriptions/core/tasks.py:_run",
        "subscriptions/core/timer_wheel.py:run",
        "subscriptions/goal_probabilities.py:run",
    }
    assert started == set().union(*SUPERVISED_LOOPS.values())
