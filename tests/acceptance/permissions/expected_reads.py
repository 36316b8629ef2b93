"""Permission matrix: what each viewer may read, written by hand from the rules of the API."""

from __future__ import annotations

from typing import Final

from tests.acceptance.permissions.permission_grids import parse_grid

CARDS: Final = parse_grid("""
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
PEOPLE: Final = parse_grid("""
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
TEAMS: Final = parse_grid("""
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
LEADERBOARDS: Final = parse_grid("""
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
GOALS: Final = parse_grid("""
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
ENTRIES: Final = parse_grid("""
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
STATISTICS: Final = parse_grid("""
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
FORECASTS: Final = parse_grid("""
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
PRESENCE: Final = parse_grid("""
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
WORK_TIME: Final = parse_grid("""
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
CATALOGUE: Final = parse_grid("""
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
DEVICES: Final = parse_grid("""
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

RULES: Final = parse_grid("""
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
INBOXES: Final = parse_grid("""
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
