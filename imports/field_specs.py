"""The kinds of records that can be imported, their fields, and how each field is parsed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from domain.forecasting.categories import ForecastCategory
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import Role
from domain.primitives.periods import PeriodKind
from models.organization.absences import AbsenceKind
from models.organization.scopes import OwnerKind


class FieldType(Enum):
    """How the text of a cell is parsed."""

    TEXT = "text"
    MONEY = "money"
    INTEGER = "whole number"
    DATE_OR_TIME = "moment"
    BOOLEAN = "yes or no"


FieldSpec = FieldType | tuple[str, ...]  # a tuple: one of these words

_T, _M, _D, _YES = FieldType.TEXT, FieldType.MONEY, FieldType.DATE_OR_TIME, FieldType.BOOLEAN


def _lowercase_values(choices: type[Enum]) -> tuple[str, ...]:
    return tuple(str(choice.value).lower() for choice in choices)


# In the order of import: kinds that others refer to come first.
FIELDS_BY_KIND: Final[Mapping[str, Mapping[str, FieldSpec]]] = {
    "teams": {"id": _T, "name": _T, "parent": _T, "manager": _T},
    "people": {
        "id": _T, "name": _T, "email": _T, "role": _lowercase_values(Role), "active": _YES, "manager": _T,
        "team": _T, "team_parent": _T, "team_manager": _T, "joined": _D, "left": _D,
    },
    "transfers": {"owner": _T, "team": _T, "from": _D},
    "absences": {"id": _T, "owner": _T, "from": _D, "to": _D, "kind": _lowercase_values(AbsenceKind)},
    "products": {"name": _T, "price": _M, "currency": _T},
    "clients": {"id": _T, "name": _T, "owner": _T, "email": _T, "phone": _T, "created": _D},
    "contacts": {"id": _T, "name": _T, "owner": _T, "client": _T, "email": _T, "phone": _T, "created": _D},
    "leads": {
        "id": _T, "title": _T, "owner": _T, "client": _T, "source": _T, "contact": _T, "phone": _T, "email": _T,
        "status": _lowercase_values(LeadStatus), "reason": _T, "created": _D,
    },
    "deals": {
        "id": _T, "title": _T, "owner": _T, "client": _T, "product": _T, "pipeline": _T, "stage": _T,
        "status": _lowercase_values(DealStatus), "amount": _M, "amount_created": _M, "amount_closed": _M, "cost": _M, "currency": _T, "created": _D, "closed": _D,
        "won": _D, "lost": _D, "expected": _D, "reason": _T, "problem": _T, "sale": _lowercase_values(SaleKind),
        "category": _lowercase_values(ForecastCategory),
    },
    "visits": {"deal": _T, "pipeline": _T, "stage": _T, "entered": _D},
    "calls": {
        "id": _T, "owner": _T, "direction": _lowercase_values(CallDirection), "outcome": _lowercase_values(CallOutcome), "started": _D,
        "seconds": FieldType.INTEGER, "client": _T, "deal": _T, "note": _T,
    },
    "tasks": {
        "id": _T, "title": _T, "owner": _T, "kind": _lowercase_values(TaskKind), "due": _D, "created": _D, "completed": _D,
        "client": _T, "deal": _T,
    },
    "goals": {
        "name": _T, "owner": _T, "owner_kind": _lowercase_values(OwnerKind), "metric": _T, "target": _M, "currency": _T,
        "period": _T, "period_kind": _lowercase_values(PeriodKind), "from": _D, "to": _D, "recurring": _YES,
        "pro_rated": _YES,
    },
}  # fmt: skip
STAGE_FIELDS: Final = ("pipeline", "stage", "status")  # in which rows name the stages of deals
SPREAD_FIELDS: Final = ("period", "metric")  # of goals, which a table may have as the headers of columns with targets
REQUIRED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "teams": ("name",),
    "people": ("name",),
    "transfers": ("owner", "team", "from"),
    "absences": ("owner", "from", "to", "kind"),
    "products": ("name", "price"),
    "clients": ("name",),
    "contacts": ("name",),
    "leads": ("title", "owner"),
    "deals": ("title", "owner"),
    "visits": ("deal", "stage", "entered"),
    "calls": ("owner", "direction", "started"),
    "tasks": ("title", "owner"),
    "goals": ("owner", "metric", "target"),
}
