"""Idempotency keys: a repeated mutation with the same key and input gets the first response again."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

import orjson

from domain.errors.user_errors import Conflict, Invalid, UserError
from domain.ledger.metrics import Metric
from domain.permissions import Action
from domain.primitives.json_values import JsonValue
from models.alerts.alerts import AlertRule
from models.auth import sessions
from models.auth.sessions import Device, IdempotencyRecord
from models.crm.deals import Deal
from models.crm.pipelines import Pipeline
from models.crm.records import CrmRecord
from models.crm.refunds import Refund
from models.db import row_store
from models.db.row_store import TableRow
from models.forecasting.forecast_calls import ForecastCall
from models.goals.goals import Goal
from models.goals.plans import GoalPlan
from models.imports.import_jobs import ImportJob
from models.organization.absences import Absence
from models.organization.people import Employee
from models.organization.scope_queries import is_scope_row
from resolvers.request.context import RequestContext
from resolvers.request.goal_visibility import filter_visible
from resolvers.request.id_resolution import IdResolver
from resolvers.request.plan_visibility import filter_visible_plans
from resolvers.request.scopes import Scope, can_see

Input = TypeVar("Input")
Row = TypeVar("Row", bound=TableRow)

_MAX_KEY_LENGTH: Final = 200
_PASSWORD_FIELDS: Final = frozenset({"password", "currentPassword"})
_SECRET_PAYLOAD_FIELDS: Final = frozenset({"token", "link"})  # shown once, and never stored


@dataclass(frozen=True)
class IdempotentRequest:
    """A call with an idempotency key.

    path  of the input with the key; empty for a key that is an argument
    """

    key: str
    digest: str
    path: tuple[str, ...] = ()


def identify_request(
    name: str, arguments: Mapping[str, object], key: str | None, *path: str
) -> IdempotentRequest | None:
    """Return the key and the input digest of a mutation; None for one without an idempotency key.

    name       GraphQL name of the mutation
    arguments  with GraphQL field names and without omitted fields
    path       of the input with the key; none for a key that is an argument
    """
    if key is None:
        return None
    if not (0 < len(key) <= _MAX_KEY_LENGTH and key.isprintable()):
        raise Invalid("An idempotency key has 1 to 200 printable characters.", *path, "idempotencyKey")
    canonical_json = orjson.dumps(
        [name, _without_passwords(arguments)],
        default=_to_json_value,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME,
    )
    return IdempotentRequest(key, hashlib.sha256(canonical_json).hexdigest(), path)


def _without_passwords(value: object) -> object:
    """Return the input without passwords: they can be guessed from a digest that is stored."""
    if isinstance(value, Mapping):
        return {name: _without_passwords(item) for name, item in value.items() if name not in _PASSWORD_FIELDS}
    return value


def _to_json_value(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value.normalize())
    return value.isoformat() if isinstance(value, date) else str(value)


class RequestRepeated(Exception):
    """Raised by the first read of an edit if the request's idempotency key has been used before."""

    def __init__(self, record: IdempotencyRecord) -> None:
        super().__init__(record.key)
        self.record = record


async def find_saved_response(context: RequestContext, request: IdempotentRequest) -> dict[str, object] | None:
    """Return the rows of the saved response, in their current state, without those not visible to the viewer now.

    None for a new request. Raises Conflict if the key was used with another input.
    """
    record = await sessions.find_idempotency_record(context.viewer.key, request.key)
    return None if record is None else await load_saved_response(context, request, record)


async def load_saved_response(
    context: RequestContext, request: IdempotentRequest, record: IdempotencyRecord
) -> dict[str, object]:
    """Do the same with the record of the key."""
    _ensure_same_input(record, request, *request.path)
    return {name: await _load_saved_value(context, saved_value) for name, saved_value in record.answer.items()}


async def find_response_instead(
    context: RequestContext, request: IdempotentRequest | None, error: RequestRepeated | UserError
) -> dict[str, object] | None:
    """Return the saved response to give instead of an error; None for an error of a new request."""
    if request is None:
        return None
    if isinstance(error, RequestRepeated):
        return await load_saved_response(context, request, error.record)
    if context.open_unit_of_work.unread_key is not None:  # the input was refused before anything was read
        return await find_saved_response(context, request)
    return None


def _ensure_same_input(
    earlier_request: IdempotencyRecord | IdempotentRequest | None, request: IdempotentRequest, *path: str
) -> None:
    if earlier_request and earlier_request.digest != request.digest:
        raise Conflict("This idempotency key was used with another input: take a new one.", *path, "idempotencyKey")


async def save_response(context: RequestContext, request: IdempotentRequest, response: Mapping[str, object]) -> None:
    """Save references to the rows of the response, and its other values except secrets."""
    await save_responses(context, {request: response})


async def ensure_unused(context: RequestContext, requests: Collection[IdempotentRequest]) -> None:
    """Raise RequestRepeated if one of the keys has been used before."""
    if requests:
        keys = [request.key for request in requests]
        for record in await sessions.fetch_idempotency_records(context.viewer.key, keys):
            raise RequestRepeated(record)


async def save_responses(context: RequestContext, responses: Mapping[IdempotentRequest, Mapping[str, object]]) -> None:
    """Do the same as `save_response` for several requests."""
    await sessions.save_idempotency_records(
        [_build_record(context, request, response) for request, response in responses.items()]
    )


def _build_record(
    context: RequestContext, request: IdempotentRequest, response: Mapping[str, object]
) -> IdempotencyRecord:
    return IdempotencyRecord(
        actor=context.viewer.key,
        key=request.key,
        digest=request.digest,
        answer={
            name: _to_saved_value(value)
            for name, value in response.items()
            if value is not None and name not in _SECRET_PAYLOAD_FIELDS
        },
        at=context.now(),
    )


async def record_batch(
    context: RequestContext,
    field: str,
    inputs: Sequence[Input],
    requests: Sequence[IdempotentRequest | None],
    record_new: Callable[[list[Input]], Awaitable[tuple[list[Row], list[Goal]]]],
) -> tuple[list[Row], list[Goal]]:
    """Record a batch, each input as its mutation would; one with a key that was used before is not repeated.

    field       name of the record in the payload of the mutation of one input; both share their keys
    requests    the request of each input, as of the mutation of one input, with the path of the input
    record_new  records the new inputs; its error paths are relative to them, under "inputs"
    returns     the records in the order of the inputs, and the goals that moved; a record saved by an earlier
                request that is no longer visible to the viewer is left out
    """
    # Where a key occurs several times in the batch, its first input is recorded and the others get the same record.
    first_index_by_key = {request.key: index for index, request in reversed(list(enumerate(requests))) if request}
    saved_records = {
        row.key: row for row in await sessions.fetch_idempotency_records(context.viewer.key, first_index_by_key.keys())
    }
    for request in requests:
        if request:
            earlier_request = saved_records.get(request.key) or requests[first_index_by_key[request.key]]
            _ensure_same_input(earlier_request, request, *request.path)
    new_indexes = [
        index
        for index, request in enumerate(requests)
        if not request or (request.key not in saved_records and first_index_by_key[request.key] == index)
    ]
    new_rows, goals = await _record_new(record_new, inputs, new_indexes) if new_indexes else ([], [])
    # Keyed by index for inputs recorded now, and by idempotency key for all that have one.
    rows_by_index_or_key: dict[int | str, Any] = dict(zip(new_indexes, new_rows, strict=True))
    await save_responses(
        context,
        {
            request: {field: rows_by_index_or_key[index], "goals": goals}
            for index in new_indexes
            if (request := requests[index])
        },
    )
    visible_rows = {
        row.pk: row for row in await _load_visible_rows(context, [row.answer[field] for row in saved_records.values()])
    }
    rows_by_index_or_key |= {key: visible_rows.get(row.answer[field][1]) for key, row in saved_records.items()}
    rows_by_index_or_key |= {
        key: rows_by_index_or_key[index] for key, index in first_index_by_key.items() if key not in saved_records
    }
    rows = [rows_by_index_or_key[request.key if request else index] for index, request in enumerate(requests)]
    return [row for row in rows if row is not None], goals


async def _record_new(
    record_new: Callable[[list[Input]], Awaitable[tuple[list[Row], list[Goal]]]],
    inputs: Sequence[Input],
    new_indexes: Sequence[int],
) -> tuple[list[Row], list[Goal]]:
    """Record the new inputs; the index in the path of an error is mapped back to the whole batch."""
    try:
        return await record_new([inputs[index] for index in new_indexes])
    except UserError as error:
        _, index, *rest = error.path
        raise type(error)(error.message, "inputs", str(new_indexes[int(index)]), *rest) from None


def _to_saved_value(value: object) -> object:
    """Return what is stored of a value: [type, id] of a row, a list of these, or an object with a metric or a value."""
    if isinstance(value, list):
        return [_to_saved_value(row) for row in value if isinstance(row, TableRow)]
    if isinstance(value, Metric):
        return {"metric": value.key}
    return [type(value).__name__, value.pk] if isinstance(value, TableRow) else {"value": value}


async def _load_saved_value(context: RequestContext, saved_value: JsonValue) -> object:
    match saved_value:
        case {"metric": key}:
            return (await context.metrics()).get(key)
        case {"value": value}:
            return value
        case ["Company", _]:
            return await context.company()
        case [str(), int()]:
            return next(iter(await _load_visible_rows(context, [saved_value])), None)
    return await _load_visible_rows(context, saved_value)


async def _load_visible_rows(context: RequestContext, references: Sequence[tuple[str, int]]) -> list[TableRow]:
    """Return the rows that the viewer may see, deleted or not, in the order of the references."""
    ids_by_kind: dict[str, list[int]] = {}
    for kind, row_id in references:
        ids_by_kind.setdefault(kind, []).append(row_id)
    resolver = IdResolver(context)
    for kind, row_ids in ids_by_kind.items():
        for row in await row_store.fetch(row_store.find_model(kind), row_ids):
            resolver.add_row(kind, row)
    await resolver.load_by_row_ids("Deal", [row.deal_id for row in resolver.loaded_rows(Refund)])
    await resolver.load_owners()
    await resolver.load_by_row_ids("Employee", [row.employee_id for row in resolver.loaded_rows(Absence)])
    called_scopes = [row.scope for row in resolver.loaded_rows(ForecastCall)]
    await resolver.load_by_row_ids("Employee", [scope.employee_id for scope in called_scopes if scope.employee_id])
    loaded_rows = [resolver.find_loaded(kind, row_id) for kind, row_id in references]
    rows: list[TableRow] = [row for row in loaded_rows if row is not None]
    visible_goal_ids = {
        goal.id for goal in await filter_visible(context, [row for row in rows if isinstance(row, Goal)])
    }
    visible_plan_ids = {
        plan.id for plan in await filter_visible_plans(context, [row for row in rows if isinstance(row, GoalPlan)])
    }
    viewer = context.viewer

    def is_visible(row: TableRow) -> bool:
        if is_scope_row(row):
            return can_see(context, Scope.of_row(row))
        match row:
            case Goal():
                return row.id in visible_goal_ids
            case GoalPlan():
                return row.id in visible_plan_ids
            case Absence():
                return viewer.can(Action.VIEW_WORK_TIME, resolver.get_row(Employee, row.employee_id))
            case Refund():
                return resolver.can_see(resolver.get_row(Deal, row.deal_id))
            case ForecastCall():
                employee_id = row.scope.employee_id
                employee = None if employee_id is None else resolver.get_row(Employee, employee_id)
                return viewer.can_in_scope(Action.VIEW_FORECAST, row.scope, employee)
            case Device() | ImportJob():
                return viewer.can_company_wide(Action.ADMINISTER)
            case AlertRule():
                return viewer.can_company_wide(Action.MANAGE_ALERT_RULES)
            case Pipeline():
                return True
        if isinstance(row, CrmRecord):
            return resolver.can_see(row)
        raise LookupError(f"say which viewers may see a repeated response with a {type(row).__name__}")

    return [row for row in rows if is_visible(row)]
