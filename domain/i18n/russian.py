"""Russian."""

from __future__ import annotations

from typing import Final

from domain.i18n.language import Language
from domain.i18n.russian_errors import RUSSIAN_ERRORS

_TEXTS: Final = {
    "date": "{day} {month} {year}",
    "period.DAY": "{day}",
    "period.WEEK": "Неделя с {day}",
    "period.MONTH": "{month} {year}",
    "period.QUARTER": "{quarter}-й квартал {year}",
    "period.YEAR": "{year} год",
    "period.CUSTOM": "{day} – {last_day}",
    # alerts
    "alert.DEAL_LOST": "проиграна сделка{title}{amount}{reason}",
    "alert.DEAL_HAS_PROBLEMS": "проблема со сделкой{title}{amount}: {problem}",
    "alert.DEAL_STALLED": "по сделке{title}{amount} больше ничего не происходит: {days}",
    "alert.TASK_OVERDUE": "просрочена задача{title}{due}",
    "alert.ASSIGNMENT_OVERDUE": "поручение не выполнено в срок:{title}{due}",
    "alert.GOAL_BEHIND": "цель{title} отстаёт на {points}: {percent} % вместо {expected} %",
    "alert.GOAL_ACHIEVED": "достигнута цель{title}",
    "alert.NO_ACTIVITY": "ничего не записано: {workdays}",
    "alert.LEAD_UNTOUCHED": "заявкой{title} никто не занимается: {workhours}",
    "alert.DEAL_ENTERED_STAGE": "сделка{title}{amount} перешла на этап {stage}",
    "alert.DEAL_WON": "выиграна сделка{title}{amount}",
    "alerts.title": "Scoreline: {alerts}",
    "alerts.resolved": "{sentence} (уже решено)",
    # entries of the activity feed
    "activity.DEAL_CREATED": "Новая сделка{title}{amount}{reason}",
    "activity.DEAL_UPDATED": "Изменена сделка{title}{fields}",
    "activity.DEAL_STAGE_CHANGED": "Сделка{title}: этап {stage}",
    "activity.DEAL_WON": "Выиграна сделка{title}{amount}{reason}",
    "activity.DEAL_LOST": "Проиграна сделка{title}{amount}{reason}",
    "activity.DEAL_REOPENED": "Снова открыта сделка{title}{amount}{reason}",
    "activity.DEAL_FLAGGED": "Проблема со сделкой{title}: {problem}",
    "activity.DEAL_FLAGGED.SOLVED": "Проблема снята: сделка{title}",
    "activity.DEAL_DELETED": "Удалена сделка{title}",
    "activity.CALL_MADE": "Исходящий звонок{outcome}{duration}",
    "activity.CALL_MADE.INBOUND": "Входящий звонок{outcome}{duration}",
    "activity.TASK_CREATED": "Задача поставлена:{title}",
    "activity.TASK_CREATED.ASSIGNMENT": "Поручение дано:{title}",
    "activity.TASK_COMPLETED": "Задача выполнена:{title}",
    "activity.TASK_COMPLETED.ASSIGNMENT": "Поручение выполнено:{title}",
    "activity.TASK_OVERDUE": "Задача просрочена:{title}",
    "activity.TASK_OVERDUE.ASSIGNMENT": "Поручение просрочено:{title}",
    "activity.TASK_REOPENED": "Задача снова открыта:{title}",
    "activity.TASK_REOPENED.ASSIGNMENT": "Поручение снова открыто:{title}",
    "activity.LEAD_CREATED": "Новая заявка{title}",
    "activity.LEAD_CONVERTED": "Заявка{title} стала сделкой",
    "activity.LEAD_REJECTED": "Отклонена заявка{title}{reason}",
    "activity.CONTACT_ADDED": "Новый контакт{title}",
    "activity.CLIENT_ADDED": "Новый клиент{title}",
    "activity.RESULT_RECORDED": "Результат: {metric}, {value}",
    "activity.GOAL_SET": "Поставлена цель{title}{target}",
    "activity.GOAL_CHANGED": "Изменена цель{title}{fields}",
    "activity.GOAL_ACHIEVED": "Цель{title} достигнута",
    "activity.GOAL_ARCHIVED": "Цель{title} в архиве",
    "activity.RECORD_DELETED": "Удалено: {record}{title}",
    # parts of the sentences above
    "due": ", срок {day}, {time}",
    "target": ", план {target}",
    "target.HOURS": ", план {target} ч",
    "outcome.ANSWERED": "есть ответ",
    "outcome.NO_ANSWER": "нет ответа",
    "outcome.BUSY": "занято",
    "outcome.VOICEMAIL": "автоответчик",
    "record": "запись",
    "record.Call": "звонок",
    "record.Lead": "заявка",
    "record.Client": "клиент",
    "record.Contact": "контакт",
    "record.Task": "задача",
    "record.Result": "результат",
    # names of changed columns
    "field.title": "название",
    "field.amount": "сумма",
    "field.currency": "валюта",
    "field.cost": "себестоимость",
    "field.owner_id": "ответственный",
    "field.client_id": "клиент",
    "field.product": "продукт",
    "field.expected_close_on": "ожидаемая дата закрытия",
    "field.closed_at": "время закрытия",
    "field.name": "название",
    "field.target": "план",
    "field.recurring": "повторение",
}


def _plural_form(number: int) -> int:
    """Return the form for 1 звонок, 2 звонка or 5 звонков.

    Source: the categories one, few and many of the Unicode CLDR plural rules for whole numbers.
    """
    if number % 10 == 1 and number % 100 != 11:
        return 0
    return 1 if 2 <= number % 10 <= 4 and not 12 <= number % 100 <= 14 else 2


RUSSIAN: Final = Language(
    name="Russian",
    texts=_TEXTS,
    nouns={
        "alert": ("оповещение", "оповещения", "оповещений"),
        "day": ("день", "дня", "дней"),
        "working day": ("рабочий день", "рабочих дня", "рабочих дней"),
        "working hour": ("рабочий час", "рабочих часа", "рабочих часов"),
        "percentage point": ("пункт", "пункта", "пунктов"),
        "hour": ("час", "часа", "часов"),
        "minute": ("минута", "минуты", "минут"),
        "second": ("секунда", "секунды", "секунд"),
    },
    plural_form=_plural_form,
    months=(
        "Январь", "Февраль", "Март", "Апрель", "Май", "Июнь",
        "Июль", "Август", "Сентябрь", "Октябрь", "Ноябрь", "Декабрь",
    ),
    months_in_date=(
        "января", "февраля", "марта", "апреля", "мая", "июня",
        "июля", "августа", "сентября", "октября", "ноября", "декабря",
    ),
    quotes=("«", "»"),
    separators=("\u00a0", ","),
    metrics={
        "deals_won": ("Выигранные сделки", "Выигранные сделки, в день выигрыша."),
        "deals_won_amount": ("Сумма выигранных сделок", "Сколько приносят выигранные сделки."),
        "first_deals_won": ("Первые продажи", "Выигранные сделки, первые у клиента."),
        "first_deals_won_amount": ("Сумма первых продаж", "Сколько приносят первые выигранные сделки клиентов."),
        "repeat_deals_won": ("Повторные продажи", "Выигранные сделки после первой у клиента."),
        "repeat_deals_won_amount": ("Сумма повторных продаж", "Сколько приносят выигранные сделки после первой у клиента."),
        "deals_won_profit": ("Прибыль выигранных сделок", "Сколько приносят выигранные сделки за вычетом себестоимости, где она известна."),
        "deals_created": ("Новые сделки", "Сделки, в день их создания."),
        "leads_created": ("Новые заявки", "Входящие заявки, в день их создания."),
        "leads_converted": ("Заявки, ставшие сделками", "Заявки, ставшие сделкой, в этот день."),
        "contacts_added": ("Новые контакты", "Новые люди в клиентской базе."),
        "clients_added": ("Новые клиенты", "Новые клиенты."),
        "calls_made": ("Звонки", "Все звонки, с ответом и без."),
        "calls_outbound": ("Исходящие звонки", "Звонки самого сотрудника, с ответом и без."),
        "calls_answered": ("Звонки с ответом", "Звонки, на которые ответили."),
        "call_hours": ("Часы разговоров", "Время звонков с ответом."),
        "tasks_completed": ("Выполненные задачи", "Выполненные задачи и поручения, в день выполнения."),
        "hours_worked": ("Отработанные часы", "Время за работой: пока программой сотрудника пользуются."),
    },
    errors=RUSSIAN_ERRORS,
)  # fmt: skip
