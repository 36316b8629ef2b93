"""What a field declares besides its type: what it depends on in a viewer, when it changes, how many rows it has, what it sends.

A declaration is the metadata of the field: `strawberry.field(metadata=declare(GOALS, length=10))`. Shared execution
(graph/execution/share_key.py), kept answers (graph/execution/answer_keys.py), the query cost
(graph/execution/query_cost.py) and the streams of subscriptions read it.

Defaults by rule, so that most fields need no declaration:

- A plain column and a function of the row alone (a resolver whose only parameter is `root`) depend on nothing in the
  viewer, as they do not know the viewer. Which rows the viewer may see is declared at the fields that return rows.
- Fields of `Query` and `Mutation` declare no dependency: only subscriptions are shared. An exception is the
  leaderboard, whose answers are kept for others who ask the same (graph/execution/answer_keys.py).
- A plain column and a function of the row alone follow from nothing but the row: when that changes is declared at the
  field that returns it. Any other field without a declaration of what it follows from is in no answer that is kept.
- The helpers of graph/base that make fields (`to_one`, `employee_ref`, `paged_field`, `payload`) declare them.
- A field that is not a list counts as one row.

All other fields declare: tests/graph/test_field_declarations.py. A field without its declaration depends on the whole
viewer, so a forgotten one is never shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema
from strawberry.types.field import StrawberryField

from domain.ledger.metrics import PRIVATE_METRICS
from domain.permissions import Action

PermissionSet = frozenset[Action | None]  # None: the result depends on the identity of the viewer

NOTHING: Final[PermissionSet] = frozenset()
WHOLE_VIEWER: Final[PermissionSet] = frozenset({None})
PEOPLE: Final[PermissionSet] = frozenset({Action.VIEW_PEOPLE})
CARD: Final[PermissionSet] = frozenset({Action.VIEW_CARD})
LEADERBOARD: Final[PermissionSet] = frozenset({Action.VIEW_LEADERBOARD})
WINS: Final[PermissionSet] = frozenset({Action.VIEW_WINS})
GOALS: Final[PermissionSet] = frozenset(
    {Action.VIEW_GOALS, Action.VIEW_GOALS_ABOVE, *PRIVATE_METRICS.values()}  # a goal of any metric
)
PROJECTIONS: Final[PermissionSet] = frozenset(
    {Action.VIEW_FORECAST, Action.VIEW_FORECAST_TOTALS, *PRIVATE_METRICS.values()}
)

IMPORTS: Final[PermissionSet] = frozenset({Action.ADMINISTER})

KEY_ALONE: Final[tuple[str, ...]] = ()  # it changes with nothing but what is part of every answer's key
NEVER: Final = ("",)
RECORDS: Final = ("records:{id}",)  # of the employee that has the field
GOAL: Final = ("goal:{id}",)
GOAL_LIST: Final = ("goals",)

_METADATA_KEY: Final = "scoreline-declaration"
RESOLVE_MANY_KEY: Final = "scoreline-resolve-many"
STRAWBERRY_DEFINITION_KEY: Final = "strawberry-definition"


class Sends(StrEnum):
    """What a subscription sends: the latest state after each change, or each event once and in order."""

    STATES = "state"
    EVENTS = "event"


@dataclass(frozen=True, slots=True)
class FieldDeclaration:
    """What a field declares.

    depends_on       the actions of the permission table that determine by their reach what the viewer gets; None among
                     them for the whole viewer; None where nothing is declared
    metric_argument  the argument with the key of a metric: of a private metric, the result depends on its action too
    subject_arguments  arguments that say what the field is about; without a value for any, it is about the viewer
    length           of a list: a typical length
    page_size        of a page: its number of rows when the client sets no size by `first` or `last`
    has_page_rows    whether the field holds the rows of the page around it
    sends            of a subscription: states or events
    follows          the topics of the change log of which one moves whenever the value changes, with `{id}` in place of the
                     id of the row that has the field. Reference data, the viewer, the language, and the time in quarters of
                     an hour are part of every answer's key and need no topic. None where nothing is declared; NEVER for a
                     value that changes without any topic
    """

    depends_on: PermissionSet | None = None
    metric_argument: str | None = None
    subject_arguments: tuple[str, ...] = ()
    length: int | None = None
    page_size: int | None = None
    has_page_rows: bool = False
    sends: Sends | None = None
    follows: tuple[str, ...] | None = None


UNDECLARED: Final = FieldDeclaration()


def declare(
    depends_on: PermissionSet | None = None,
    *,
    metric_argument: str | None = None,
    subject_arguments: tuple[str, ...] = (),
    length: int | None = None,
    page_size: int | None = None,
    has_page_rows: bool = False,
    sends: Sends | None = None,
    follows: tuple[str, ...] | None = None,
) -> dict[str, FieldDeclaration]:
    """Return the metadata of a field with its declaration; the arguments are the attributes of `FieldDeclaration`."""
    declaration = FieldDeclaration(
        depends_on, metric_argument, subject_arguments, length, page_size, has_page_rows, sends, follows
    )
    return {_METADATA_KEY: declaration}


def attach_declarations(schema: GraphQLSchema) -> None:
    """Complete the declarations of all fields of the schema by the rules and attach them for `declaration_of`."""
    for graphql_type in schema.type_map.values():
        if isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType):
            for field in graphql_type.fields.values():
                definition = field.extensions.get(STRAWBERRY_DEFINITION_KEY)
                if isinstance(definition, StrawberryField):
                    field.extensions[_METADATA_KEY] = _complete_declaration(definition)


def _complete_declaration(definition: StrawberryField) -> FieldDeclaration:
    declaration: FieldDeclaration = definition.metadata.get(_METADATA_KEY, UNDECLARED)
    resolver = definition.base_resolver
    knows_viewer = resolver is not None and list(resolver.signature.parameters) != ["root"]
    if declaration.depends_on is None and not knows_viewer:
        declaration = replace(declaration, depends_on=NOTHING)
    if declaration.follows is None and not knows_viewer:
        declaration = replace(declaration, follows=KEY_ALONE)
    return replace(declaration, follows=None) if declaration.follows == NEVER else declaration


def resolve_many_of(definition: StrawberryField) -> Callable[..., Any] | None:
    """Return the function of the field that resolves it for many rows at once: (rows, info) to their values, if any."""
    resolve_many: Callable[..., Any] | None = definition.metadata.get(RESOLVE_MANY_KEY)
    return resolve_many


def declaration_of(field: GraphQLField) -> FieldDeclaration:
    declaration: FieldDeclaration = field.extensions.get(_METADATA_KEY, UNDECLARED)
    return declaration
