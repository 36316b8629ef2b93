"""Permission matrix: what each viewer may change, and lists of what only administrators see."""

from __future__ import annotations

from typing import Final

from tests.acceptance.permissions.permission_grids import TEAM_NAMES, Grid, parse_grid

# Mutations of records

RECORDING: Final = parse_grid("""
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
CHANGING: Final = parse_grid("""
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
REASSIGNING: Final = parse_grid("""
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
SETTING_ABSENCES: Final = parse_grid("""
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
REMOVING_ABSENCES: Final = parse_grid("""
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
DELETING: Final = parse_grid("""
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

SETTING_GOALS: Final = parse_grid("""
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
PLANS: Final = parse_grid("""
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
CHANGING_GOALS: Final = parse_grid("""
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

COMPANY_SETTINGS: Final = parse_grid("""
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
METRICS: Final = parse_grid("""
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
EMPLOYEE_SETTINGS: Final = parse_grid("""
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
TEAM_SETTINGS: Final = parse_grid("""
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

PROFILE: Final = parse_grid("""
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
SIGN_IN: Final = parse_grid("""
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
