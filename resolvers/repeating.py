"""Calls that can be repeated: the same key with the same input gives the first call's answer again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

import orjson
from tortoise.models import Model

from domain.refusals import Conflict, Invalid
from models.alerts import AlertRule
from models.goals import Goal
from models.people import Employee, Team
from models.pipelines import Pipeline
from models.sessions import Device, RepeatableCall
from resolvers.context import Context
from resolvers.references import RECORDS

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
    """Return the rows that the call was answered with before, as they are now; None for a new call."""
    known = await RepeatableCall.get_or_none(actor=context.viewer.key, key=call.key)
    if known is None:
        return None
    if known.digest != call.digest:
        raise Conflict("This idempotency key was used with another input: take a new one.", "input", "idempotencyKey")
    return {name: await _rows(saved) for name, saved in known.answer.items()}


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


async def _rows(saved: Any) -> Any:
    if saved and isinstance(saved[0], str):
        kind, number = saved
        return await _ROWS[kind].get_or_none(pk=number)
    numbers: dict[str, list[int]] = {}
    for kind, number in saved:
        numbers.setdefault(kind, []).append(number)
    found = {(kind, row.pk): row for kind, wanted in numbers.items() for row in await _ROWS[kind].filter(pk__in=wanted)}
    return [found[kind, number] for kind, number in saved if (kind, number) in found]
