"""Permissions: one table that gives the reach of each action for each role and kind of device.

Every read starts from a filter derived from this table, every write checks it, and subscriptions inherit it by
running their query again. Anything out of reach reads as absent; only an action on a visible object is forbidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum, auto
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """Role of an employee, in rising order."""

    EMPLOYEE = "EMPLOYEE"
    MANAGER = "MANAGER"
    DIRECTOR = "DIRECTOR"
    ADMIN = "ADMIN"


# The roles whose work is selling: ranked without having sold anything, and watched by rules about inactivity.
SELLING_ROLES: Final = frozenset({Role.EMPLOYEE})


class DeviceKind(StrEnum):
    WALLBOARD = "WALLBOARD"
    INTEGRATION = "INTEGRATION"


class Reach(Enum):
    """How far an action reaches.

    SELF     the viewer's own data
    MANAGED  also the data of the teams they manage, of all teams below, and of employees with them as manager
    SCOPE    the data of the team (with all teams below) or company that a device was created for
    COMPANY  everything
    """

    NONE = 0
    SELF = 1
    MANAGED = 2
    SCOPE = 3
    COMPANY = 4


class Action(Enum):
    """What a viewer may do; `ACTION_DESCRIPTIONS` says what each means."""

    VIEW_PEOPLE = auto()
    VIEW_CARD = auto()
    VIEW_WORK_TIME = auto()
    VIEW_ENTRIES = auto()
    VIEW_GOALS = auto()
    VIEW_GOALS_ABOVE = auto()
    VIEW_FORECAST = auto()
    VIEW_FORECAST_TOTALS = auto()
    SUBMIT_FORECAST = auto()
    ADJUST_FORECAST = auto()
    VIEW_LEADERBOARD = auto()
    VIEW_WINS = auto()
    VIEW_CATALOGUE = auto()
    RECORD = auto()
    DELETE = auto()
    REASSIGN = auto()
    SET_GOALS = auto()
    DEFINE_METRICS = auto()
    SET_ABSENCES = auto()
    VIEW_ALERTS = auto()
    MANAGE_ALERT_RULES = auto()
    ADMINISTER = auto()


ACTION_DESCRIPTIONS: Final[Mapping[Action, str]] = {
    Action.VIEW_PEOPLE: "see that an employee exists, their name and standing",
    Action.VIEW_CARD: "see the whole card: e-mail, history, deals, clients, leads, calls, tasks",
    Action.VIEW_WORK_TIME: "see when and how long an employee works",
    Action.VIEW_ENTRIES: "see the ledger entries behind a number",
    Action.VIEW_GOALS: "see the progress of employees' goals",
    Action.VIEW_GOALS_ABOVE: "see the progress of the goals of teams above and of the company",
    Action.VIEW_FORECAST: "see the forecast of an employee",
    Action.VIEW_FORECAST_TOTALS: "see the forecast of a team or the company",
    Action.SUBMIT_FORECAST: "say what one expects to bring in oneself, or a team or the company",
    Action.ADJUST_FORECAST: "adjust a forecast, and see adjustments",
    Action.VIEW_LEADERBOARD: "see leaderboards",
    Action.VIEW_WINS: "see announcements of wins",
    Action.VIEW_CATALOGUE: "see pipelines, metrics and the company's calendar",
    Action.RECORD: "record and change deals, leads, clients, calls and tasks",
    Action.DELETE: "delete a record as if it had never existed",
    Action.REASSIGN: "reassign a record to another employee",
    Action.SET_GOALS: "set, change and archive goals",
    Action.DEFINE_METRICS: "create metrics of the company's own",
    Action.SET_ABSENCES: "set absences; one's own as far as the company allows it",
    Action.VIEW_ALERTS: "see the alerts of one's own inbox and mark them as read",
    Action.MANAGE_ALERT_RULES: "see, test and change alert rules",
    Action.ADMINISTER: "manage people, teams, pipelines, devices, imports, rates and the company",
}

Actor = Role | DeviceKind

_N, _O, _B, _S, _C = Reach.NONE, Reach.SELF, Reach.MANAGED, Reach.SCOPE, Reach.COMPANY
_ACTORS: Final[tuple[Actor, ...]] = (*Role, *DeviceKind)
# fmt: off
_TABLE: Final[Mapping[Action, tuple[Reach, ...]]] = MappingProxyType({
    #                             EMPLOYEE MANAGER DIRECTOR ADMIN WALLBOARD INTEGRATION
    Action.VIEW_PEOPLE:          (_C,      _C,     _C,      _C,   _S,       _S),
    Action.VIEW_CARD:            (_O,      _B,     _C,      _C,   _N,       _S),
    Action.VIEW_WORK_TIME:       (_O,      _B,     _C,      _C,   _N,       _N),
    Action.VIEW_ENTRIES:         (_O,      _B,     _C,      _C,   _N,       _N),
    Action.VIEW_GOALS:           (_O,      _B,     _C,      _C,   _N,       _N),
    Action.VIEW_GOALS_ABOVE:     (_C,      _C,     _C,      _C,   _S,       _N),
    Action.VIEW_FORECAST:        (_O,      _B,     _C,      _C,   _N,       _N),
    Action.VIEW_FORECAST_TOTALS: (_N,      _B,     _C,      _C,   _S,       _N),
    Action.SUBMIT_FORECAST:      (_O,      _B,     _C,      _C,   _N,       _N),
    Action.ADJUST_FORECAST:      (_N,      _B,     _C,      _C,   _N,       _N),
    Action.VIEW_LEADERBOARD:     (_C,      _C,     _C,      _C,   _S,       _N),
    Action.VIEW_WINS:            (_C,      _C,     _C,      _C,   _S,       _N),
    Action.VIEW_CATALOGUE:       (_C,      _C,     _C,      _C,   _C,       _C),
    Action.RECORD:               (_O,      _B,     _C,      _C,   _N,       _S),
    Action.DELETE:               (_N,      _B,     _C,      _C,   _N,       _S),
    Action.REASSIGN:             (_N,      _B,     _C,      _C,   _N,       _S),
    Action.SET_GOALS:            (_N,      _B,     _C,      _C,   _N,       _N),
    Action.DEFINE_METRICS:       (_N,      _N,     _C,      _C,   _N,       _N),
    Action.SET_ABSENCES:         (_O,      _B,     _C,      _C,   _N,       _N),
    Action.VIEW_ALERTS:          (_O,      _O,     _O,      _O,   _N,       _N),
    Action.MANAGE_ALERT_RULES:   (_N,      _N,     _N,      _C,   _N,       _N),
    Action.ADMINISTER:           (_N,      _N,     _N,      _C,   _N,       _N),
})
# fmt: on


def reach(actor: Actor, action: Action) -> Reach:
    """Return the reach of an action for a role or kind of device.

    VIEW_GOALS_ABOVE of an employee or manager is narrowed further, to the teams above their own. That needs the team
    tree, so `Viewer` applies it.
    """
    return _TABLE[action][_ACTORS.index(actor)]
