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

ALLOWED, ABSENT, FORBIDDEN, UNAUTHENTICATED = "+", ".", "!", "0"


TEAM_NAMES: Final = ("North", "Far", "Sales", "South")


def _parse_grid(text: str) -> Grid:
    subjects, *lines = (line.split() for line in text.strip().splitlines())
    return {(actor, subject): mark for actor, *marks in lines for subject, mark in zip(subjects, marks, strict=True)}


# Reading

CARDS: Final = _parse_grid("""
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
PEOPLE: Final = _parse_grid("""
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
TEAMS: Final = _parse_grid("""
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
LEADERBOARDS: Final = _parse_grid("""
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
GOALS: Final = _parse_grid("""
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
ENTRIES: Final = _parse_grid("""
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
STATISTICS: Final = _parse_grid("""
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
FORECASTS: Final = _parse_grid("""
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
PRESENCE: Final = _parse_grid("""
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
WORK_TIME: Final = _parse_grid("""
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
CATALOGUE: Final = _parse_grid("""
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
DEVICES: Final = _parse_grid("""
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

RULES: Final = _parse_grid("""
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
INBOXES: Final = _parse_grid("""
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

RECORDING: Final = _parse_grid("""
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
CHANGING: Final = _parse_grid("""
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
REASSIGNING: Final = _parse_grid("""
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
SETTING_ABSENCES: Final = _parse_grid("""
            Ann Cid Max Fay Bob
  Ann        +   !   !   !   !
  Max        +   +   +   +   !
  Dora       +   +   +   +   +
  Ada        +   +   +   +   +
  Wall       !   !   !   !   !
  NorthWall  !   !   !   !   .
  Crm        !   !   !   !   !
  NorthCrm   !   !   !   !   .
  stranger   0   0   0   0   0
""")  # of a company that lets employees set their own
REMOVING_ABSENCES: Final = _parse_grid("""
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
DELETING: Final = _parse_grid("""
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

SETTING_GOALS: Final = _parse_grid("""
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
PLANS: Final = _parse_grid("""
            Ann Cid Max Fay Bob North Far Sales South Acme
  Ann        .   .   .   .   .   .     .   .     .     .
  Max        +   +   +   +   .   +     +   .     .     .
  Dora       +   +   +   +   +   +     +   +     +     +
  Ada        +   +   +   +   +   +     +   +     +     +
  Wall       .   .   .   .   .   .     .   .     .     .
  NorthWall  .   .   .   .   .   .     .   .     .     .
  Crm        .   .   .   .   .   .     .   .     .     .
  NorthCrm   .   .   .   .   .   .     .   .     .     .
  stranger   0   0   0   0   0   0     0   0     0     0
""")
CHANGING_GOALS: Final = _parse_grid("""
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

COMPANY_SETTINGS: Final = _parse_grid("""
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
METRICS: Final = _parse_grid("""
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
EMPLOYEE_SETTINGS: Final = _parse_grid("""
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
TEAM_SETTINGS: Final = _parse_grid("""
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

PROFILE: Final = _parse_grid("""
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
SIGN_IN: Final = _parse_grid("""
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
SUBMITTING: Final[Grid] = {pair: mark for pair, mark in SETTING_GOALS.items() if pair[1] in TEAM_NAMES}  # of teams
