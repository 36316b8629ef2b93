"""Russian messages of refused changes: inputs without effect, and records that others depend on."""

from __future__ import annotations

from typing import Final

RUSSIAN_REFUSALS: Final = {
    # alert rules
    "A rule of kind {kind} does not use `{field}`: leave it out.": "Правилу {kind} не нужно `{field}`: уберите его.",
    "Only a task has an assigner: choose other recipients for a rule of kind {kind}.": (
        "Постановщик есть только у задачи: выберите других получателей для правила {kind}."
    ),
    # inputs without effect
    "Name the `owner` who is to get the credit.": "Укажите `owner`: кому передать результат.",
    "Only a lost deal has a reason: lose it, or leave this out.": (
        "Причина бывает только у проигранной сделки: отметьте её проигранной или уберите причину."
    ),
    "The deal is in this stage already: leave `at` out, or choose another stage.": (
        "Сделка уже на этом этапе: уберите `at` или выберите другой этап."
    ),
    "Quiet hours have a beginning and an end: give both.": "У тихих часов есть начало и конец: укажите оба.",
    "Quiet hours end at another time than they begin.": "Тихие часы кончаются не тогда, когда начинаются.",
    "The current password is asked for a new one: give `password`, too.": (
        "Текущий пароль нужен для смены пароля: укажите и `password`."
    ),
    "Give one idempotency key for the whole call.": "Укажите один ключ идемпотентности на весь вызов.",
    "Another record has this externalId: leave it out, or give its `id`.": (
        "Этот externalId у другой записи: уберите его или укажите её `id`."
    ),
    "The exchange rates for {currency} begin on {first}: an administrator sets an earlier one, from {day} on,"
    " with setExchangeRate.": (
        "Курсы {currency} начинаются с {first}: администратор может задать более ранний, с {day}, через"
        " setExchangeRate."
    ),
    "{name} has left the company: name someone who works there.": (
        "{name} больше не работает в компании: укажите действующего сотрудника."
    ),
    # records that others depend on
    "This client has {deals} deals, {contacts} contacts, {leads} leads and {tasks} open tasks:"
    " delete them or give them another client first.": (
        "У клиента есть сделки ({deals}), контакты ({contacts}), заявки ({leads}) и открытые задачи ({tasks}):"
        " сначала удалите их или укажите в них другого клиента."
    ),
    "Records out of your reach belong to this client: ask a manager who stands above their owners.": (
        "У клиента есть записи, которые вам не видны: обратитесь к руководителю их владельцев."
    ),
    "The stage “{stage}” stays while deals are in it: {deals}.": (
        "Этап «{stage}» нельзя убрать, пока на нём есть сделки: {deals}."
    ),
    "An alert rule is about the stage “{stage}”: delete or change the rule first.": (
        "С этапом «{stage}» связано правило оповещений: сначала удалите или измените его."
    ),
    "Name the stage that deals enter.": "Укажите этап, на который переходят сделки.",
}
