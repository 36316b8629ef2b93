"""The permission table agrees with the rules in docs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from domain.permissions import Action, DeviceKind, Reach, Role, reach

ACTORS = (*Role, *DeviceKind)
WRITE_ACTIONS = (
    Action.RECORD,
    Action.DELETE,
    Action.REASSIGN,
    Action.SET_GOALS,
    Action.DEFINE_METRICS,
    Action.ADMINISTER,
)


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("action", Action)
def test_permission_table_has_a_reach_for_every_actor_and_action(actor, action):
    assert isinstance(reach(actor, action), Reach)


@pytest.mark.parametrize("action", Action)
def test_higher_role_never_reaches_less(action):
    reaches = [reach(role, action).value for role in Role]

    assert all(lower <= higher for lower, higher in pairwise(reaches))


@pytest.mark.parametrize("action", WRITE_ACTIONS)
def test_wallboard_cannot_write(action):
    assert reach(DeviceKind.WALLBOARD, action) is Reach.NONE


@pytest.mark.parametrize("action", [Action.VIEW_CARD, Action.VIEW_ENTRIES, Action.VIEW_GOALS])
def test_wallboard_cannot_see_cards_entries_or_employee_goals(action):
    assert reach(DeviceKind.WALLBOARD, action) is Reach.NONE


@pytest.mark.parametrize("action", [Action.VIEW_GOALS, Action.VIEW_GOALS_ABOVE, Action.SET_GOALS])
def test_integration_cannot_access_goals(action):
    assert reach(DeviceKind.INTEGRATION, action) is Reach.NONE


def test_device_never_reaches_beyond_its_scope():
    company_wide = [(kind, action) for kind in DeviceKind for action in Action if reach(kind, action) is Reach.COMPANY]

    assert company_wide == [(kind, Action.VIEW_CATALOGUE) for kind in DeviceKind]


def test_employee_can_record_own_work_but_not_delete_or_reassign():
    assert reach(Role.EMPLOYEE, Action.RECORD) is Reach.SELF
    assert reach(Role.EMPLOYEE, Action.DELETE) is Reach.NONE
    assert reach(Role.EMPLOYEE, Action.REASSIGN) is Reach.NONE


def test_manager_reaches_managed_teams_and_director_the_company():
    for action in (Action.VIEW_CARD, Action.RECORD, Action.DELETE, Action.REASSIGN, Action.SET_GOALS):
        assert (reach(Role.MANAGER, action), reach(Role.DIRECTOR, action)) == (Reach.MANAGED, Reach.COMPANY)


def test_only_admin_can_administer():
    assert [actor for actor in ACTORS if reach(actor, Action.ADMINISTER) is not Reach.NONE] == [Role.ADMIN]
