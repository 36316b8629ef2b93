"""Calls that can be repeated: the same key with the same input gives the first call's answer again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson
from tortoise.models import Model

from domain.access import Action
from domain.refusals import Conflict, Invalid
from models.alerts import AlertRule
from models.goals import Goal
from models.people import Employee, Team
from models.pipelines import Pipeline
from models.sessions import Device, RepeatableCall
from resolvers.context import Context
from resolvers.goals import within_sight
from resolvers.references import RECORDS, References

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


def call(name: str, arguments: Mapping[str, Any]) -> Call | None:
    """Return what identifies the call; None for one without a key."""
    input_ = arguments.get("input")
    key = input_.get("idempotencyKey") if isinstance(input_, Mapping) else None
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable():
        raise Invalid("An idempotency key has 1 to 200 printable characters.", "input", "idempotencyKey")
    said = orjson.dumps(
        [name, arguments], default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
    )
    return Call(key, hashlib.sha256(said).hexdigest())


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value.normalize())
    return value.isoformat() if isinstance(value, date) else str(value)


async def recall(context: Context, call: Call) -> dict[str, Any] | None:
    """Return the rows that the call was answered with before, as they are now and as far as they may be seen now.

    None for a new call.
    """
    known = await RepeatableCall.get_or_none(actor=context.viewer.key, key=call.key)
    if known is None:
        return None
    if known.digest != call.digest:
        raise Conflict("This idempotency key was used with another input: take a new one.", "input", "idempotencyKey")
    return {name: await _rows(context, saved) for name, saved in known.answer.items()}


async def remember(context: Context, call: Call, answer: Mapping[str, Any]) -> None:
    """Keep which rows the call is answered with; secrets are not kept."""
    await RepeatableCall.create(
        actor=context.viewer.key,
        key=call.key,
        digest=call.digest,
        answer={name: _saved(value) for name, value in answer.items() if isinstance(value, Model | list)},
        at=context.now(),
    )


def _saved(value: Any) -> Any:
    if isinstance(value, list):
        return [_saved(row) for row in value if isinstance(row, Model)]
    return [type(value).__name__, value.pk]


async def _rows(context: Context, saved: Any) -> Any:
    if saved and isinstance(saved[0], str):
        return next(iter(await _seen(context, [saved])), None)
    return await _seen(context, saved)


async def _seen(context: Context, saved: Sequence[tuple[str, int]]) -> list[Model]:
    """Return the rows that the viewer may see, deleted or not, in their order."""
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
            case Pipeline():
                return True
        return refs.sees(row)

    return [row for row in rows if visible(row)]
