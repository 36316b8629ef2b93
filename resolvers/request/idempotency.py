"""Idempotency keys: a repeated mutation with the same key and input gets the first response again."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson
from tortoise.models import Model

from domain.errors.user_errors import Conflict, Invalid, Refusal
from domain.permissions import Action
from models.alerts.alerts import AlertRule
from models.auth.sessions import Device, RepeatableCall
from models.crm.pipelines import Pipeline
from models.goals.goals import Goal
from models.organization.people import Employee, Team
from resolvers.request.context import Context
from resolvers.request.goal_visibility import within_sight
from resolvers.request.id_resolution import RECORDS, References

_LONGEST_KEY: Final = 200
_ROWS: Final[dict[str, type[Model]]] = {
    **RECORDS,
    "Employee": Employee,
    "Team": Team,
    "Goal": Goal,
    "Device": Device,
    "AlertRule": AlertRule,
    "Pipeline": Pipeline,
}


@dataclass(frozen=True)
class Call:
    key: str
    digest: str


def call(name: str, arguments: Mapping[str, Any], given: Callable[[Any], Any]) -> Call | None:
    """Return the key and the input digest of a mutation; None for one without an idempotency key.

    name       GraphQL name of the mutation
    to_fields  converts an argument to a mapping by GraphQL field names, without omitted fields
    """
    if "input" not in arguments:
        return None
    input_ = given(arguments["input"])
    if not isinstance(input_, Mapping):
        return None
    outer = _key(input_, "input")
    inner = _key(input_["deal"], "input", "deal") if isinstance(input_.get("deal"), Mapping) else None  # of convertLead
    key = outer or inner
    return _call(name, {each: given(value) for each, value in arguments.items()}, key) if key else None


def _key(input_: Mapping[str, Any], *path: str) -> str | None:
    key: str | None = input_.get("idempotencyKey")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise Invalid("An idempotency key has 1 to 200 printable characters.", *path, "idempotencyKey")
    return key


def _call(name: str, arguments: Mapping[str, Any], key: str) -> Call:
    said = orjson.dumps(
        [name, arguments], default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
    )
    return Call(key, hashlib.sha256(said).hexdigest())


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value.normalize())
    return value.isoformat() if isinstance(value, date) else str(value)


async def recall(context: Context, call: Call) -> dict[str, Any] | None:
    """Return the rows of the saved response, in their current state, without those not visible to the viewer now.

    None for a new request. Raises Conflict if the key was used with another input.
    """
    known = await RepeatableCall.get_or_none(actor=context.viewer.key, key=call.key)
    if known is None:
        return None
    _check_same(known, call, "input")
    return {name: await _rows(context, saved) for name, saved in known.answer.items()}


def _check_same(before: RepeatableCall | Call | None, call: Call, *path: str) -> None:
    if before and before.digest != call.digest:
        raise Conflict("This idempotency key was used with another input: take a new one.", *path, "idempotencyKey")


async def remember(context: Context, call: Call, answer: Mapping[str, Any]) -> None:
    """Save references to the rows of the response; other values, such as secrets, are not saved."""
    await _kept(context, call, answer).save()


def _kept(context: Context, call: Call, answer: Mapping[str, Any]) -> RepeatableCall:
    return RepeatableCall(
        actor=context.viewer.key,
        key=call.key,
        digest=call.digest,
        answer={name: _saved(value) for name, value in answer.items() if isinstance(value, Model | list)},
        at=context.now(),
    )


Recorded = tuple[list[Any], list[Goal]]


async def each(
    context: Context, name: str, givens: Sequence[Mapping[str, Any]], record: Callable[[list[Any]], Awaitable[Recorded]]
) -> Recorded:
    """Record a batch, each input as the mutation of that name would; one whose key was used before is not repeated.

    name        GraphQL name of the single mutation, whose keys are shared
    record_new  records the new inputs; its error paths are relative to them, under "inputs"
    returns     the records in the order of the inputs, and the goals that moved; a record saved by an earlier
                request that is no longer visible to the viewer is left out
    """
    calls = [_keyed(name, given, str(index)) for index, given in enumerate(givens)]
    # Where a key occurs several times in the batch, its first input is recorded and the others get the same record.
    first = {call.key: index for index, call in reversed(list(enumerate(calls))) if call}
    known = {row.key: row for row in await RepeatableCall.filter(actor=context.viewer.key, key__in=list(first))}
    for index, call in enumerate(calls):
        if call:
            before = known.get(call.key) or calls[first[call.key]]
            _check_same(before, call, "inputs", str(index))
    fresh = [n for n, call in enumerate(calls) if not call or (call.key not in known and first[call.key] == n)]
    rows, goals = await _recorded(record, givens, fresh) if fresh else ([], [])
    # Keyed by index for inputs recorded now, and by idempotency key for all that have one.
    found: dict[int | str, Any] = dict(zip(fresh, rows, strict=True))
    field = name.removeprefix("record").lower()
    await RepeatableCall.bulk_create(
        [_kept(context, call, {field: found[n], "goals": goals}) for n in fresh if (call := calls[n])]
    )
    seen = {row.pk: row for row in await _seen(context, [row.answer[field] for row in known.values()])}
    found |= {key: seen.get(row.answer[field][1]) for key, row in known.items()}
    found |= {key: found[n] for key, n in first.items() if key not in known}
    wanted = [found[call.key if call else n] for n, call in enumerate(calls)]
    return [row for row in wanted if row is not None], goals


def _keyed(name: str, given: Mapping[str, Any], index: str) -> Call | None:
    key = _key(given, "inputs", index)
    return _call(name, {"input": given}, key) if key else None


async def _recorded(
    record: Callable[[list[Any]], Awaitable[Recorded]], givens: Sequence[Any], fresh: Sequence[int]
) -> Recorded:
    """Record the new inputs; the index in the path of an error is mapped back to the whole batch."""
    try:
        return await record([givens[index] for index in fresh])
    except Refusal as refusal:
        _, index, *rest = refusal.path
        raise type(refusal)(refusal.message, "inputs", str(fresh[int(index)]), *rest) from None


def _saved(value: Any) -> Any:
    if isinstance(value, list):
        return [_saved(row) for row in value if isinstance(row, Model)]
    return [type(value).__name__, value.pk]


async def _rows(context: Context, saved: Any) -> Any:
    if saved and isinstance(saved[0], str):
        return next(iter(await _seen(context, [saved])), None)
    return await _seen(context, saved)


async def _seen(context: Context, saved: Sequence[tuple[str, int]]) -> list[Model]:
    """Return the rows that the viewer may see, deleted or not, in the order of the references."""
    numbers: dict[str, list[int]] = {}
    for kind, number in saved:
        numbers.setdefault(kind, []).append(number)
    refs = References(context)
    for kind, wanted in numbers.items():
        for row in await _ROWS[kind].filter(pk__in=wanted):
            refs.add(kind, row)
    await refs.want_owners()
    found = [refs.at_hand(kind, number) for kind, number in saved]
    rows: list[Model] = [each for each in found if each is not None]
    goals = {goal.id for goal in await within_sight(context, [row for row in rows if isinstance(row, Goal)])}
    viewer = context.viewer

    def visible(row: Model) -> bool:
        match row:
            case Goal():
                return row.id in goals
            case Employee():
                return viewer.may(Action.VIEW_PEOPLE, row)
            case Team():
                return row.id in viewer.teams
            case Device():
                return viewer.may_company(Action.ADMINISTER)
            case AlertRule():
                return viewer.may_company(Action.KEEP_RULES)
            case Pipeline():
                return True
        return refs.sees(row)

    return [row for row in rows if visible(row)]
