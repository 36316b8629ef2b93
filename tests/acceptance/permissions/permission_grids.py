"""Grids of the permission matrix: the expected answers by actor and subject, as `expected_reads` and `expected_writes` have them.

Each grid has a line for each actor (the viewer of the operation) and a column for each subject: an employee, a team,
the company, a device or a rule. `NorthWall` and `NorthCrm` are devices of the team North, `Wall` and `Crm` of the
company. The actor `stranger` is not signed in.

    +  allowed
    .  absent: null, an empty list, NOT_FOUND
    !  FORBIDDEN: the viewer can see the subject but may not act on it
    0  UNAUTHENTICATED
"""

from __future__ import annotations

from typing import Final

Grid = dict[tuple[str, str], str]  # mark by actor and subject

ALLOWED, ABSENT, FORBIDDEN, UNAUTHENTICATED = "+", ".", "!", "0"


TEAM_NAMES: Final = ("North", "Far", "Sales", "South")


def parse_grid(text: str) -> Grid:
    subjects, *lines = (line.split() for line in text.strip().splitlines())
    return {(actor, subject): mark for actor, *marks in lines for subject, mark in zip(subjects, marks, strict=True)}
