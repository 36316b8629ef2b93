"""Generates the parts of the documentation that follow from the code: `python -m tests.generated_docs` rewrites them.

A part begins with `<!-- NAME: from the code -->` and ends with `<!-- end -->`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from domain import permissions
from domain.analytics.funnel import StayGroup, analyze_stages, estimate_beta_prior
from domain.analytics.special_functions import beta_cdf
from domain.errors.operation_errors import OperationError
from domain.errors.user_errors import UserErrorCode
from domain.ledger.metrics import METRICS, PRIVATE_METRICS
from domain.ledger.record_facts import DealStatus
from domain.permissions import Action, DeviceKind, Reach, Role
from graph.base.mutations import LARGE_BATCH_SIZE
from graph.execution import error_formatting
from graph.execution.query_limits import QueryLimits
from graph.execution.variable_checks import MAX_VALUES
from graph.mutations.deals import MAX_BATCH_SIZE
from imports.field_specs import FIELDS_BY_KIND, REQUIRED_FIELDS
from models.db.keyset_pagination import MAX_PAGE_SIZE
from models.db.write_queue import SERVER_LIMITS
from resolvers.auth import attempts, password_links
from resolvers.request.rate_limits import RateLimit
from resolvers.scheduled_jobs import SCHEDULED_JOBS, ScheduledJob
from server import setting_descriptions, settings
from server.http import graphql_endpoint, header_limit
from server.operation_runner import OperationResult
from server.requests.request_parsing import BadRequest
from server.uvicorn_runner import server_config
from server.websocket.graphql_transport_ws import GraphQLTransportConnection
from tests import empty_database, goal_replay, ledger_example
from tests.markdown import format_table

ROOT: Final = Path(__file__).parents[1]
PART_PATTERN: Final = re.compile(r"(<!-- (?P<name>[\w ]+): from the code -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)


def list_documents() -> list[Path]:
    """Return all documents of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def permissions_table() -> str:
    actors = [*Role, *DeviceKind]
    labels = {reach: "—" if reach is Reach.NONE else reach.name.lower() for reach in Reach}
    return format_table(
        ["", *actors],
        (
            [permissions.ACTION_DESCRIPTIONS[action], *(labels[permissions.reach(actor, action)] for actor in actors)]
            for action in Action
        ),
    )


def private_metrics_table() -> str:
    """Return which parts of a private metric's total each role and kind of device may see."""
    actors = [*Role, *DeviceKind]
    labels = {
        Reach.NONE: "no one's",
        Reach.SELF: "their own",
        Reach.MANAGED: "their own and those below",
        Reach.SCOPE: "those of its scope",
        Reach.COMPANY: "everyone's",
    }
    return format_table(
        ["Metric", "Action", *actors],
        (
            [
                f"`{metric}`",
                permissions.ACTION_DESCRIPTIONS[action],
                *(labels[permissions.reach(actor, action)] for actor in actors),
            ]
            for metric, action in PRIVATE_METRICS.items()
        ),
    )


def metrics_table() -> str:
    return format_table(
        ["Key", "Unit", "Counts"], ([f"`{metric.key}`", metric.unit, metric.description] for metric in METRICS.values())
    )


def import_fields_table() -> str:
    def format_field(kind: str, field: str) -> str:
        return f"**{field}**" if field in REQUIRED_FIELDS[kind] else field

    return format_table(
        ["Kind", "Fields"],
        ([kind, ", ".join(format_field(kind, field) for field in FIELDS_BY_KIND[kind])] for kind in FIELDS_BY_KIND),
    )


def user_errors_table() -> str:
    meanings = {
        UserErrorCode.INVALID: "The value is malformed or contradicts other fields.",
        UserErrorCode.REQUIRED: "The value is missing.",
        UserErrorCode.NOT_FOUND: "The object does not exist or is not visible to the viewer.",
        UserErrorCode.CONFLICT: "The change conflicts with the current state: a concurrent change, or a name that is taken.",
        UserErrorCode.FORBIDDEN: "The viewer may see the object but not change it.",
        UserErrorCode.OUT_OF_RANGE: "The value is too long, too large, too small, or in the future.",
    }
    return format_table(["Code", "Means"], ([f"`{code}`", meanings[code]] for code in UserErrorCode))


def limits_table() -> str:
    defaults = QueryLimits()
    return format_table(
        ["Of one operation", "At most"],
        [
            ["bytes of the request body (`SCORELINE_BODY_LIMIT`)", f"{defaults.body_bytes:,}"],
            ["bytes of the GraphQL document", f"{defaults.document_bytes:,}"],
            ["tokens of the document", f"{defaults.tokens:,}"],
            ["operations of the document", defaults.operations],
            ["operations and fragments of the document", defaults.definitions],
            ["declared variables", defaults.variables],
            ["values in all variables", f"{MAX_VALUES:,}"],
            ["root fields", defaults.root_fields],
            ["levels of nested fields", defaults.depth],
            ["fields, with fragments expanded", defaults.fields],
            ["aliases", defaults.aliases],
            ["directives", defaults.directives],
            ["requested rows, with page sizes multiplied", f"{defaults.cost:,}"],
            ["rows of a page", MAX_PAGE_SIZE],
            ["seconds of execution (`SCORELINE_DEADLINE_SECONDS`)", f"{defaults.deadline_seconds:.0f}"],
        ],
    )


def connection_limits_table() -> str:
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(GraphQLTransportConnection).parameters.items()
    }
    [bucket] = [
        {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        for call in find_calls("TokenBucket", ROOT / "server" / "websocket")
    ]
    product_settings = settings.Settings()
    max_message_bytes = server_config(product_settings, app_factory="unused").ws_max_size
    return format_table(
        ["Of connections and clients", "At most"],
        [
            ["bytes of the address of a GET request", f"{graphql_endpoint.MAX_URL_BYTES:,}"],
            ["bytes of address and headers together", f"{header_limit.MAX_HEAD_BYTES:,}"],
            ["seconds for the body of a request to arrive", f"{graphql_endpoint.BODY_TIMEOUT_SECONDS:.0f}"],
            ["deals of one `recordDeals`", MAX_BATCH_SIZE],
            [f"seconds that a `recordDeals` of {LARGE_BATCH_SIZE} or more waits for others", SERVER_LIMITS.batch],
            *(
                [description, _format_rate(limit)]
                for description, limit in (
                    (
                        "wrong passwords per e-mail address and network; a right one resets them",
                        attempts.PER_ACCOUNT_AND_NETWORK,
                    ),
                    ("wrong passwords per e-mail address from all unknown networks", attempts.PER_ACCOUNT),
                    ("wrong passwords of a device with a trust token", attempts.PER_DEVICE),
                    ("wrong passwords and tokens per network", attempts.PER_NETWORK),
                    ("requests for a new password per network", password_links.RESETS_PER_NETWORK),
                    ("mails with a new password per e-mail address", password_links.RESETS_PER_ACCOUNT),
                )
            ),
            ["bytes of a WebSocket message", f"{max_message_bytes:,}"],
            ["seconds until `connection_init`", defaults["timeout"]],
            ["frames of a client", f"{bucket['burst']} at once, then {bucket['rate']} per second"],
            ["operations running at once on a WebSocket", defaults["max_operations"]],
            ["seconds in which a client of a WebSocket reads nothing", defaults["timeout"]],
            [
                "bytes that wait for a client (`SCORELINE_SOCKET_QUEUE_BYTES`)",
                f"{product_settings.socket_queue_bytes:,}",
            ],
            [
                "bytes held for all WebSockets of a process (`SCORELINE_SOCKET_MEMORY_BYTES`)",
                f"{product_settings.socket_memory_bytes:,}",
            ],
            [
                "WebSockets of one viewer per process (`SCORELINE_SOCKETS_PER_VIEWER`)",
                f"{product_settings.sockets_per_viewer:,}",
            ],
            [
                "WebSockets of one address per process (`SCORELINE_SOCKETS_PER_ADDRESS`)",
                f"{product_settings.sockets_per_address:,}",
            ],
            [
                "seconds in which a client of HTTP reads nothing of its response",
                f"{header_limit.SLOW_READER_SECONDS:.0f}",
            ],
        ],
    )


def _format_rate(limit: RateLimit) -> str:
    minutes = int(limit.window.total_seconds()) // 60
    return f"{limit.amount} in {minutes} minutes" if minutes < 60 else f"{limit.amount} in {minutes // 60} h"


def find_calls(function_name: str, folder: Path) -> Iterator[ast.Call]:
    """Yield the calls of a function or class in the Python files of a folder."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function_name:
                yield node


ERROR_MEANINGS: Final = {
    error_formatting.PARSE_FAILED: "The document is not GraphQL.",
    error_formatting.VALIDATION_FAILED: "The document does not fit the schema. At most ten errors are returned.",
    error_formatting.BAD_USER_INPUT: "A variable or an argument is invalid; `field` names it.",
    "QUERY_TOO_COMPLEX": "The operation exceeds a limit: `actual` is more than `limit`.",
    "BAD_REQUEST": "The request is not a GraphQL request.",
    "UNAUTHENTICATED": "There is no valid token: sign in.",
    "TOKEN_EXPIRED": "The access token has expired: refresh the session.",
    "FORBIDDEN": "The viewer may not do this.",
    "NOT_FOUND": "A `scope` or an id does not exist or is not visible to the viewer.",
    "CURSOR_UNKNOWN": "The `after` of a subscription is unknown.",
    "THROTTLED": "Too many requests: try again after `retryAfterMs`, or after the seconds in the header `Retry-After`.",
    "TIMEOUT": "The operation took too long and was cancelled.",
    "UNAVAILABLE": (
        "The database is away or busy with other writes, or there is no company yet: try again after `retryAfterMs`, "
        "a mutation with its idempotency key."
    ),
    "STORAGE_FULL": "The database has no space left.",
    error_formatting.INTERNAL: "An internal error; the log of the server contains the details.",
}
# Codes of errors that fields raise; then the response has `data`. BAD_USER_INPUT occurs before the execution as well.
_FIELD_ERRORS: Final = frozenset({"FORBIDDEN", "NOT_FOUND", error_formatting.BAD_USER_INPUT})
_ALSO_BEFORE_EXECUTION: Final = frozenset({error_formatting.BAD_USER_INPUT})


def list_error_codes() -> set[str]:
    """Return every code that an entry of `errors` may have."""
    operation_codes = {error_class.code for error_class in _with_subclasses(OperationError)}
    formatting_codes = {
        error_formatting.PARSE_FAILED,
        error_formatting.VALIDATION_FAILED,
        error_formatting.BAD_USER_INPUT,
        error_formatting.INTERNAL,
    }
    return operation_codes | formatting_codes | {"TOKEN_EXPIRED", "STORAGE_FULL"}


def _with_subclasses(error_class: type[OperationError]) -> Iterator[type[OperationError]]:
    yield error_class
    for subclass in error_class.__subclasses__():
        yield from _with_subclasses(subclass)


def errors_table() -> str:
    codes = sorted(list_error_codes(), key=list(ERROR_MEANINGS).index)
    return format_table(
        ["Code", "Means", "HTTP status"], ([f"`{code}`", ERROR_MEANINGS[code], _http_statuses(code)] for code in codes)
    )


def _http_statuses(code: str) -> str:
    if code == "CURSOR_UNKNOWN":
        return ""  # subscriptions do not run over HTTP
    if code == BadRequest.code:
        calls = find_calls(BadRequest.__name__, ROOT / "server")
        statuses = {ast.literal_eval(call.args[1]) if len(call.args) > 1 else 400 for call in calls}
    else:
        errors = [{"extensions": {"code": code}}]
        payloads: list[dict[str, object]] = [{"errors": errors, "data": None}] if code in _FIELD_ERRORS else []
        if code not in _FIELD_ERRORS or code in _ALSO_BEFORE_EXECUTION:
            payloads.append({"errors": errors})
        statuses = {graphql_endpoint._http_status(OperationResult(payload), strict=True) for payload in payloads}
    return ", ".join(map(str, sorted(statuses)))


def jobs_table() -> str:
    def format_interval(interval: timedelta) -> str:
        seconds = int(interval.total_seconds())
        size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if seconds % size == 0)
        return f"{seconds // size} {unit}"

    return format_table(
        ["Job", "Runs every", "What it does"],
        (
            [job.name, "when the company's day begins" if job.daily else format_interval(job.every), _describe_job(job)]
            for job in SCHEDULED_JOBS
        ),
    )


def _describe_job(job: ScheduledJob) -> str:
    summary = (inspect.getdoc(job.run) or "").partition("\n")[0]
    return f"{summary.partition(';')[0].rstrip('.')}."


COLLEAGUES: Final = 9
EXAMPLE_SELLERS: Final = (("Vera", 40, 100), ("Boris", 52, 100), ("Oleg", 4, 20), ("Nina, new", 0, 3))


def funnel_example() -> str:
    """Return a table of sellers with advanced and decided deals, each compared with the same nine colleagues."""
    rows = []
    for name, advanced, decided in EXAMPLE_SELLERS:
        sellers = [*[(60, 100)] * COLLEAGUES, (advanced, decided)]
        groups = [
            StayGroup(seller, 0, 0, DealStatus.OPEN if has_advanced else DealStatus.LOST, has_advanced, 5, True, deals)
            for seller, (own_advanced, own_decided) in enumerate(sellers)
            for has_advanced, deals in ((True, own_advanced), (False, own_decided - own_advanced))
        ]
        [stage] = analyze_stages([0], groups, lambda group: group.seller_id == COLLEAGUES)
        prior = estimate_beta_prior([seller for seller in sellers if seller[1] >= 10])
        assert prior is not None
        alpha, beta = prior[0] + advanced, prior[1] + decided - advanced
        rows.append(
            [
                name,
                f"{advanced} of {decided}",
                f"{advanced / decided:.0%}",
                f"{alpha / (alpha + beta):.0%} (prior of {sum(prior):.0f} deals)",
                f"{beta_cdf(stage.benchmark or 0.0, alpha, beta):.1%}",
                "**yes**" if stage.weak else "no",
            ]
        )
    head = ["Seller", "Advanced of decided", "Conversion", "Shrunk conversion", "Probability to be below 60 %", "Weak"]
    return format_table(head, rows).replace("%", " %").replace("60  %", "60 %")


async def goal_replay_example() -> str:
    """Return the table of two weeks of an employee, hour by hour."""
    return format_table(["March 2027", "Day", "Week", "Month"], goal_replay.replay_table(await goal_replay.replay()))


GENERATED_PARTS: Final[dict[str, Callable[[], str]]] = {
    "rights": permissions_table,
    "private metrics": private_metrics_table,
    "settings": lambda: setting_descriptions.describe() + "\n",
    "metrics": metrics_table,
    "imports": import_fields_table,
    "user errors": user_errors_table,
    "errors": errors_table,
    "limits": limits_table,
    "connection limits": connection_limits_table,
    "jobs": jobs_table,
    "funnel example": funnel_example,
}
EXAMPLE_PARTS: Final[dict[str, Callable[[], Awaitable[str]]]] = {
    "worked example": ledger_example.ledger_example,
    "goal replay": goal_replay_example,
}


def replace_parts(text: str, parts: dict[str, str]) -> str:
    """Return the document with its generated parts replaced."""
    return PART_PATTERN.sub(lambda match: match[1] + parts[match["name"]] + match[4], text)


def main() -> None:
    empty_database.dump_schema()
    generated = {name: make() for name, make in GENERATED_PARTS.items()}
    generated |= {name: asyncio.run(run()) for name, run in EXAMPLE_PARTS.items()}
    for page in list_documents():
        page.write_text(replace_parts(page.read_text(), generated))


if __name__ == "__main__":
    main()
