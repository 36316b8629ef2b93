"""Inputs of goals. A field left out is None, as is a null: both mean the default, or leave the goal unchanged.

Tiers and slices of an existing goal are removed by null, and stay where they are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.goals.slices import GoalShape
from domain.primitives.unset import UNSET, Unset
from resolvers.request.periods import PeriodKey


@dataclass(frozen=True, kw_only=True)
class GoalInput:
    """Input of a new goal; `owner` is the id of an employee, a team or the company."""

    owner: str
    metric: str
    target: Decimal
    period: PeriodKey
    name: str | None = None
    recurring: bool = False
    pro_rated: bool = False
    threshold: Decimal | None = None
    stretch: Decimal | None = None
    shape: GoalShape | None = None
    slices: Sequence[Decimal] | None = None


@dataclass(frozen=True, kw_only=True)
class GoalUpdateInput:
    """Input of a change of a goal; it is refused if the goal has another version than `if_version`.

    reason  why it changes, kept with the change
    """

    id: str
    if_version: int | None = None
    name: str | None = None
    target: Decimal | None = None
    recurring: bool | None = None
    pro_rated: bool | None = None
    threshold: Decimal | Unset | None = UNSET
    stretch: Decimal | Unset | None = UNSET
    shape: GoalShape | None = None
    slices: Sequence[Decimal] | Unset | None = UNSET
    reason: str | None = None
