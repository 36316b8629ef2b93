"""The input of an alert rule. A field left out is None, as is a null: both mean the default of the kind of alert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.alerts.rules import AlertKind, Recipient


@dataclass(frozen=True, kw_only=True)
class RuleInput:
    kind: AlertKind
    recipients: Sequence[Recipient]
    scope: str | None = None
    enabled: bool = True
    min_amount: Decimal | None = None
    days: int | None = None
    hours: int | None = None
    stage: str | None = None
    percent: float | None = None
    channels: Sequence[str] = ()
    cool_down_hours: int | None = None
