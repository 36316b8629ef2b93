"""Mutation decorators: one transaction, user errors in the payload, idempotency keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeAlias, TypeVar, dataclass_transform

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from domain.errors.operation_errors import Unauthenticated
from domain.errors.user_errors import Forbidden, Invalid, UserError, UserErrorCode
from domain.i18n.languages import translate
from graph.base.field_declarations import declare
from graph.base.input_mapping import IDEMPOTENCY_KEY, to_json_fields
from graph.base.row_types import Info
from resolvers.auth import audit, sessions
from resolvers.request import goal_visibility, idempotency
from resolvers.request.context import RequestContext
from resolvers.request.idempotency import IdempotentRequest, RequestRepeated

Payload = TypeVar("Payload")
Class = TypeVar("Class", bound=type)
Resolver: TypeAlias = Callable[..., Awaitable[object]]
MutationDecorator: TypeAlias = Callable[[Resolver], StrawberryField]
LARGE_BATCH_SIZE: Final = 50  # inputs from which on a batch holds the lock of the ledger for a noticeable time


@strawberry.type(
    name="UserError",
    description="A problem that the user can fix. A mutation that returns any of these changed nothing.",
)
class UserErrorEntry:
    path: list[str] = strawberry.field(description='From the mutation\'s argument inwards: ["input", "amount"].')
    code: UserErrorCode
    message: str = strawberry.field(description="A sentence in the viewer's language that says how to fix it.")


def make_error_payload(payload_type: Callable[..., Payload], error: UserError, language: str) -> Payload:
    """Return a payload with this error in `userErrors` and nothing else."""
    entry = UserErrorEntry(path=list(error.path), code=error.code, message=translate(error.message, language))
    return payload_type(user_errors=[entry])


class _UserErrorsExtension(FieldExtension):
    """Returns a `UserError` in the payload. Used alone where passwords are hashed, outside of a unit of work."""

    def apply(self, field: StrawberryField) -> None:
        self.field = field

    @property
    def payload_type(self) -> Callable[..., object]:
        payload_type = self.field.type
        assert isinstance(payload_type, type), "each mutation returns a payload"
        return payload_type

    async def resolve_async(self, next_: Resolver, source: object, info: Info, **arguments: object) -> object:
        try:
            return await self.run(next_, source, info, arguments)
        except UserError as error:
            if isinstance(error, Forbidden):
                audit.record_refusal(info.context, "action forbidden", mutation=info.field_name)
            return make_error_payload(self.payload_type, error, info.context.language)

    async def run(self, next_: Resolver, source: object, info: Info, arguments: dict[str, object]) -> object:
        return await next_(source, info, **arguments)


class _UnitOfWorkExtension(_UserErrorsExtension):
    """Runs the mutation in one unit of work, once for each idempotency key.

    batch_argument  name of the argument with the inputs of a batch; a large one gives way to other writers
    edits_records   whether the mutation begins with the read of an edit of records, which looks for the key as well
    """

    def __init__(self, batch_argument: str | None = None, *, edits_records: bool = False) -> None:
        self._batch_argument, self._edits_records = batch_argument, edits_records

    def apply(self, field: StrawberryField) -> None:
        """Give the mutation an argument for the key, unless its inputs hold their own."""
        super().apply(field)
        if not any(argument.python_name in ("input", self._batch_argument) for argument in field.arguments):
            field.arguments.append(
                StrawberryArgument(
                    IDEMPOTENCY_KEY,
                    None,
                    StrawberryAnnotation(str | None),
                    default=None,
                    description="A repetition with the same key returns the first response again.",
                )
            )

    async def run(self, next_: Resolver, source: object, info: Info, arguments: dict[str, object]) -> object:
        key = arguments.pop(IDEMPOTENCY_KEY, None)
        batch = arguments[self._batch_argument] if self._batch_argument else None
        return await run_in_unit_of_work(
            info,
            self.payload_type,
            arguments,
            lambda: next_(source, info, **arguments),
            key=key if isinstance(key, str) else None,
            is_batch=isinstance(batch, list) and len(batch) >= LARGE_BATCH_SIZE,
            edits_records=self._edits_records,
        )


def read_key(input: object) -> str | None:
    """Return the idempotency key of an input object; None if it has none."""
    key: str | None = getattr(input, IDEMPOTENCY_KEY, None)
    return None if key is strawberry.UNSET else key


def identify_request(
    name: str, arguments: Mapping[str, object], key_argument: str | None = None
) -> IdempotentRequest | None:
    """Return the key and the input digest of a mutation; None for one without an idempotency key.

    key_argument  the key of a mutation without `input`
    """
    input = arguments.get("input")
    deal = getattr(input, "deal", None)  # of convertLead
    if key_argument is None and read_key(input) is None and read_key(deal) is None:
        return None
    fields = {argument: to_json_fields(value) for argument, value in arguments.items()}
    if "input" not in arguments:
        return idempotency.identify_request(name, fields, key_argument)
    deal_request = idempotency.identify_request(name, fields, read_key(deal), "input", "deal")
    request = idempotency.identify_request(name, fields, read_key(input), "input")
    if request and deal_request and deal_request.key != request.key:
        raise Invalid("Give one idempotency key for the whole call.", "input", "deal", "idempotencyKey")
    return request or (deal_request and replace(deal_request, path=("input",)))


def identify_batch_item(name: str, input: object, index: int) -> IdempotentRequest | None:
    """Do the same for an input of a batch, as the mutation called `name` of one input does."""
    key = read_key(input)
    if key is None:
        return None
    return idempotency.identify_request(name, {"input": to_json_fields(input)}, key, "inputs", str(index))


async def run_in_unit_of_work(
    info: Info,
    payload_type: Callable[..., Payload],
    arguments: dict[str, object],
    execute: Callable[[], Awaitable[Payload]],
    *,
    key: str | None = None,
    is_batch: bool = False,
    edits_records: bool = False,
    prepare: Callable[[], Awaitable[None]] | None = None,
    discard: Callable[[], Awaitable[None]] | None = None,
) -> Payload:
    """Run a mutation in one unit of work, once for each idempotency key, and return its payload.

    arguments      of the mutation, which identify the call
    key            the idempotency key if the mutation takes it as an argument of its own
    edits_records  whether the mutation begins with the read of an edit of records, which looks for the key as well
    prepare        of a batch, see `write_transaction`
    discard        removes what `prepare` has written, where the first response is returned again
    """
    context = info.context
    context.viewer  # noqa: B018 - an anonymous client is refused before it takes the writers' lock
    request = identify_request(info.field_name, arguments, key)
    async with context.unit_of_work(is_batch=is_batch, edits_records=edits_records, prepare=prepare) as unit_of_work:
        saved_response: Mapping[str, object] | None = None
        if request and edits_records:
            unit_of_work.unread_key = context.viewer.key, request.key
        elif request:
            saved_response = await idempotency.find_saved_response(context, request)
        if saved_response is None:
            try:
                payload = await execute()
            except (RequestRepeated, UserError) as error:
                saved_response = await idempotency.find_response_instead(context, request, error)
                if saved_response is None:
                    raise
            else:
                if request:
                    await idempotency.save_response(context, request, dict(vars(payload)))
        if saved_response is not None:
            if discard is not None:
                await discard()
            payload = payload_type(**saved_response)
    # the fields of the payload are resolved with the permissions as they are after the mutation
    if {"people", "company", "absences"} & unit_of_work.topics:
        with suppress(Unauthenticated):  # viewers who have just ended their own session still get the payload
            await sessions.reauthenticate(context)
    return await keep_visible_goals(context, payload)


async def keep_visible_goals(context: RequestContext, payload: Payload) -> Payload:
    """Return the payload, with those goals only that the viewer may see."""
    if goals := getattr(payload, "goals", None):
        setattr(payload, "goals", await goal_visibility.filter_visible(context, goals))  # noqa: B010 - not of all payloads
    return payload


def mutation(description: str, *, batch_argument: str | None = None, edits_records: bool = False) -> MutationDecorator:
    """Return the decorator for a mutation that runs in a unit of work; its resolver returns the payload.

    batch_argument  name of the argument with the inputs of a batch
    edits_records   whether the mutation begins with the read of an edit of records, see `run_in_unit_of_work`
    """
    return _mutation(description, _UnitOfWorkExtension(batch_argument, edits_records=edits_records))


def session_mutation(description: str) -> MutationDecorator:
    """Return the decorator for a mutation that opens the unit of work itself."""
    return _mutation(description, _UserErrorsExtension())


def _mutation(description: str, extension: FieldExtension) -> MutationDecorator:
    decorator: MutationDecorator = strawberry.mutation(description=description, extensions=[extension])
    return decorator


def _list_field(length: int) -> StrawberryField:
    field: StrawberryField = strawberry.field(default_factory=list, metadata=declare(length=length))
    return field


@dataclass_transform(kw_only_default=True)
def payload(description: str) -> Callable[[Class], Class]:
    """Return the class decorator for a payload: adds `userErrors` and makes other fields null or empty by default."""

    def decorate(cls: Class) -> Class:
        annotations = dict(cls.__annotations__)
        for name, annotation in annotations.items():
            if not hasattr(cls, name):
                setattr(cls, name, _list_field(10) if "list[" in str(annotation) else None)
        cls.__annotations__ = annotations | {"user_errors": list[UserErrorEntry]}
        setattr(cls, "user_errors", _list_field(1))  # noqa: B010 - the class declares no such attribute
        return strawberry.type(cls, description=description)

    return decorate
