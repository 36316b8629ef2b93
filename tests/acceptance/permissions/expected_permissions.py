"""What RULES 10 grants, written down by hand: who may do what to whom.

Each grid has a line for everybody who asks and a column for everybody, and every team, that he
asks about. `NorthWall` and `NorthCrm` are devices made for the team North, `Wall` and `Crm` for
the company.

    +  allowed
    .  absent: null, an empty list, NOT_FOUND
    !  FORBIDDEN: seen, but not to be acted upon
    0  UNAUTHENTICATED
"""

from __future__ import annotations

from typing import Final

Grid = dict[tuple[str, str], str]  # by who asks and about whom

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

# Acting on records

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

# Acting on goals

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

# Administering

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

# Of one's own

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
