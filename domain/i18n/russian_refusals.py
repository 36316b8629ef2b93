"""Russian messages of refused changes: inputs without effect, and records that others depend on."""

from __future__ import annotations

from typing import Final

RUSSIAN_REFUSALS: Final = {
    # alert rules
    "A rule of kind {kind} does not use `{field}`: leave it out.": "Правилу {kind} не нужно `{field}`: уберите его.",
    "Only a task has an assigner: choose other recipients for a rule of kind {kind}.": (
        "Постановщик есть только у задачи: выберите других получателей для правила {kind}."
    ),
    "Name the stage that deals enter.": "Укажите этап, на который переходят сделки.",
}
