"""The headers under which exports have the fields of each kind, in English and Russian.

They are written as `header_matching.normalize_header` returns them: small letters, single spaces, no signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ID: Final = (
    "id",
    "record id",
    "external id",
    "number",
    "no",
    "nr",
    "uid",
    "guid",
    "ид",
    "идентификатор",
    "номер",
    "код",
    "№",
)
_OWNER: Final = (
    "owner",
    "owner name",
    "responsible",
    "responsible person",
    "responsible user",
    "assigned to",
    "assignee",
    "assigned user",
    "seller",
    "sales person",
    "salesperson",
    "sales rep",
    "rep",
    "sales agent",
    "agent",
    "manager",
    "account manager",
    "sales manager",
    "employee",
    "user",
    "ответственный",
    "ответственный сотрудник",
    "ответственный менеджер",
    "ответственный пользователь",
    "ответственное лицо",
    "менеджер",
    "продавец",
    "владелец",
    "сотрудник",
    "исполнитель",
    "менеджер по продажам",
)
_CLIENT: Final = (
    "client",
    "client name",
    "customer",
    "customer name",
    "company",
    "company name",
    "account",
    "account name",
    "organization",
    "organisation",
    "organization name",
    "associated company",
    "buyer",
    "клиент",
    "название клиента",
    "наименование клиента",
    "компания",
    "название компании",
    "организация",
    "название организации",
    "контрагент",
    "заказчик",
    "покупатель",
)
_CREATED: Final = (
    "created",
    "created at",
    "created on",
    "created date",
    "created time",
    "creation date",
    "create date",
    "date created",
    "date added",
    "added",
    "start date",
    "opened",
    "создан",
    "создана",
    "создано",
    "дата создания",
    "дата и время создания",
    "дата добавления",
    "дата открытия",
    "дата начала",
    "когда создана",
    "когда создан",
)
_EMAIL: Final = ("email", "e mail", "mail", "email address", "work email", "почта", "электронная почта", "эл почта", "e mail рабочий", "рабочий email", "рабочий e mail")  # fmt: skip
_PHONE: Final = ("phone", "phone number", "mobile", "mobile phone", "telephone", "tel", "work phone", "телефон", "номер телефона", "мобильный телефон", "мобильный", "рабочий телефон", "тел")  # fmt: skip
_CURRENCY: Final = ("currency", "currency code", "валюта", "код валюты")
_TITLE: Final = ("title", "name", "subject", "topic", "название", "наименование", "тема", "заголовок", "имя")
_NAME: Final = ("name", "full name", "title", "имя", "фио", "полное имя", "название", "наименование")
_STAGE: Final = (
    "stage",
    "step",
    "phase",
    "pipeline stage",
    "стадия",
    "этап",
    "этап воронки",
    "стадия воронки",
    "этап продажи",
)
_REASON: Final = (
    "reason",
    "loss reason",
    "lost reason",
    "closed lost reason",
    "reason lost",
    "причина",
    "причина отказа",
    "причина проигрыша",
    "причина потери",
    "причина провала",
)
_AMOUNT: Final = (
    "amount",
    "value",
    "sum",
    "total",
    "budget",
    "price",
    "revenue",
    "sale",
    "deal size",
    "total amount",
    "сумма",
    "бюджет",
    "стоимость",
    "цена",
    "выручка",
    "итого",
    "сумма продажи",
)
_FROM: Final = (
    "from",
    "start",
    "start date",
    "since",
    "first day",
    "begin",
    "с",
    "начало",
    "дата начала",
    "от",
    "с даты",
    "первый день",
)
_TO: Final = (
    "to",
    "end",
    "end date",
    "until",
    "last day",
    "по",
    "до",
    "конец",
    "окончание",
    "дата окончания",
    "по дату",
    "последний день",
)
_TEAM: Final = ("team", "department", "group", "office", "команда", "отдел", "группа", "подразделение", "офис")

HEADERS_BY_KIND: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "teams": {
        "id": _ID, "name": (*_NAME, *_TEAM), "parent": ("parent", "parent team", "part of", "вышестоящий отдел", "входит в", "родитель"),
        "manager": ("manager", "head", "lead", "team lead", "руководитель", "начальник", "менеджер"),
    },
    "people": {
        "id": (*_ID, "employee number", "табельный номер"), "name": (*_NAME, "employee", "сотрудник"), "email": (*_EMAIL, "login", "логин"),
        "role": ("role", "роль"), "active": ("active", "is active", "активен", "активный", "работает"),
        "manager": ("manager", "supervisor", "boss", "reports to", "руководитель", "начальник"), "team": _TEAM,
        "joined": ("joined", "joined on", "hire date", "hired", "date of hire", "дата приема", "дата найма", "принят", "дата приема на работу"),
        "left": ("left", "left on", "termination date", "leave date", "last working day", "дата увольнения", "уволен", "последний рабочий день"),
    },
    "transfers": {"owner": _OWNER, "team": _TEAM, "from": _FROM},
    "absences": {
        "id": _ID, "owner": _OWNER, "from": _FROM, "to": _TO,
        "kind": ("kind", "type", "absence", "absence type", "вид", "тип", "вид отсутствия", "тип отсутствия", "причина отсутствия"),
    },
    "products": {
        "name": (*_NAME, "product", "product name", "item", "товар", "продукт", "номенклатура", "услуга"),
        "price": ("price", "unit price", "list price", "sales price", "цена", "цена за единицу", "розничная цена", "стоимость"),
        "currency": _CURRENCY,
    },
    "clients": {
        "id": _ID, "name": (*_NAME, *_CLIENT), "owner": _OWNER, "email": _EMAIL, "phone": _PHONE, "created": _CREATED,
    },
    "contacts": {
        "id": _ID, "name": (*_NAME, "contact", "contact name", "person", "контакт", "контактное лицо"), "owner": _OWNER,
        "client": _CLIENT, "email": _EMAIL, "phone": _PHONE, "created": _CREATED,
    },
    "leads": {
        "id": _ID, "title": (*_TITLE, "lead", "лид"), "owner": _OWNER, "client": _CLIENT,
        "source": ("source", "lead source", "channel", "источник", "канал", "источник лида"),
        "contact": ("contact", "contact name", "contact person", "контакт", "контактное лицо"), "phone": _PHONE, "email": _EMAIL,
        "status": ("status", "статус", *_STAGE), "reason": _REASON, "created": _CREATED,
    },
    "deals": {
        "id": _ID, "title": (*_TITLE, "deal", "opportunity", "сделка"), "owner": _OWNER, "client": _CLIENT,
        "product": ("product", "product name", "item", "товар", "продукт", "услуга"),
        "pipeline": ("pipeline", "funnel", "sales pipeline", "воронка", "воронка продаж", "направление"), "stage": _STAGE,
        "status": ("status", "state", "outcome", "result", "статус", "состояние", "результат", "исход"), "amount": _AMOUNT,
        "cost": ("cost", "costs", "cost price", "себестоимость", "затраты"), "currency": _CURRENCY, "created": _CREATED,
        "closed": (
            "closed", "closed at", "closed on", "closed date", "close date", "closing date", "date closed", "end date",
            "закрыт", "закрыта", "закрыто", "дата закрытия", "дата завершения", "дата и время закрытия", "завершена",
        ),
        "won": ("won", "won at", "won time", "won date", "date won", "won on", "дата выигрыша", "время выигрыша", "дата победы"),
        "lost": ("lost", "lost at", "lost time", "lost date", "date lost", "lost on", "дата проигрыша", "время проигрыша"),
        "expected": (
            "expected", "expected close date", "expected close", "expected closing date", "estimated close date", "forecast close date",
            "planned close date", "предполагаемая дата закрытия", "ожидаемая дата закрытия", "плановая дата закрытия",
            "планируемая дата закрытия", "прогнозная дата закрытия", "ожидаемое закрытие",
        ),
        "reason": _REASON,
    },
    "visits": {
        "deal": ("deal", "deal id", "deal name", "opportunity", "opportunity id", "сделка", "id сделки", "номер сделки"), "stage": (*_STAGE, "to stage", "new stage", "новая стадия", "новый этап"),
        "pipeline": ("pipeline", "funnel", "воронка"),
        "entered": (
            "entered", "entered at", "entered on", "entered stage", "date entered", "date entered stage", "stage entered", "moved at",
            "changed at", "дата перехода", "дата входа", "дата смены стадии", "дата смены этапа", "переход",
        ),
    },
    "calls": {
        "id": _ID, "owner": _OWNER, "direction": ("direction", "call type", "type", "направление", "тип", "тип звонка", "вид звонка"),
        "outcome": ("outcome", "result", "status", "результат", "статус", "итог"),
        "started": ("started", "started at", "start time", "call time", "call date", "date", "time", "дата", "время", "дата и время", "дата звонка", "начало", "время звонка", "время начала"),
        "seconds": ("seconds", "duration", "duration seconds", "duration s", "call duration", "длительность", "секунд", "длительность сек", "продолжительность"),
        "client": _CLIENT, "deal": ("deal", "сделка"), "note": ("note", "notes", "comment", "заметка", "комментарий", "примечание"),
    },
    "tasks": {
        "id": _ID, "title": (*_TITLE, "task", "задача", "activity", "дело"), "owner": _OWNER,
        "kind": ("kind", "type", "task type", "тип", "вид", "тип задачи"),
        "due": ("due", "due date", "deadline", "due at", "срок", "крайний срок", "дедлайн", "срок выполнения", "выполнить до"),
        "created": _CREATED,
        "completed": ("completed", "completed at", "done", "done at", "finished", "completion date", "marked as done time", "завершена", "дата завершения", "выполнена", "дата выполнения"),
        "client": _CLIENT, "deal": ("deal", "сделка"),
    },
    "goals": {
        "name": _NAME, "owner": (*_OWNER, *_TEAM, "who", "кто"),
        "metric": ("metric", "kpi", "measure", "показатель", "метрика"),
        "target": ("target", "goal", "plan", "quota", "план", "цель", "норма", "квота"), "currency": _CURRENCY,
        "period": ("period", "month", "quarter", "период", "месяц", "квартал"), "from": _FROM, "to": _TO,
    },
}  # fmt: skip

# The words by which a header or file name speaks of the records of a kind: "Deal owner", "Название сделки", "clients.csv".
ENTITY_WORDS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(words.split())
    for kind, words in {
        "teams": "team teams department departments команда команды отдел отдела отделы отделов",
        "people": "employee employees people person staff user users сотрудник сотрудника сотрудники сотрудников",
        "transfers": "transfer transfers membership memberships перевод переводы переводов",
        "absences": "absence absences vacation vacations отсутствие отсутствия отпуск отпуска отпусков",
        "products": "product products товар товара товары товаров продукт продукта продукты price прайс",
        "clients": "client clients customer customers company companies account accounts organization organizations клиент "
        "клиента клиенты клиентов компания компании компаний контрагент контрагента контрагенты организация организации",
        "contacts": "contact contacts person persons контакт контакта контакты контактов",
        "leads": "lead leads лид лида лиды лидов",
        "deals": "deal deals opportunity opportunities opp сделка сделки сделок продажа продажи",
        "visits": "history visits история истории",
        "calls": "call calls звонок звонка звонки звонков",
        "tasks": "task tasks activity activities задача задачи задач дело дела",
        "goals": "goal goals target targets quota quotas plan план планы цель цели целей",
    }.items()
}
FIRST_NAMES: Final = ("first name", "given name", "имя")
LAST_NAMES: Final = ("last name", "surname", "family name", "фамилия")

# Words of cells whose meaning is certain. What a stage or status of a deal means is never guessed.
CELL_WORDS: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    ("calls", "direction"): {
        "in": "inbound", "incoming": "inbound", "входящий": "inbound", "out": "outbound", "outgoing": "outbound",
        "исходящий": "outbound",
    },
    ("absences", "kind"): {"отпуск": "vacation", "holiday": "vacation", "больничный": "sick", "sick leave": "sick"},
}  # fmt: skip
CURRENCY_SIGNS: Final[Mapping[str, str]] = {"€": "EUR", "₽": "RUB", "₸": "KZT", "₴": "UAH", "₹": "INR"}
