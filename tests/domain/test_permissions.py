"""The permission table agrees with the rules in docs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from domain.permissions import Action, DeviceKind, Reach, Role, reach

ACTORS = (*Role, *DeviceKind)
WRITES = (Action.RECORD, Action.DELETE, Action.REASSIGN, Action.SET_GOALS, Action.DEFINE_METRICS, Action.ADMINISTER)


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("action", Action)
def test_the_table_answers_for_everybody_and_everything(actor, action):
    assert isinstance(reach(actor, action), Reach)


@pytest.mark.parametrize("action", Action)
def test_a_higher_role_never_reaches_less(action):
    reaches = [reach(role, action).value for role in Role]

    assert all(lower <= higher for lower, higher in pairwise(reaches))


@pytest.mark.parametrize("action", WRITES)
def test_a_wallboard_writes_nothing(action):
    assert reach(DeviceKind.WALLBOARD, action) is Reach.NONE


@pytest.mark.parametrize("action", [Action.VIEW_CARD, Action.VIEW_ENTRIES, Action.VIEW_GOALS])
def test_a_wallboard_sees_no_cards_and_no_entries(action):
    assert reach(DeviceKind.WALLBOARD, action) is Reach.NONE


@pytest.mark.parametrize("action", [Action.VIEW_GOALS, Action.VIEW_GOALS_ABOVE, Action.SET_GOALS])
def test_goals_are_none_of_an_integrations_business(action):
    assert reach(DeviceKind.INTEGRATION, action) is Reach.NONE


def test_devices_never_reach_beyond_their_scope():
    beyond = [(kind, action) for kind in DeviceKind for action in Action if reach(kind, action) is Reach.COMPANY]

    assert beyond == [(kind, Action.VIEW_CATALOGUE) for kind in DeviceKind]


def test_an_employee_records_his_own_and_deletes_and_reassigns_nothing():
    assert reach(Role.EMPLOYEE, Action.RECORD) is Reach.OWN
    assert reach(Role.EMPLOYEE, Action.DELETE) is Reach.NONE
    assert reach(Role.EMPLOYEE, Action.REASSIGN) is Reach.NONE


def test_a_manager_reaches_those_below_and_a_director_everybody():
    for action in (Action.VIEW_CARD, Action.RECORD, Action.DELETE, Action.REASSIGN, Action.SET_GOALS):
        assert (reach(Role.MANAGER, action), reach(Role.DIRECTOR, action)) == (Reach.BELOW, Reach.COMPANY)


def test_only_an_admin_administers():
    assert [actor for actor in ACTORS if reach(actor, Action.ADMINISTER) is not Reach.NONE] == [Role.ADMIN]
