"""The kinds of records that can be imported, their fields, and how each field is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import Role


class Reading(Enum):
    """How the text of a cell is parsed."""

    TEXT = "text"
    MONEY = "money"
    WHOLE = "whole number"
    MOMENT = "moment"
    YES = "yes or no"


How = Reading | tuple[str, ...]  # a tuple: one of these words

_T, _M, _D, _YES = Reading.TEXT, Reading.MONEY, Reading.MOMENT, Reading.YES


def _words(choices: type[Enum]) -> tuple[str, ...]:
    return tuple(str(choice.value).lower() for choice in choices)


# In the order of import: kinds that others refer to come first.
KINDS: Final[Mapping[str, Mapping[str, How]]] = {
    "teams": {"id": _T, "name": _T, "parent": _T, "manager": _T},
    "people": {
        "id": _T, "name": _T, "email": _T, "role": _words(Role), "active": _YES, "manager": _T,
        "team": _T, "team_parent": _T, "team_manager": _T,
    },
    "products": {"name": _T, "price": _M, "currency": _T},
    "clients": {"id": _T, "name": _T, "owner": _T, "email": _T, "phone": _T, "created": _D},
    "contacts": {"id": _T, "name": _T, "owner": _T, "client": _T, "email": _T, "phone": _T, "created": _D},
    "leads": {
        "id": _T, "title": _T, "owner": _T, "client": _T, "source": _T, "contact": _T, "phone": _T, "email": _T,
        "status": _words(LeadStatus), "reason": _T, "created": _D,
    },
    "deals": {
        "id": _T, "title": _T, "owner": _T, "client": _T, "product": _T, "pipeline": _T, "stage": _T,
        "status": _words(DealStatus), "amount": _M, "cost": _M, "currency": _T, "created": _D, "closed": _D,
        "won": _D, "lost": _D, "expected": _D, "reason": _T, "problem": _T, "sale": _words(SaleKind),
    },
    "visits": {"deal": _T, "pipeline": _T, "stage": _T, "entered": _D},
    "calls": {
        "id": _T, "owner": _T, "direction": _words(CallDirection), "outcome": _words(CallOutcome), "started": _D,
        "seconds": Reading.WHOLE, "client": _T, "deal": _T, "note": _T,
    },
    "tasks": {
        "id": _T, "title": _T, "owner": _T, "kind": _words(TaskKind), "due": _D, "created": _D, "completed": _D,
        "client": _T, "deal": _T,
    },
}  # fmt: skip
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "teams": ("name",),
    "people": ("name",),
    "products": ("name", "price"),
    "clients": ("name",),
    "contacts": ("name",),
    "leads": ("title", "owner"),
    "deals": ("title", "owner"),
    "visits": ("deal", "stage", "entered"),
    "calls": ("owner", "direction", "started"),
    "tasks": ("title", "owner"),
}
