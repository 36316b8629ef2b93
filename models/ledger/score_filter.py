"""Selects scores by metric, days, employee, and the teams of each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from models.db import connection
from models.db.conditions import NO_ROW, Condition, is_between, is_one_of
from models.db.values import SqlClause, SqlValue
from models.organization.people import TeamSpan


@dataclass(frozen=True)
class ScoreFilter:
    """Selects the scores of a metric within days, both included, optionally of some teams or of one employee only.

    team_spans  the teams on each of the days, as `TeamTree.subtree_spans` returns them; None: all teams
    """

    metric: str
    first_day: date
    last_day: date
    team_spans: tuple[TeamSpan, ...] | None = None
    employee_id: int | None = None

    @property
    def team_ids(self) -> frozenset[int] | None:
        """The teams at the end of the days; None: all."""
        return None if self.team_spans is None else self.team_spans[-1].team_ids

    def where_clause(self, day_column: str) -> SqlClause:
        """Return the condition for a WHERE clause, and its parameters."""
        sql = f"metric = ? AND {day_column} BETWEEN ? AND ?"
        parameters: list[SqlValue] = [self.metric, self.first_day, self.last_day]
        if self.team_spans is not None:
            spans_sql, span_values = team_condition(self.team_spans, "team_id", day_column)
            sql, parameters = f"{sql} AND {spans_sql}", [*parameters, *span_values]
        if self.employee_id is not None:
            sql, parameters = f"{sql} AND employee_id = ?", [*parameters, self.employee_id]
        return sql, parameters


def team_condition(spans: Sequence[TeamSpan], team_column: str, day_column: str) -> SqlClause:
    """Return the condition that a row's team is among those of its day, and its parameters.

    The days themselves are not restricted when the teams are the same on all of them.
    """
    if len(spans) == 1:
        [span] = spans
        return f"{team_column} IN ({connection.placeholders([*span.team_ids])})", [*sorted(span.team_ids)]
    conditions, values = [], list[SqlValue]()
    for span in spans:
        conditions.append(
            f"{day_column} BETWEEN ? AND ? AND {team_column} IN ({connection.placeholders([*span.team_ids])})"
        )
        values += [span.first_day, span.last_day, *sorted(span.team_ids)]
    return f"({' OR '.join(conditions)})", values


def team_filter(spans: Sequence[TeamSpan]) -> Condition:
    """Return the filter for ledger entries of a team that is among those of the entry's day."""
    condition = NO_ROW
    for span in spans:
        condition |= is_between("effective_on", span.first_day, span.last_day) & is_one_of("team_id", span.team_ids)
    return condition
