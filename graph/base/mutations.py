"""Mutation decorators: one transaction, user errors in the payload, idempotency keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from typing import Any, dataclass_transform

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from domain.errors.operation_errors import Unauthenticated
from domain.errors.user_errors import Code, Refusal
from domain.i18n.error_messages import translated
from graph.base.input_mapping import given
from graph.base.row_types import Info
from resolvers.auth import sessions
from resolvers.request import goal_visibility, idempotency


@strawberry.type(
    name="UserError",
    description="A problem that the user can fix. A mutation that returns any of these changed nothing.",
)
class UserError:
    path: list[str] = strawberry.field(description='From the mutation\'s argument inwards: ["input", "amount"].')
    code: Code
    message: str = strawberry.field(description="A sentence in the viewer's language that says how to fix it.")


def refused(payload: type, refusal: Refusal, language: str) -> Any:
    """Return a payload with this error in `userErrors` and nothing else."""
    error = UserError(path=list(refusal.path), code=refusal.code, message=translated(refusal.message, language))
    return payload(user_errors=[error])


class _Refusing(FieldExtension):
    """Returns a `UserError` in the payload. Used alone for signing in and out, which need no unit of work."""

    def apply(self, field: StrawberryField) -> None:
        self.field = field

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info, **arguments: Any) -> Any:
        try:
            return await self.act(next_, source, info, arguments)
        except Refusal as refusal:
            return refused(self.field.type, refusal, info.context.language)  # type: ignore[arg-type]

    async def act(self, next_: Callable[..., Any], source: Any, info: Info, arguments: dict[str, Any]) -> Any:
        return await next_(source, info, **arguments)


class _Acting(_Refusing):
    """Runs the mutation in one unit of work, once for each idempotency key."""

    async def act(self, next_: Callable[..., Any], source: Any, info: Info, arguments: dict[str, Any]) -> Any:
        context = info.context
        context.viewer  # noqa: B018 - an anonymous client is refused before it takes the writers' lock
        call = idempotency.call(info.field_name, arguments, given)
        async with context.unit() as work:
            answer = await idempotency.recall(context, call) if call else None
            if answer is None:
                payload = await next_(source, info, **arguments)
                if call:
                    rows = {each.name: getattr(payload, each.name) for each in dataclasses.fields(payload)}
                    await idempotency.remember(context, call, rows)
            else:
                payload = self.field.type(**answer)  # type: ignore[operator]
        # the fields of the payload are resolved with the permissions as they are after the mutation
        if {"people", "company"} & work.topics:
            with suppress(Unauthenticated):  # viewers who have just ended their own session still get the payload
                await sessions.renew(context)
        if getattr(payload, "goals", None):
            payload.goals = await goal_visibility.within_sight(context, payload.goals)
        return payload


def action(description: str) -> Any:
    """Return the decorator for a mutation that runs in a unit of work; its resolver returns the payload."""
    return strawberry.mutation(description=description, extensions=[_Acting()])


def session_action(description: str) -> Any:
    """Return the decorator for a mutation of sessions, which runs without a unit of work."""
    return strawberry.mutation(description=description, extensions=[_Refusing()])


@dataclass_transform(kw_only_default=True)
def payload(description: str) -> Callable[[type], Any]:
    """Return the class decorator for a payload: adds `userErrors` and makes other fields null or empty by default."""

    def made(cls: type) -> Any:
        annotations = dict(cls.__annotations__)
        for name, annotation in annotations.items():
            if not hasattr(cls, name):
                setattr(cls, name, strawberry.field(default_factory=list) if "list[" in str(annotation) else None)
        cls.__annotations__ = annotations | {"user_errors": list[UserError]}
        cls.user_errors = strawberry.field(default_factory=list)  # type: ignore[attr-defined]
        return strawberry.type(cls, description=description)

    return made
