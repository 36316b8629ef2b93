"""What rows hide, no sum, count, average, order, gap, cursor or version tells: every aggregate, asked by everybody.

Something that happens to one seller may change the answers only of viewers whom the permission table lets see it;
the answers of all others stay equal to the last digit. See docs/privacy.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLScalarType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    parse,
    visit,
)

from domain.permissions import Action, DeviceKind
from graph.schema import create_schema
from tests.graph.privacy.company import (
    ACTORS,
    can_reach,
    can_see_team_goal,
    open_privacy_company,
    team_of,
    work,
)
from tests.graph.privacy.documents import (
    AGGREGATES,
    ATTRIBUTES,
    ESTIMATES,
    PAYLOAD_ATTRIBUTES,
    SCOPE_DOCUMENTS,
    WHOLE_DOCUMENTS,
)
from tests.world import World

SCHEMA: Final = create_schema()._schema
# A team with a manager makes no difference for the others, who see all or none of the company.
ACTORS_OF_TEAMS: Final = ("Ann", "Max", "Sam", "NorthWall", "NorthCrm")
# One of each role and kind of device, each manager, and a device of a team and of the company.
ACTORS_OF_TARGETS: Final = ("Ann", "Max", "Sam", "Dora", "admin", "NorthWall", "Crm")
DEVICES: Final = {actor for actor, kind in ACTORS.items() if isinstance(kind, DeviceKind)}


# The verdicts cover the schema


def test_every_field_with_a_value_has_a_verdict() -> None:
    fields = {
        f"{graphql_type.name}.{name}"
        for graphql_type in SCHEMA.type_map.values()
        if isinstance(graphql_type, GraphQLObjectType)
        and not graphql_type.name.startswith("__")
        and graphql_type is not SCHEMA.mutation_type
        for name, field in graphql_type.fields.items()
        if isinstance(value_type := get_named_type(field.type), GraphQLScalarType | GraphQLEnumType)
        and value_type.name not in ("ID", "String")
    }

    assert fields - {"UserError.code"} == AGGREGATES | ATTRIBUTES | ESTIMATES | PAYLOAD_ATTRIBUTES


def test_documents_ask_every_aggregate() -> None:
    fields_of_documents = {
        field for document in (*SCOPE_DOCUMENTS.values(), *WHOLE_DOCUMENTS.values()) for field in fields_of(document)
    }

    assert fields_of_documents >= AGGREGATES


def fields_of(document: str) -> set[str]:
    """Return the fields that a document selects, each with the type it belongs to."""
    type_info, fields = TypeInfo(SCHEMA), set()

    class FieldCollector(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            parent = type_info.get_parent_type()
            assert parent is not None
            fields.add(f"{parent.name}.{node.name.value}")

    visit(parse(document), TypeInfoVisitor(type_info, FieldCollector()))
    return fields


# Nothing hidden moves an answer


class Observation:
    """The answers of all actors, to be compared with those after something has happened to a seller or a team.

    scopes  of which everybody asks; sellers also ask of themselves
    """

    def __init__(self, world: World, scopes: Sequence[str], actors: Collection[str] = ACTORS) -> None:
        self.world, self.scopes, self.actors = world, scopes, actors
        self._sweep = 0
        self._answers: dict[str, dict[str, Any]] = {}

    async def find_noticed(self, happen: Callable[[], Awaitable[Any]]) -> dict[str, list[str]]:
        """Let something happen; return by actor the answers that it has changed."""
        before, now = self._answers or await self._ask_everybody(), self.world.now
        await happen()
        self.world.now = now
        after = self._answers = await self._ask_everybody()
        return {
            actor: [name for name in before[actor] if before[actor][name] != after[actor][name]]
            for actor in self.actors
        }

    async def _ask_everybody(self) -> dict[str, dict[str, Any]]:
        self._sweep += 1
        return {actor: await self._ask_everything(actor) for actor in self.actors}

    async def _ask_everything(self, actor: str) -> dict[str, Any]:
        """Return the actor's answers to all documents, or the codes of errors, by document and scope."""
        answers = {name: await ask(self.world, actor, document) for name, document in WHOLE_DOCUMENTS.items()}
        for scope in {*self.scopes, actor} & self.world.global_ids.keys() - DEVICES:
            scope_id = self.world.global_ids[scope]
            for name, document in SCOPE_DOCUMENTS.items():
                for variant, variables in self._board_variables() if name == "leaderboard" else [("", {})]:
                    answer = await ask(self.world, actor, document, scope=scope_id, **variables)
                    answers[f"{name} {variant} of {scope}"] = answer
        return answers

    def _board_variables(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the variables of leaderboards. A fresh period is one that nobody has asked for before."""
        day, moment = f"2020-01-{self._sweep:02}", (self.world.now - timedelta(minutes=1)).isoformat()
        fresh = {"kind": "CUSTOM", "start": day, "end": day}
        hours, around = {"metric": "hours_worked", "rankBy": "VALUE"}, self.world.global_ids[self.scopes[0]]
        return [
            ("hours", {**hours, "period": {"kind": "DAY"}, "around": around}),
            ("hours by attainment", {**hours, "rankBy": "ATTAINMENT", "period": {"kind": "MONTH"}}),
            ("hours before", {**hours, "asOf": moment}),
            ("hours of a fresh period", {**hours, "period": fresh}),
            ("amounts of a fresh period", {"metric": "deals_won_amount", "rankBy": "VALUE", "period": fresh}),
        ]


async def ask(world: World, actor: str, document: str, **variables: Any) -> Any:
    result = await world.execute(document, actor, **variables)
    if result.errors:
        return sorted({error.original_error.code for error in result.errors})
    return result.data


def assert_noticed_only_by(noticed: dict[str, list[str]], allowed: Collection[str]) -> None:
    assert {actor: names for actor, names in noticed.items() if actor not in allowed and names} == {}
    assert [actor for actor in noticed if actor in allowed and not noticed[actor]] == []


async def test_work_of_a_colleague_is_noticed_only_by_viewers_with_the_right() -> None:
    async with open_privacy_company() as world:
        await check_work_is_noticed_by_right(world, "Pat", scopes=("Pat", team_of("Pat"), "company"))


async def test_work_in_a_managed_team_is_noticed_only_by_viewers_with_the_right(usual_database_url: str) -> None:
    async with open_privacy_company(usual_database_url) as world:
        await check_work_is_noticed_by_right(world, "Cid", ACTORS_OF_TEAMS)


async def check_work_is_noticed_by_right(
    world: World, seller: str, actors: Collection[str] = ACTORS, scopes: Sequence[str] = ()
) -> None:
    """Let hours, a task, a client of a colleague's win, and an open deal of a seller change, one after the other."""
    observation = Observation(world, scopes or (seller, team_of(seller), "Sales", "company"), actors)
    deal, client = world.global_ids[f"open deal of {seller}"], world.global_ids["client of Ann"]

    async def record() -> None:
        await world.mutate("createTask", title="Write", assignee=world.global_ids[seller])
        await world.mutate("updateDeal", id=world.global_ids[f"won deal of {seller}"], client=client)

    async def advance_deal() -> None:
        await world.mutate("updateDeal", id=deal, amount={"amount": "70000"})
        await world.mutate("moveDeal", id=deal, stage=world.stage_ids[1])

    def reached(*actions: Action, subjects: Sequence[str] = (seller,)) -> set[str]:
        return {actor for actor in ACTORS for action in actions for name in subjects if can_reach(actor, action, name)}

    hours_noticed = await observation.find_noticed(lambda: work(world, seller, 30))
    records_noticed = await observation.find_noticed(record)
    deal_noticed = await observation.find_noticed(advance_deal)

    assert_noticed_only_by(hours_noticed, reached(Action.VIEW_WORK_TIME))
    assert_noticed_only_by(records_noticed, reached(Action.VIEW_CARD))
    forecasts = reached(Action.VIEW_FORECAST_TOTALS, subjects=(team_of(seller), "Sales", "company"))
    assert_noticed_only_by(deal_noticed, reached(Action.VIEW_CARD, Action.VIEW_FORECAST) | forecasts)


async def test_target_of_a_team_is_noticed_only_by_viewers_who_may_see_its_goals(usual_database_url: str) -> None:
    async with open_privacy_company(usual_database_url) as world:
        observation = Observation(world, ("South", "North", "Sales", "company"), ACTORS_OF_TARGETS)

        def change_target(metric: str, team: str) -> Callable[[], Awaitable[Any]]:
            return lambda: world.mutate(
                "updateGoal", id=world.global_ids[f"{metric} of {team}"], target="6000", reason="corrected"
            )

        amount_noticed = await observation.find_noticed(change_target("deals_won_amount", "South"))
        hours_noticed = await observation.find_noticed(change_target("hours_worked", "North"))

    assert_noticed_only_by(amount_noticed, {actor for actor in ACTORS if can_see_team_goal(actor, "South")})
    assert_noticed_only_by(
        hours_noticed, {actor for actor in ACTORS if can_reach(actor, Action.VIEW_WORK_TIME, "North")}
    )
