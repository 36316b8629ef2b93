"""Rights are one table: role by action gives how far the action reaches.

Everything that reads starts from a condition derived from this table, everything
that writes asks it, and streams inherit it by asking the query again. What is out of
reach reads as absent; only an action on something that can be seen is forbidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """Who somebody is. The first four are the roles of employees, in rising order."""

    EMPLOYEE = "EMPLOYEE"
    MANAGER = "MANAGER"
    DIRECTOR = "DIRECTOR"
    ADMIN = "ADMIN"


class DeviceKind(StrEnum):
    WALLBOARD = "WALLBOARD"
    INTEGRATION = "INTEGRATION"


class Reach(Enum):
    """How far an action goes.

    OWN      what is the viewer's own
    BELOW    that, and what belongs to the teams he stands above and to those who have him as manager
    SCOPE    what belongs to the team (with all below) or company a device was made for
    COMPANY  everything
    """

    NONE = 0
    OWN = 1
    BELOW = 2
    SCOPE = 3
    COMPANY = 4


class Action(Enum):
    VIEW_PEOPLE = "see that somebody exists, his name and standing"
    VIEW_CARD = "see the whole card: e-mail, history, deals, clients, leads, calls, tasks"
    VIEW_WORK_TIME = "see when and how long somebody works"
    VIEW_ENTRIES = "see the postings behind a number"
    VIEW_GOALS = "see the progress of employees' goals"
    VIEW_GOALS_ABOVE = "see the progress of the goals of teams upwards and of the company"
    VIEW_FORECAST = "see what an employee is expected to bring in"
    VIEW_FORECAST_TOTALS = "see the same of a team or the company"
    VIEW_BOARD = "see leaderboards"
    VIEW_WINS = "hear of wins"
    VIEW_CATALOGUE = "see pipelines, metrics and the company's calendar"
    RECORD = "record and change work"
    DELETE = "take out a record as if it had never been"
    REASSIGN = "give a record to somebody else"
    SET_GOALS = "set, change and archive goals"
    DEFINE_METRICS = "make metrics of the company's own"
    VIEW_ALERTS = "see and read the alerts of one's own inbox"
    KEEP_RULES = "see, test and change the rules of alerts"
    ADMINISTER = "manage people, teams, pipelines, devices, rates and the company"


Actor = Role | DeviceKind

_N, _O, _B, _S, _C = Reach.NONE, Reach.OWN, Reach.BELOW, Reach.SCOPE, Reach.COMPANY
_COLUMNS: Final[tuple[Actor, ...]] = (
    Role.EMPLOYEE,
    Role.MANAGER,
    Role.DIRECTOR,
    Role.ADMIN,
    DeviceKind.WALLBOARD,
    DeviceKind.INTEGRATION,
)
# fmt: off
_TABLE: Final[Mapping[Action, tuple[Reach, ...]]] = MappingProxyType({
    #                        EMPLOYEE MANAGER DIRECTOR ADMIN WALLBOARD INTEGRATION
    Action.VIEW_PEOPLE:      (_C,     _C,     _C,      _C,   _S,       _S),
    Action.VIEW_CARD:        (_O,     _B,     _C,      _C,   _N,       _S),
    Action.VIEW_WORK_TIME:   (_O,     _B,     _C,      _C,   _N,       _N),
    Action.VIEW_ENTRIES:     (_O,     _B,     _C,      _C,   _N,       _N),
    Action.VIEW_GOALS:       (_O,     _B,     _C,      _C,   _N,       _N),
    Action.VIEW_GOALS_ABOVE: (_C,     _C,     _C,      _C,   _S,       _N),
    Action.VIEW_FORECAST:    (_O,     _B,     _C,      _C,   _N,       _N),
    Action.VIEW_FORECAST_TOTALS: (_N, _B,     _C,      _C,   _S,       _N),
    Action.VIEW_BOARD:       (_C,     _C,     _C,      _C,   _S,       _N),
    Action.VIEW_WINS:        (_C,     _C,     _C,      _C,   _S,       _N),
    Action.VIEW_CATALOGUE:   (_C,     _C,     _C,      _C,   _C,       _C),
    Action.RECORD:           (_O,     _B,     _C,      _C,   _N,       _S),
    Action.DELETE:           (_N,     _B,     _C,      _C,   _N,       _S),
    Action.REASSIGN:         (_N,     _B,     _C,      _C,   _N,       _S),
    Action.SET_GOALS:        (_N,     _B,     _C,      _C,   _N,       _N),
    Action.DEFINE_METRICS:   (_N,     _N,     _C,      _C,   _N,       _N),
    Action.VIEW_ALERTS:      (_O,     _O,     _O,      _O,   _N,       _N),
    Action.KEEP_RULES:       (_N,     _N,     _N,      _C,   _N,       _N),
    Action.ADMINISTER:       (_N,     _N,     _N,      _C,   _N,       _N),
})
# fmt: on


def reach(actor: Actor, action: Action) -> Reach:
    """Return how far the action of such an actor reaches.

    VIEW_GOALS_ABOVE of an employee or manager is narrowed further to the teams upwards
    of his own; that needs the tree of teams, so the condition is built where the tree is.
    """
    return _TABLE[action][_COLUMNS.index(actor)]
