"""Russian error messages, keyed by the English sentence, which stands where the error is raised.

A variable part is written `{name}` in both languages. A test checks that no sentence is missing.
"""

from __future__ import annotations

from typing import Final

from domain.i18n import russian_calendar_errors, russian_refusals

RUSSIAN_ERRORS: Final = {
    **russian_calendar_errors.RUSSIAN_CALENDAR_ERRORS,
    **russian_refusals.RUSSIAN_REFUSALS,
    # numbers, days and text
    "Give a number.": "Укажите число.",
    "Give a number from {least} to {most}.": "Укажите число от {least} до {most}.",
    "Give a whole number.": "Укажите целое число.",
    "Only a number can be written.": "Записать можно только число.",
    "This is too close to zero: give a number with fewer digits after the point.": (
        "Слишком близко к нулю: уменьшите число знаков после запятой."
    ),
    "An amount in {currency} has at most {digits} digits after the point.": (
        "В сумме в {currency} после запятой не больше {digits} знаков."
    ),
    "An amount in {currency} has no digits after the point.": "Сумма в {currency} — целое число.",
    "The amount must not be negative.": "Сумма не может быть отрицательной.",
    "A target is above zero.": "План должен быть больше нуля.",
    "A custom period needs its own days: give `start` and `end`.": (
        "Для произвольного периода нужны свои дни: укажите `start` и `end`."
    ),
    "Give the first and the last day of a custom period.": "Укажите первый и последний день произвольного периода.",
    "The last day lies before the first: swap `start` and `end`.": (
        "Последний день раньше первого: поменяйте местами `start` и `end`."
    ),
    "`start` and `end` are for kind CUSTOM: leave them out, or give `on`.": (
        "`start` и `end` — для периода CUSTOM: уберите их или укажите `on`."
    ),
    "A custom period has at most {days} days: bring `end` nearer.": (
        "В произвольном периоде не больше {days} дней: приблизьте `end`."
    ),
    "A custom period is its `start` and `end`: leave `{field}` out.": (
        "Произвольный период задают `start` и `end`: уберите `{field}`."
    ),
    "Choose a period between {first} and {last}.": "Выберите период между {first} и {last} годом.",
    "Give a day between {first} and {last}.": "Укажите день между {first} и {last} годом.",
    "Give a moment between {first} and {last}.": "Укажите время между {first} и {last} годом.",
    "These are more than {most} points: ask for a longer interval, fewer metrics or a shorter period.": (
        "Это больше {most} точек: возьмите интервал длиннее, показателей меньше или период короче."
    ),
    "These are more than {most} days: ask for a shorter period.": "Это больше {most} дней: возьмите период короче.",
    "Give an offset from {least} to {most}.": "Укажите сдвиг от {least} до {most}.",
    'Give the time with an offset, e.g. "{example}".': "Укажите время со смещением, например «{example}».",
    "This lies in the future: give a moment that has passed.": "Это в будущем: укажите прошедшее время.",
    'Give an e-mail address like "{example}".': "Укажите адрес почты вида «{example}».",
    "Take out the characters that cannot be seen: control characters and direction marks.": (
        "Уберите невидимые символы: управляющие и знаки направления письма."
    ),
    "Write something here.": "Напишите здесь что-нибудь.",
    "Shorten the e-mail address to {limit} characters.": "Сократите адрес почты до {limit} знаков.",
    "Shorten this to {limit} characters.": "Сократите до {limit} знаков.",
    'Give the currency by its ISO 4217 code, e.g. "{example}".': (
        "Укажите валюту кодом ISO 4217, например «{example}»."
    ),
    # records that do not exist
    "There is no such employee.": "Такого сотрудника нет.",
    "There is no such team.": "Такой команды нет.",
    "There is no such stage.": "Такого этапа нет.",
    "There is no such deal.": "Такой сделки нет.",
    "There is no such lead.": "Такой заявки нет.",
    "There is no such client.": "Такого клиента нет.",
    "There is no such contact.": "Такого контакта нет.",
    "There is no such call.": "Такого звонка нет.",
    "There is no such task.": "Такой задачи нет.",
    "There is no such result.": "Такого результата нет.",
    "There is no such record.": "Такой записи нет.",
    "Several records have this externalId: give the id of the one that is meant.": (
        "Этот externalId у нескольких записей: укажите id нужной."
    ),
    "There is no such goal.": "Такой цели нет.",
    "There is no such device.": "Такого устройства нет.",
    "There is no such pipeline.": "Такой воронки нет.",
    "There is no such employee, team or company.": "Такого сотрудника, команды или компании нет.",
    "There is no such metric; `metrics` lists them.": "Такого показателя нет; список даёт `metrics`.",
    "There is no such scope: give the id of a team, an employee or the company.": (
        "Такого охвата нет: укажите id команды, сотрудника или компании."
    ),
    "There is no such goal: give the ids of goals that you can see.": "Такой цели нет: укажите id видимых вам целей.",
    "There is no pipeline yet: an administrator makes one with savePipeline.": (
        "Воронки ещё нет: администратор создаёт её через savePipeline."
    ),
    "This pipeline has no such stage.": "В этой воронке нет такого этапа.",
    # permissions
    "You can see this deal, but not change it.": "Эту сделку можно смотреть, но не менять.",
    "You can see this lead, but not change it.": "Эту заявку можно смотреть, но не менять.",
    "You can see this client, but not change it.": "Этого клиента можно смотреть, но не менять.",
    "You can see this contact, but not change it.": "Этот контакт можно смотреть, но не менять.",
    "You can see this call, but not change it.": "Этот звонок можно смотреть, но не менять.",
    "You can see this task, but not change it.": "Эту задачу можно смотреть, но не менять.",
    "You can see this result, but not change it.": "Этот результат можно смотреть, но не менять.",
    "You can see this goal, but not change it.": "Эту цель можно смотреть, но не менять.",
    "Only a manager above the owner can delete this: ask them, or correct the record.": (
        "Удалить это может только руководитель: попросите его или исправьте запись."
    ),
    "You can set goals only for those below you.": "Цели можно ставить только своим подчинённым.",
    "You can record only for yourself and for those below you.": (
        "Записывать можно только за себя и за своих подчинённых."
    ),
    "Only a manager above both employees can hand this over.": "Передать запись может только тот, кто стоит над обоими сотрудниками.",
    "Only an administrator can change the company and its pipelines.": (
        "Изменять компанию и воронки может только администратор."
    ),
    "Only an administrator can make and revoke devices.": "Создавать и отзывать устройства может только администратор.",
    "Only an administrator can change people and teams.": "Изменять сотрудников и команды может только администратор.",
    "Only an administrator can change products.": "Изменять продукты может только администратор.",
    "Only directors and administrators can make metrics.": "Заводить показатели могут только директора и администраторы.",
    "Name the owner of this record: a device has no records of its own.": (
        "Укажите, чья это запись: у устройства своих записей нет."
    ),
    "A device has no profile.": "У устройства нет профиля.",
    "A device has no working hours.": "У устройства нет рабочего времени.",
    "A device stands for a team or the company.": "Устройство относится к команде или к компании.",
    # deals and other records
    "A won deal has an amount: say how much it brings in.": "У выигранной сделки должна быть сумма: укажите её.",
    "There is no exchange rate for {currency}: an administrator sets one with setExchangeRate.": (
        "Нет курса для {currency}: администратор задаёт его через setExchangeRate."
    ),
    "At the exchange rate of that day this is more than can be counted.": (
        "По курсу того дня сумма больше, чем можно учесть."
    ),
    "A deal cannot be closed before it was created.": "Сделку нельзя закрыть раньше, чем она создана.",
    "An open deal has no closing time: win or lose it, or leave this out.": (
        "У открытой сделки нет времени закрытия: выиграйте или проиграйте её либо уберите это."
    ),
    "A deal cannot be won and lost: {title}.": "Сделку нельзя и выиграть, и проиграть: {title}.",
    "There is no exchange rate for {currency}.": "Нет курса для {currency}.",
    "There is no such deal: give the ids of deals that you can see.": "Такой сделки нет: укажите id видимых вам сделок.",
    "The move cannot be before the deal was created.": "Перенос не может быть раньше создания сделки.",
    "This deal is closed: reopen it before moving it.": "Сделка закрыта: сначала откройте её снова.",
    "Record 1 to 500 deals at once.": "Записывайте от 1 до 500 сделок за раз.",
    "A call lasts from 0 to 86400 seconds.": "Длительность звонка — от 0 до 86400 секунд.",
    "This lead has been converted already.": "Эта заявка уже стала сделкой.",
    "A task cannot be completed before it was created.": "Задачу нельзя выполнить раньше, чем она создана.",
    "This externalId is taken by a record out of your reach.": "Этот externalId занят записью, которая вам недоступна.",
    "This metric is counted automatically: record results for the company's own metrics.": (
        "Этот показатель считается сам; результаты вносят только для собственных показателей компании."
    ),
    "There is a metric with this key already.": "Показатель с таким ключом уже есть.",
    "A key has 2 to 40 small Latin letters, digits and underscores, and begins with a letter.": (
        "Ключ — от 2 до 40 строчных латинских букв, цифр и подчёркиваний, первой стоит буква."
    ),
    # goals
    "There is a goal for this metric, owner and period already: change that one.": (
        "Цель по этому показателю, владельцу и периоду уже есть: измените её."
    ),
    "This goal is archived.": "Эта цель в архиве.",
    "The goal has changed in the meantime: its version is {version} now.": (
        "Цель тем временем изменилась: теперь её версия {version}."
    ),
    "A custom period cannot recur: choose a day, week, month, quarter or year.": (
        "Произвольный период не может повторяться: выберите день, неделю, месяц, квартал или год."
    ),
    # alerts
    "There is no such alert.": "Такого оповещения нет.",
    "There is no such alert rule.": "Такого правила оповещений нет.",
    "Only an administrator can manage alert rules.": "Управлять правилами оповещений может только администратор.",
    "Choose the recipients: the manager, the employee or the directors.": (
        "Укажите, кого оповещать: руководителя, сотрудника или директоров."
    ),
    "Give more than 0 and at most 100 percentage points.": "Укажите больше 0 и не больше 100 процентных пунктов.",
    "No such channel is set up on the server.": "Такой канал на сервере не настроен.",
    "A device has no inbox.": "У устройства нет входящих.",
    "`after` is unknown: read the inbox again and subscribe from its end.": (
        "`after` неизвестен: перечитайте входящие и подпишитесь с их конца."
    ),
    # company, teams and employees
    "This installation already has a company.": "В этой установке компания уже есть.",
    "The currency can change only while nothing has been counted.": (
        "Валюту можно сменить, только пока ничего не учтено."
    ),
    "Give 0 to 250 working days, or null to leave periods open.": (
        "Укажите от 0 до 250 рабочих дней или null, чтобы не закрывать периоды."
    ),
    "This is the company's own currency: its rate is 1.": "Это валюта самой компании: её курс 1.",
    "A rate is above zero, at most 1000000000, with at most 12 digits after the point.": (
        "Курс больше нуля, не больше 1000000000, не больше 12 знаков после запятой."
    ),
    "A pipeline has 1 to {most} stages.": "В воронке от 1 до {most} этапов.",
    "Two stages have the same name.": "У двух этапов одно название.",
    "Deals have been in the stage “{name}”: it has to stay.": "На этапе «{name}» были сделки: он должен остаться.",
    "Another employee has this e-mail address already.": "Этот адрес почты уже занят.",
    "This is the last administrator: make another employee one first.": (
        "Это последний администратор: сначала назначьте другого."
    ),
    "A team cannot stand below itself.": "Команда не может подчиняться сама себе.",
    "An employee cannot be their own manager, directly or indirectly.": (
        "Никто не может быть руководителем самого себя, даже через других."
    ),
    "Give a web address that begins with https://.": "Укажите веб-адрес, который начинается с https://.",
    "Choose a language: {languages}.": "Выберите язык: {languages}.",
    "Give a minute of the day, 0 to 1439.": "Укажите минуту суток, от 0 до 1439.",
    # sign-in and idempotency keys
    "The e-mail or the password is wrong.": "Неверный адрес почты или пароль.",
    "The current password is wrong.": "Текущий пароль неверен.",
    "A device has no sessions: revoke it.": "У устройства нет сеансов: отзовите его.",
    "There is no such session.": "Такого сеанса нет.",
    "A password has {least} to {most} characters.": "В пароле от {least} до {most} знаков.",
    "This is one of the most common passwords: choose another, such as several words.": (
        "Это один из самых частых паролей: выберите другой, например из нескольких слов."
    ),
    "This password consists of names that others can guess: choose another, such as several words.": (
        "Пароль состоит из имён и названий, которые легко угадать: выберите другой, например из нескольких слов."
    ),
    "Too many wrong passwords or tokens: wait and try again.": (
        "Слишком много неверных паролей или токенов: подождите и повторите."
    ),
    "Too many wrong passwords for this account: sign in on a device or in a network that was used before, or ask an "
    "administrator to unlock it.": (
        "Слишком много неверных паролей для этой учётной записи: войдите с устройства или из сети, откуда уже входили, "
        "или попросите администратора разблокировать вход."
    ),
    "Too many requests for a new password: wait and try again.": (
        "Слишком много запросов нового пароля: подождите и повторите."
    ),
    "This link is not valid any more: ask for a new one.": "Ссылка больше не действует: запросите новую.",
    "This server sends no mail: ask an administrator for a link.": (
        "Этот сервер не отправляет почту: попросите ссылку у администратора."
    ),
    "This employee is not active: activate them first.": "Этот сотрудник не активен: сначала активируйте его.",
    "Give the employee an e-mail address first: they sign in with it.": (
        "Сначала укажите адрес почты сотрудника: с ним он входит."
    ),
    "Sign in first: send an access token as `Authorization: Bearer …`.": (
        "Сначала войдите: передайте токен доступа как `Authorization: Bearer …`."
    ),
    "The results of this subscription take too much memory: select fewer fields, or a smaller scope.": (
        "Результаты этой подписки занимают слишком много памяти: выберите меньше полей или меньший охват."
    ),
    "Send an access token as `Authorization: Bearer …`.": "Передайте токен доступа как `Authorization: Bearer …`.",
    "The access token has expired: refresh the session.": "Срок токена доступа истёк: обновите сессию.",
    "This refresh token is not valid: sign in again.": "Этот токен обновления не действует: войдите снова.",
    "This token is not valid: sign in again.": "Этот токен не действует: войдите снова.",
    "An idempotency key has 1 to 200 printable characters.": ("В ключе идемпотентности от 1 до 200 печатных знаков."),
    "This idempotency key was used with another input: take a new one.": (
        "Этот ключ идемпотентности уже использован с другими данными: возьмите новый."
    ),
    # queries: pagination, cursors and limits
    "first must be 1 to {most}.": "first — от 1 до {most}.",
    "last must be 1 to {most}.": "last — от 1 до {most}.",
    "Give either first or last, not both.": "Укажите либо first, либо last, но не оба.",
    "{argument} is not a cursor of this list.": "{argument} — не курсор этого списка.",
    "`after` is unknown: read the feed again and subscribe from its end.": (
        "`after` неизвестен: перечитайте историю и подпишитесь с её конца."
    ),
    "`after` is unknown: subscribe without it.": "`after` неизвестен: подпишитесь без него.",
    "The database was restored from an earlier time: read the list again and subscribe without `after`.": (
        "База данных восстановлена на более раннее время: перечитайте список и подпишитесь без `after`."
    ),
    "This contains characters that cannot be stored: take out null characters and halves of emoji.": (
        "Здесь символы, которые нельзя сохранить: уберите нулевые символы и половинки эмодзи."
    ),
    "This number is too long.": "Это число слишком длинное.",
    "This is not a finite number.": "Это не конечное число.",
    "Line {line} of the document: {wrong}": "Строка {line} документа: {wrong}",
    "Send fewer values: at most {most} in all variables together.": (
        "Пришлите меньше значений: не больше {most} во всех переменных вместе."
    ),
    "The variables are nested too deep: at most {most} levels.": (
        "Переменные вложены слишком глубоко: не больше {most} уровней."
    ),
    "Ask for less at once: {actual} {what}, where at most {limit} are accepted.": (
        "Запросите меньше за раз: {what} — {actual}, принимается не больше {limit}."
    ),
    "bytes of the document": "байтов документа",
    "tokens in the document (or more)": "лексем в документе (или больше)",
    "operations in the document": "операций в документе",
    "operations and fragments in the document": "операций и фрагментов в документе",
    "variables of one operation": "переменных одной операции",
    "root fields": "корневых полей",
    "rows (pages multiplied)": "строк (страницы перемножаются)",
    "fields within each other": "вложенных полей",
    "fields of the schema within each other": "вложенных полей схемы",
    "fields (fragments spread out)": "полей (вместе с фрагментами)",
    "aliases (fragments spread out)": "псевдонимов (вместе с фрагментами)",
    "directives (fragments spread out)": "директив (вместе с фрагментами)",
    "selections within each other (fragments included)": "вложенных выборок (вместе с фрагментами)",
    "The document has no operation with this `operationName`.": "В документе нет операции с таким `operationName`.",
    "The document has no operation: send a query, mutation or subscription.": (
        "В документе нет операции: пришлите запрос, мутацию или подписку."
    ),
    "The document has several operations: name one as `operationName`.": (
        "В документе несколько операций: назовите одну в `operationName`."
    ),
    "One socket runs at most {most} operations: complete one first, or open another.": (
        "На одном сокете не больше {most} операций: завершите одну или откройте ещё один сокет."
    ),
    # values of variables
    "Variable '${name}' has invalid value at {where}: {wrong}": "Переменная ${name}, {where}: {wrong}",
    "Variable '${name}' has invalid value: {wrong}": "Переменная ${name}: {wrong}",
    'A Decimal is a text like "{example}" or an integer.': "Decimal — текст вида «{example}» или целое число.",
    "This Decimal is beyond what can be stored: at most 30 digits on either side of the point.": (
        "Такое Decimal не сохранить: не больше 30 цифр с каждой стороны запятой."
    ),
    'A DateTime has an offset, like "{example}".': "DateTime указывают со смещением, например «{example}».",
    'There is no such moment: a DateTime is like "{example}", seconds 0 to 59.': (
        "Такого времени нет: DateTime имеет вид «{example}», секунды от 0 до 59."
    ),
    'A Date is like "{example}".': "Date имеет вид «{example}».",
    'There is no such day: a Date is like "{example}".': "Такого дня нет: Date имеет вид «{example}».",
    # HTTP and WebSocket requests
    "The body must be a JSON object with a string `query`.": "Тело запроса — объект JSON со строкой `query`.",
    "The body must be a JSON object with a string `query`: this is not JSON.": (
        "Тело запроса — объект JSON со строкой `query`, а это не JSON."
    ),
    "The body must be a JSON object with a string `query`; `operationName` is a string.": (
        "Тело запроса — объект JSON со строкой `query`; `operationName` — строка."
    ),
    "The body must be a JSON object with a string `query`; `variables` and `extensions` are objects.": (
        "Тело запроса — объект JSON со строкой `query`; `variables` и `extensions` — объекты."
    ),
    "The body took too long to arrive.": "Тело запроса шло слишком долго.",
    "A body has at most {most} bytes.": "В теле запроса не больше {most} байт.",
    "An address has at most {most} bytes: send the query by POST.": (
        "В адресе не больше {most} байт: пришлите запрос методом POST."
    ),
    "`{key}` in the address must be a JSON object.": "`{key}` в адресе — объект JSON.",
    "Send the request as `Content-Type: {kind}`.": "Пришлите запрос с `Content-Type: {kind}`.",
    "Accept one of {one} and {other}.": "Укажите в Accept {one} или {other}.",
    "Use one of {methods}.": "Используйте один из методов {methods}.",
    "Mutations are sent by POST.": "Мутации присылают методом POST.",
    "Subscriptions run over a WebSocket at this address, by the protocol {protocol}.": (
        "Подписки идут через WebSocket по этому адресу, по протоколу {protocol}."
    ),
    # operational errors
    "There is no company yet: run `./run setup` on the server first.": (
        "Компании ещё нет: сначала выполните `./run setup` на сервере."
    ),
    "This took too long and was given up: ask for less, or try again later.": (
        "Запрос выполнялся слишком долго и был прерван: запросите меньше или повторите позже."
    ),
    "Something failed on our side. It is in the log under this request id.": (
        "Ошибка на нашей стороне. В журнале она записана под этим id запроса."
    ),
    "The database cannot be reached at the moment: try again in a few seconds.": (
        "База данных сейчас недоступна: повторите через несколько секунд."
    ),
    "The database is busy with other writes: try again in a few seconds.": (
        "База данных занята другими записями: повторите через несколько секунд."
    ),
    "Too many batches are being recorded: send this one again later.": (
        "Сейчас записывается слишком много пакетов: пришлите этот позже."
    ),
    "A value is too large or too long to be stored: shorten it.": (
        "Значение слишком большое или слишком длинное, чтобы его сохранить: сократите его."
    ),
    "There is no room left to store anything: tell the administrator of the server.": (
        "Места для записи не осталось: сообщите администратору сервера."
    ),
}
