"""Permission matrix: the expected answers by actor and subject, written by hand from RULES 10.

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

ALLOWED, ABSENT, FORBIDDEN, STRANGER = "+", ".", "!", "0"


def _grid(text: str) -> Grid:
    subjects, *lines = (line.split() for line in text.strip().splitlines())
    return {(actor, subject): mark for actor, *marks in lines for subject, mark in zip(subjects, marks, strict=True)}


# Reading

CARDS: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        +   .   .   .   .
  Max        +   +   +   +   .
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       .   .   .   .   .
  NorthWall  .   .   .   .   .
  Crm        +   +   +   +   +
  NorthCrm   +   +   +   +   .
  stranger   0   0   0   0   0
""")
PEOPLE: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        +   +   +   +   +
  Max        +   +   +   +   +
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       +   +   +   +   +
  NorthWall  +   +   +   +   .
  Crm        +   +   +   +   +
  NorthCrm   +   +   +   +   .
  stranger   0   0   0   0   0
""")
TEAMS: Final = _grid("""
            North Far Sales South
  Ann        +     +   +     +
  Max        +     +   +     +
  Dora       +     +   +     +
  Ada        +     +   +     +
  Wall       +     +   +     +
  NorthWall  +     +   .     .
  Crm        +     +   +     +
  NorthCrm   +     +   .     .
  stranger   0     0   0     0
""")
BOARDS: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        +   +   +   +   +   +     +   +     +     +
  Max        +   +   +   +   +   +     +   +     +     +
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       +   +   +   +   +   +     +   +     +     +
  NorthWall  +   +   +   +   .   +     +   .     .     .
  Crm        .   .   .   .   .   .     .   .     .     .
  NorthCrm   .   .   .   .   .   .     .   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")
GOALS: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        +   .   .   .   .   +     .   +     .     +
  Max        +   +   +   +   .   +     +   +     .     +
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       .   .   .   .   .   +     +   +     +     +
  NorthWall  .   .   .   .   .   +     +   .     .     .
  Crm        .   .   .   .   .   .     .   .     .     .
  NorthCrm   .   .   .   .   .   .     .   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")
ENTRIES: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        +   .   .   .   .   .     .   .     .     .
  Max        +   +   +   +   .   +     +   .     .     .
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       .   .   .   .   .   .     .   .     .     .
  NorthWall  .   .   .   .   .   .     .   .     .     .
  Crm        .   .   .   .   .   .     .   .     .     .
  NorthCrm   .   .   .   .   .   .     .   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")
CHARTS: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        +   .   .   .   .   .     .   .     .     .
  Max        +   +   +   +   .   +     +   .     .     .
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       .   .   .   .   .   .     .   .     .     .
  NorthWall  .   .   .   .   .   .     .   .     .     .
  Crm        +   +   +   +   +   +     +   +     +     +
  NorthCrm   +   +   +   +   .   +     +   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")
FORECASTS: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        +   .   .   .   .   .     .   .     .     .
  Max        +   +   +   +   .   +     +   .     .     .
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       .   .   .   .   .   +     +   +     +     +
  NorthWall  .   .   .   .   .   +     +   .     .     .
  Crm        .   .   .   .   .   .     .   .     .     .
  NorthCrm   .   .   .   .   .   .     .   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")
PRESENCE: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        +   +   +   +   +   +     +   +     +     +
  Max        +   +   +   +   +   +     +   +     +     +
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       +   +   +   +   +   +     +   +     +     +
  NorthWall  +   +   +   +   .   +     +   .     .     .
  Crm        +   +   +   +   +   +     +   +     +     +
  NorthCrm   +   +   +   +   .   +     +   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")
WORK_TIME: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        +   .   .   .   .
  Max        +   +   +   +   .
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       .   .   .   .   .
  NorthWall  .   .   .   .   .
  Crm        .   .   .   .   .
  NorthCrm   .   .   .   .   .
  stranger   0   0   0   0   0
""")
CATALOGUE: Final = _grid("""
            Acme
  Ann        +
  Max        +
  Dora       +
  Ada        +
  Wall       +
  NorthWall  +
  Crm        +
  NorthCrm   +
  stranger   0
""")
DEVICES: Final = _grid("""
            Spare
  Ann        .
  Max        .
  Dora       .
  Ada        +
  Wall       .
  NorthWall  .
  Crm        .
  NorthCrm   .
  stranger   0
""")

RULES: Final = _grid("""
            Rule
  Ann        .
  Max        .
  Dora       .
  Ada        +
  Wall       .
  NorthWall  .
  Crm        .
  NorthCrm   .
  stranger   0
""")
INBOXES: Final = _grid("""
            Ann Max Dora
  Ann        +   .   .
  Max        .   +   .
  Dora       .   .   +
  Ada        .   .   .
  Wall       .   .   .
  NorthWall  .   .   .
  Crm        .   .   .
  NorthCrm   .   .   .
  stranger   0   0   0
""")

# Mutations of records

RECORDING: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        +   !   !   !   !
  Max        +   +   +   +   !
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       !   !   !   !   !
  NorthWall  !   !   !   !   .
  Crm        +   +   +   +   +
  NorthCrm   +   +   +   +   .
  stranger   0   0   0   0   0
""")
CHANGING: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        +   .   .   .   .
  Max        +   +   +   +   .
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       .   .   .   .   .
  NorthWall  .   .   .   .   .
  Crm        +   +   +   +   +
  NorthCrm   +   +   +   +   .
  stranger   0   0   0   0   0
""")
HANDING_OVER: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        !   .   .   .   .
  Max        +   +   +   +   .
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       .   .   .   .   .
  NorthWall  .   .   .   .   .
  Crm        +   +   +   +   +
  NorthCrm   +   +   +   +   .
  stranger   0   0   0   0   0
""")
DELETING: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        !   .   .   .   .
  Max        +   +   +   +   .
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       .   .   .   .   .
  NorthWall  .   .   .   .   .
  Crm        +   +   +   +   +
  NorthCrm   +   +   +   +   .
  stranger   0   0   0   0   0
""")

# Mutations of goals

SETTING_GOALS: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        !   !   !   !   !   !     !   !     !     !
  Max        +   +   +   +   !   +     +   !     !     !
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       !   !   !   !   !   !     !   !     !     !
  NorthWall  !   !   !   !   .   !     !   .     .     !
  Crm        !   !   !   !   !   !     !   !     !     !
  NorthCrm   !   !   !   !   .   !     !   .     .     !
  stranger   0   0   0   0   0   0     0   0     0     0
""")
CHANGING_GOALS: Final = _grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        !   .   .   .   .   !     .   !     .     !
  Max        +   +   +   +   .   +     +   !     .     !
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       .   .   .   .   .   !     !   !     !     !
  NorthWall  .   .   .   .   .   !     !   .     .     .
  Crm        .   .   .   .   .   .     .   .     .     .
  NorthCrm   .   .   .   .   .   .     .   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")

# Administration

OFFICE: Final = _grid("""
            Acme
  Ann        !
  Max        !
  Dora       !
  Ada        +
  Wall       !
  NorthWall  !
  Crm        !
  NorthCrm   !
  stranger   0
""")
METRICS: Final = _grid("""
            Acme
  Ann        !
  Max        !
  Dora       +
  Ada        +
  Wall       !
  NorthWall  !
  Crm        !
  NorthCrm   !
  stranger   0
""")
STAFF: Final = _grid("""
            Ann Cid Max Fay Bob
  Ann        !   !   !   !   !
  Max        !   !   !   !   !
  Dora       !   !   !   !   !
  Ada        +   +   +   +   +
  Wall       !   !   !   !   !
  NorthWall  !   !   !   !   .
  Crm        !   !   !   !   !
  NorthCrm   !   !   !   !   .
  stranger   0   0   0   0   0
""")
STRUCTURE: Final = _grid("""
            North Far Sales South
  Ann        !     !   !     !
  Max        !     !   !     !
  Dora       !     !   !     !
  Ada        +     +   +     +
  Wall       !     !   !     !
  NorthWall  !     !   .     .
  Crm        !     !   !     !
  NorthCrm   !     !   .     .
  stranger   0     0   0     0
""")

# Operations on the viewer's own account

PROFILE: Final = _grid("""
            Acme
  Ann        +
  Max        +
  Dora       +
  Ada        +
  Wall       !
  NorthWall  !
  Crm        !
  NorthCrm   !
  stranger   0
""")
DOOR: Final = _grid("""
            Acme
  Ann        +
  Max        +
  Dora       +
  Ada        +
  Wall       +
  NorthWall  +
  Crm        +
  NorthCrm   +
  stranger   +
""")
