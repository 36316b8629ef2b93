"""Mutations of records: deals and their whole life, leads, clients, contacts, calls, tasks and results."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import strawberry
from strawberry import ID

from domain.records import DealStatus
from domain.refusals import OutOfRange
from graph.acting import action, payload
from graph.deals import Client, Contact, Deal
from graph.goals import Goal
from graph.inputs import given
from graph.leads import Lead
from graph.lens import Info
from graph.record_inputs import (
    ConvertLeadInput,
    CreateTaskInput,
    FlagDealInput,
    LoseDealInput,
    MoveDealInput,
    RecordCallInput,
    RecordClientInput,
    RecordContactInput,
    RecordDealInput,
    RecordLeadInput,
    RecordResultInput,
    ReopenDealInput,
    UpdateDealInput,
    WinDealInput,
)
from graph.work import Call, Result, Task
from resolvers import calls, clients, deals, leads, metrics, records, repeating, tasks

MOST_AT_ONCE = 500


@payload("The deal, and the goals that moved.")
class DealPayload:
    deal: Deal | None
    goals: list[Goal]


@payload("The deals in the order of the inputs, and the goals that moved.")
class DealsPayload:
    deals: list[Deal]
    goals: list[Goal]


@payload("Which record is gone, and the goals that moved.")
class DeletePayload:
    deleted_id: ID | None
    goals: list[Goal]


@payload("The lead, and the goals that moved.")
class LeadPayload:
    lead: Lead | None
    goals: list[Goal]


@payload("The lead, the deal made of it, and the goals that moved.")
class ConvertLeadPayload:
    lead: Lead | None
    deal: Deal | None
    goals: list[Goal]


@payload("The client, and the goals that moved.")
class ClientPayload:
    client: Client | None
    goals: list[Goal]


@payload("The contact, and the goals that moved.")
class ContactPayload:
    contact: Contact | None
    goals: list[Goal]


@payload("The call, and the goals that moved.")
class CallPayload:
    call: Call | None
    goals: list[Goal]


@payload("The result, and the goals that moved.")
class ResultPayload:
    result: Result | None
    goals: list[Goal]


@payload("The task, and the goals that moved.")
class TaskPayload:
    task: Task | None
    goals: list[Goal]


def _only(made: tuple[Sequence[Any], Sequence[Any]]) -> tuple[Any, Any]:
    rows, goals = made
    return rows[0], goals


def _deal(made: tuple[Any, Any]) -> DealPayload:
    deal, goals = made
    return DealPayload(deal=deal, goals=goals)


@strawberry.type
class RecordMutation:
    @action("Record a deal, or change the one that carries the `externalId`.")
    async def record_deal(self, info: Info, input: RecordDealInput) -> DealPayload:
        return _deal(_only(await deals.record(info.context, [given(input)])))

    @action("Up to 500 at once, all or none.")
    async def record_deals(self, info: Info, inputs: list[RecordDealInput]) -> DealsPayload:
        if not 1 <= len(inputs) <= MOST_AT_ONCE:
            raise OutOfRange("Record 1 to 500 deals at once.", "inputs")
        rows, goals = await repeating.each(
            info.context, "recordDeal", given(inputs), partial(deals.record, info.context, path=("inputs",))
        )
        return DealsPayload(deals=rows, goals=goals)  # type: ignore[arg-type]

    @action("Change what is given; what is left out stays.")
    async def update_deal(self, info: Info, input: UpdateDealInput) -> DealPayload:
        return _deal(await deals.update(info.context, input.id, given(input)))

    @action("Put an open deal into another stage.")
    async def move_deal(self, info: Info, input: MoveDealInput) -> DealPayload:
        return _deal(await deals.move(info.context, input.id, input.stage, input.at or None))

    @action("Win a deal: it counts for its owner, on that day.")
    async def win_deal(self, info: Info, input: WinDealInput) -> DealPayload:
        asked = given(input)
        money = {field: asked[field] for field in ("amount", "cost") if asked.get(field) is not None}
        return _deal(await deals.close(info.context, input.id, DealStatus.WON, money, asked.get("at")))

    @action("Lose a deal.")
    async def lose_deal(self, info: Info, input: LoseDealInput) -> DealPayload:
        asked = given(input)
        reason = {"lostReason": asked["reason"]} if "reason" in asked else {}
        return _deal(await deals.close(info.context, input.id, DealStatus.LOST, reason, asked.get("at")))

    @action("Open a closed deal again; its win gives its score back.")
    async def reopen_deal(self, info: Info, input: ReopenDealInput) -> DealPayload:
        return _deal(await deals.reopen(info.context, input.id, given(input).get("stage")))

    @action("Say that a deal has a problem, or that it has none any more.")
    async def flag_deal(self, info: Info, input: FlagDealInput) -> DealPayload:
        return _deal(await deals.flag(info.context, input.id, input.problem or None))

    @action("Take a deal out of every score; the history keeps it.")
    async def delete_deal(self, info: Info, id: ID) -> DealPayload:
        return _deal(await records.delete_record(info.context, id, "Deal"))

    @action(
        "A call, lead, client, contact, task or result recorded by mistake: taken out of every score, kept in the history."
    )
    async def delete_record(self, info: Info, id: ID) -> DeletePayload:
        row, goals = await records.delete_record(
            info.context, id, "Call", "Lead", "Client", "Contact", "Task", "Result"
        )
        return DeletePayload(deleted_id=ID(records.id_of(row)), goals=goals)  # type: ignore[arg-type]

    @action("Record a lead, or change one.")
    async def record_lead(self, info: Info, input: RecordLeadInput) -> LeadPayload:
        lead, goals = _only(await leads.record(info.context, [given(input)]))
        return LeadPayload(lead=lead, goals=goals)

    @action("Make a deal of a lead: the lead's owner and client unless others are given.")
    async def convert_lead(self, info: Info, input: ConvertLeadInput) -> ConvertLeadPayload:
        lead, deal, goals = await leads.convert(info.context, input.id, given(input.deal))
        return ConvertLeadPayload(lead=lead, deal=deal, goals=goals)  # type: ignore[arg-type]

    @action("Say that nothing will come of a lead.")
    async def reject_lead(self, info: Info, id: ID, reason: str | None = None) -> LeadPayload:
        lead, goals = await leads.reject(info.context, id, reason)
        return LeadPayload(lead=lead, goals=goals)  # type: ignore[arg-type]

    @action("Record a client, or change one.")
    async def record_client(self, info: Info, input: RecordClientInput) -> ClientPayload:
        client, goals = _only(await clients.record(info.context, [given(input)]))
        return ClientPayload(client=client, goals=goals)

    @action("Record a contact, or change one.")
    async def record_contact(self, info: Info, input: RecordContactInput) -> ContactPayload:
        contact, goals = _only(await clients.record_contacts(info.context, [given(input)]))
        return ContactPayload(contact=contact, goals=goals)

    @action("Record a call, or change one.")
    async def record_call(self, info: Info, input: RecordCallInput) -> CallPayload:
        call, goals = _only(await calls.record(info.context, [given(input)]))
        return CallPayload(call=call, goals=goals)

    @action("Record a measured value of one of the company's own metrics, or change one.")
    async def record_result(self, info: Info, input: RecordResultInput) -> ResultPayload:
        result, goals = _only(await metrics.record(info.context, [given(input)]))
        return ResultPayload(result=result, goals=goals)

    @action("Make a task or an assignment, or change one.")
    async def create_task(self, info: Info, input: CreateTaskInput) -> TaskPayload:
        task, goals = _only(await tasks.record(info.context, [given(input)]))
        return TaskPayload(task=task, goals=goals)

    @action("Complete a task; it counts for its assignee, on that day.")
    async def complete_task(self, info: Info, id: ID, at: datetime | None = None) -> TaskPayload:
        task, goals = await tasks.complete(info.context, id, at)
        return TaskPayload(task=task, goals=goals)  # type: ignore[arg-type]

    @action("Take a completed task up again; its score is taken back.")
    async def reopen_task(self, info: Info, id: ID) -> TaskPayload:
        task, goals = await tasks.reopen(info.context, id)
        return TaskPayload(task=task, goals=goals)  # type: ignore[arg-type]
