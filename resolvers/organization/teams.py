"""Teams. Only administrators change them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from domain.errors.user_errors import Invalid
from domain.primitives.unset import UNSET
from models.db import row_store
from models.goals import goals
from models.ledger import posting
from models.organization import people
from models.organization.people import Team
from models.organization.scope_groups import covering_groups
from models.organization.scopes import ScopeKey, key_of_row
from resolvers.auth import audit
from resolvers.goals.affected_goals import publish_goal_changes
from resolvers.organization import calendar
from resolvers.organization.inputs import TeamInput
from resolvers.organization.people import ADMIN_ONLY, resolve_manager
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver


async def create_team(context: RequestContext, input: TeamInput) -> Team:
    context.viewer.require_admin(ADMIN_ONLY)
    team = Team(created_at=context.now())
    return await _apply_team_input(context, team, input)


async def update_team(context: RequestContext, input: TeamInput) -> Team:
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Team", [input.id])
    team = resolver.resolve_team(input.id or "", "input", "id")
    context.viewer.require_admin(ADMIN_ONLY)
    return await _apply_team_input(context, team, input)


async def _apply_team_input(context: RequestContext, team: Team, input: TeamInput) -> Team:
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Team", [input.parent or None])
    await resolver.load_by_global_ids("Employee", [input.manager or None])
    original_parent_id, parent_id = team.parent_id, team.parent_id
    original_manager_id, affected_groups = team.manager_id, frozenset[ScopeKey]()
    if input.name is not None:
        team.name = validation.clean_name(input.name, "input", "name")
    if input.external_id is not None:  # only imports set it
        team.external_id = validation.clean_external_id(input.external_id, "input", "externalId")
    if input.parent is not UNSET:
        parent_id = None if input.parent is None else resolver.resolve_team(input.parent, "input", "parent").id
    if input.manager is not UNSET:
        manager_global_id = input.manager
        team.manager_id = None if manager_global_id is None else resolve_manager(resolver, manager_global_id)
    today = await context.today()
    if team.id is not None and parent_id != original_parent_id:
        tree = await people.load_team_tree()
        if team.id in tree.path_to_root(parent_id):
            raise Invalid("A team cannot stand below itself.", "input", "parent")
        old_ancestor_ids, new_ancestor_ids = tree.path_to_root(original_parent_id), tree.path_to_root(parent_id)
        is_new = (await context.calendar()).day_of(team.created_at) >= today or not await calendar.has_past()
        moved_from = date.min if is_new else today  # a team without a past stands in its first place from the beginning
        await posting.move_team_totals(team.id, moved_from, old_ancestor_ids, new_ancestor_ids)
        affected_groups = covering_groups(tree, original_parent_id) ^ covering_groups(tree, parent_id)
        if not is_new:
            await people.record_parent(team.id, original_parent_id, today, context.now())
    team.parent_id = parent_id
    await row_store.save(team)
    if (parent_id, team.manager_id) != (original_parent_id, original_manager_id):
        audit.record(context, "team changed", team=team.id, parent=parent_id, manager=team.manager_id)
    tree = await people.load_team_tree()  # the rest of this unit of work sees the team
    context.current_viewer = replace(context.viewer, tree=tree)
    context.publish("people")
    if affected_groups:
        await publish_goal_changes(context, await goals.fetch_owned(affected_groups, today))
    return team


def list_visible_teams(context: RequestContext) -> list[Team]:
    """Return the teams the viewer may see, depth first: each after its parent, siblings in name order."""
    tree, visible_ids = context.tree, context.viewer.visible_team_ids
    return [tree.teams[team_id] for team_id in tree.list_depth_first() if team_id in visible_ids]


async def list_teams_within(context: RequestContext, scope_id: str | None) -> list[Team]:
    """Return the teams of a scope that the viewer may see, in the same order; without a scope all of them."""
    teams = list_visible_teams(context)
    if scope_id is None:
        return teams
    scope = await scopes.find_scope(context, scope_id)
    if scope is None or not scopes.can_see(context, scope):
        return []
    return [team for team in teams if key_of_row(team).is_within(scope.key, context.tree)]
