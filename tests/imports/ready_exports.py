"""Small exports of the systems with a built-in map, of several years and languages, made after the vendors' documents.

Each has a won deal, an open one and a lost one; the built-in map is found by itself.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class ReadyExport(NamedTuple):
    """An export: the map that reads it, the name of its file, and its content."""

    map_name: str
    file_name: str
    content: str
    encoding: str = "utf-8"


BITRIX24_RU_2018: Final = """\
"ID";"Название";"Стадия сделки";"Тип";"Вероятность";"Валюта";"Сумма";"Компания";"Контакт";"Ответственный";"Дата создания";\
"Дата завершения";"Кем создана";"Дата изменения";"Комментарий"
"1";"Мебель";"Сделка успешна";"Продажа";"100";"Российский рубль";"150000.50";"Ромашка";"";"Анна Серова";\
"12.01.2026 10:15:00";"20.02.2026";"Анна Серова";"20.02.2026 10:00:00";"да"
"2";"Стулья";"В работе";"Продажа";"50";"Российский рубль";"30000";"";"Пётр Ким";"Анна Серова";"01.02.2026 09:00:00";\
"30.12.2026";"Анна Серова";"01.02.2026 09:00:00";""
"3";"Столы";"Сделка провалена";"Продажа";"0";"Российский рубль";"7";"Ромашка";"";"Анна Серова";"03.02.2026 12:00:00";\
"04.02.2026";"Анна Серова";"04.02.2026 12:00:00";""
"""
BITRIX24_RU_CLIENT_COLUMNS: Final = """\
"ID";"Воронка";"Стадия";"Название сделки";"Компания: Название компании";"Контакт: Имя";"Сумма";"Валюта";"Ответственный";\
"Дата создания";"Предполагаемая дата закрытия";"Источник"
"1";"Опт";"Сделка успешна";"Мебель";"Ромашка";"Пётр";"150000,50";"Рубль";"Анна Серова";"12.01.2026 10:15";"20.02.2026";"Звонок"
"2";"Опт";"Новая";"Стулья";"";"Пётр";"30000";"Рубль";"Анна Серова";"01.02.2026 09:00";"30.12.2026";"Сайт"
"3";"Опт";"Анализ причины провала";"Столы";"";"";"7";"Рубль";"Анна Серова";"03.02.2026 12:00";"04.02.2026";"Сайт"
"""
BITRIX24_EN: Final = """\
"ID";"Deal Name";"Pipeline";"Stage";"Type";"Total";"Currency";"Company";"Contact";"Responsible person";"Created on";"End date";\
"Available to everyone";"Source"
"1";"Desks";"General";"Deal won";"Sale";"150000.50";"US Dollar";"Globex";"";"Ann Lee";"01/12/2026 10:15:00 am";"02/20/2026";"yes";"Call"
"2";"Chairs";"General";"In progress";"Sale";"30000";"US Dollar";"";"Bob Ray";"Ann Lee";"02/01/2026 09:00:00 am";"12/30/2026";"yes";"Web"
"3";"Tables";"General";"Deal lost";"Sale";"7";"US Dollar";"";"";"Ann Lee";"02/03/2026 12:00:00 pm";"02/04/2026";"yes";"Web"
"""
AMOCRM_RU_2017: Final = """\
"ID";"Тип";"Название сделки";"Компания контакта";"Основной контакт";"Ответственный";"Статус сделки";"Бюджет";"Дата создания";\
"Кем создана";"Дата редактирования";"Теги";"Дата закрытия"
"1";"Сделка";"Кофе";"Кофейня";"Иван";"Анна Серова";"Успешно реализовано";"120000";"10.01.2026 11:00:00";"Анна Серова";\
"15.01.2026 18:30:00";"опт";"15.01.2026 18:30:00"
"2";"Сделка";"Чай";"";"Иван";"Анна Серова";"Переговоры";"5";"11.01.2026 11:00:00";"Анна Серова";"11.01.2026 11:00:00";"";"не закрыта"
"3";"Сделка";"Сахар";"";"";"Анна Серова";"Закрыто и не реализовано";"7";"12.01.2026 11:00:00";"Анна Серова";\
"13.01.2026 10:00:00";"";"13.01.2026 10:00:00"
"""
AMOCRM_RU_2024: Final = """\
ID,Тип,Название сделки,Основной контакт,Компания контакта,Ответственный,Этап сделки,Воронка,"Бюджет, ₽",Дата создания сделки,\
Кем создана сделка,Дата редактирования,Теги сделки,Дата закрытия,Примечание 1,Рабочий телефон
1,Сделка,Кофе,Иван,Кофейня,Анна Серова,Успешно реализовано,Опт,120000,10.01.2026 11:00:00,Анна Серова,15.01.2026 18:30:00,,15.01.2026 18:30:00,,'79990001122
2,Сделка,Чай,Иван,,Анна Серова,Переговоры,Опт,5,11.01.2026 11:00:00,Анна Серова,11.01.2026 11:00:00,,не закрыта,,
3,Сделка,Сахар,,,Анна Серова,Закрыто и не реализовано,Опт,7,12.01.2026 11:00:00,Анна Серова,13.01.2026 10:00:00,,13.01.2026 10:00:00,,
"""
KOMMO_EN: Final = """\
ID,Type,Lead title,Main contact,Contact's company,Responsible user,Lead status,Pipeline,Sale,Created at,Created by,Last modified,\
Modified by,Lead tags,Closed at,Note 1
1,Lead,Coffee,Ivan,Cafe,Ann Lee,Closed - won,Retail,120000,10.01.2026 11:00:00,Ann Lee,15.01.2026 18:30:00,Ann Lee,,15.01.2026 18:30:00,
2,Lead,Tea,Ivan,,Ann Lee,Negotiation,Retail,5,11.01.2026 11:00:00,Ann Lee,11.01.2026 11:00:00,Ann Lee,,not closed,
3,Lead,Sugar,,,Ann Lee,Closed - lost,Retail,7,12.01.2026 11:00:00,Ann Lee,13.01.2026 10:00:00,Ann Lee,,13.01.2026 10:00:00,
"""
HUBSPOT_2019: Final = """\
Deal ID,Deal Name,Deal Stage,Pipeline,Amount,Close Date,Create Date,Deal owner,Associated Company,Last Activity Date,Days to close
1,Website,Closed Won,Sales Pipeline,"12,500.00",2026-03-02 14:05,2026-02-01 09:30,Ann Lee,Globex,2026-03-01 09:30,29
2,Support,Contract Sent,Sales Pipeline,800,2026-12-24 12:00,2026-02-02 09:30,Ann Lee,,,
3,Audit,Closed Lost,Sales Pipeline,7,2026-03-03 10:00,2026-02-03 09:30,Ann Lee,Globex,,28
"""
HUBSPOT_2024: Final = """\
Record ID,Deal Name,Deal Stage,Pipeline,Amount,Currency,Close Date,Create Date,Deal owner,Associated Company (Primary),\
Associated Company IDs (Primary),Associated Contact,Closed Lost Reason,Deal Type
1,Website,Closed Won (Sales Pipeline),Sales Pipeline,12500,EUR,2026-03-02 14:05,2026-02-01 09:30,Ann Lee,Globex,77,Bob Ray,,newbusiness
2,Support,Contract Sent (Sales Pipeline),Sales Pipeline,800,EUR,2026-12-24 12:00,2026-02-02 09:30,Ann Lee,,,Bob Ray,,newbusiness
3,Audit,Closed Lost (Sales Pipeline),Sales Pipeline,7,EUR,2026-03-03 10:00,2026-02-03 09:30,Ann Lee,,,,Too dear,newbusiness
"""
HUBSPOT_RU: Final = """\
ID записи,Название сделки,Этап сделки,Воронка,Сумма,Дата закрытия,Дата создания,Владелец сделки,Связанная компания
1,Сайт,Closed Won,Продажи,12500,2026-03-02 14:05,2026-02-01 09:30,Анна Серова,Ромашка
2,Поддержка,Contract Sent,Продажи,800,2026-12-24 12:00,2026-02-02 09:30,Анна Серова,
3,Аудит,Closed Lost,Продажи,7,2026-03-03 10:00,2026-02-03 09:30,Анна Серова,
"""
PIPEDRIVE_2018: Final = """\
Deal - ID,Deal - Title,Deal - Creator,Deal - Owner,Deal - Value,Deal - Currency of Value,Deal - Organization,Deal - Contact person,\
Deal - Pipeline,Deal - Stage,Deal - Status,Deal - Deal created,Deal - Update time,Deal - Won time,Deal - Lost time,Deal - Lost reason
1,Crane,Ann Lee,Ann Lee,"1,250,000",EUR,Globex,Bob Ray,Machines,Offer Made,Won,2026-01-05 08:00:00,2026-04-01 12:00:00,2026-04-01 12:00:00,,
2,Lift,Ann Lee,Ann Lee,400,EUR,,Bob Ray,Machines,Qualified,Open,2026-01-06 08:00:00,2026-01-06 08:00:00,,,
3,Digger,Ann Lee,Ann Lee,7,EUR,,,Machines,Qualified,Lost,2026-01-07 08:00:00,2026-05-01 12:00:00,,2026-05-01 12:00:00,Too late
"""
PIPEDRIVE_2025: Final = """\
Deal - System ID,Deal - Title,Deal - Value,Deal - Currency of value,Deal - Owner,Organization - Name,Deal - Stage (pipeline),\
Deal - Status,Deal - Creation date,Deal - Closed on,Deal - Expected close date,Deal - Labels,Deal - Probability
1,Crane,1250000,EUR,Ann Lee,Globex,Offer Made,Won,2026-01-05 08:00:00,2026-04-01 12:00:00,,,
2,Lift,400,EUR,Ann Lee,,Qualified,Open,2026-01-06 08:00:00,,2026-12-01,,
3,Digger,7,EUR,Ann Lee,,Qualified,Lost,2026-01-07 08:00:00,2026-05-01 12:00:00,,,
"""
PIPEDRIVE_RU: Final = """\
Сделка - Идентификатор,Сделка - Название,Сделка - Сумма,Сделка - Валюта,Сделка - Владелец,Сделка - Организация,Сделка - Этап,\
Сделка - Статус,Сделка - Сделка создана,Сделка - Время выигрыша,Сделка - Время проигрыша
1,Кран,1250000,EUR,Анна Серова,Ромашка,Предложение,Выиграно,2026-01-05 08:00:00,2026-04-01 12:00:00,
2,Лифт,400,EUR,Анна Серова,,Контакт,Открыто,2026-01-06 08:00:00,,
3,Насос,7,EUR,Анна Серова,,Контакт,Проиграно,2026-01-07 08:00:00,,2026-05-01 12:00:00
"""
SALESFORCE_CLASSIC: Final = """\
"Opportunity ID","Opportunity Name","Type","Lead Source","Amount","Close Date","Next Step","Stage","Probability (%)","Fiscal Period",\
"Age","Created Date","Opportunity Owner","Owner Role","Account Name"
"0061","Crane","New","Web","1,250.50","12/31/2025","","Closed Won","100","Q4-2025","20","12/11/2025","Ann Lee","Rep","Globex"
"0062","Lift","New","Web","400.00","12/24/2026","","Proposal/Price Quote","75","Q4-2026","20","1/13/2026","Ann Lee","Rep","Initech"
"0063","Digger","New","Web","7.00","2/14/2026","","Closed Lost","0","Q1-2026","20","1/14/2026","Ann Lee","Rep","Initech"




"Grand Totals (3 records)"

"Confidential Information - Do Not Distribute"
"Copyright (c) 2000-2026 salesforce.com, inc. All rights reserved."
"""
SALESFORCE_LIGHTNING: Final = """\
Opportunity ID,Opportunity Name,Opportunity Owner,Account Name: Account Name,Stage,Amount Currency,Amount,Created Date,Close Date
0061,Crane,Ann Lee,Globex,Closed Won,EUR,1250.50,11/12/2025,31/12/2025
0062,Lift,Ann Lee,,Negotiate,EUR,400,13/01/2026,24/12/2026
0063,Digger,Ann Lee,,Closed Lost,EUR,7,14/01/2026,14/02/2026
Total,,,,,EUR,1657.50,,
"""
SALESFORCE_RU: Final = """\
Идентификатор возможности;Название возможности;Ответственный за возможность;Название организации;Стадия;Сумма;Дата создания;Дата закрытия;Вероятность (%)
0061;Кран;Анна Серова;Ромашка;Закрыто, выиграно;1250,50;11.12.2025;31.12.2025;100
0062;Лифт;Анна Серова;Лилия;Квалификация;400,00;13.01.2026;24.12.2026;10
0063;Насос;Анна Серова;Лилия;Закрыто, проиграно;7,00;14.01.2026;14.02.2026;0
Общие итоги (3 записи)
Конфиденциальная информация - не распространять
"""

EXPORTS: Final = {
    "Bitrix24 of 2018 in cp1251": ReadyExport("bitrix24", "DEAL_20260301.csv", BITRIX24_RU_2018, "cp1251"),
    "Bitrix24 with columns of the client": ReadyExport("bitrix24", "DEAL.csv", "\ufeff" + BITRIX24_RU_CLIENT_COLUMNS),
    "Bitrix24 in English": ReadyExport("bitrix24", "deals.csv", BITRIX24_EN),
    "amoCRM of 2017": ReadyExport("amocrm", "amocrm_export_leads.csv", AMOCRM_RU_2017, "cp1251"),
    "amoCRM of 2024": ReadyExport("amocrm", "amocrm_export_leads_2026.csv", "\ufeff" + AMOCRM_RU_2024),
    "Kommo": ReadyExport("amocrm", "kommo_export_leads.csv", KOMMO_EN),
    "HubSpot of 2019": ReadyExport("hubspot", "hubspot-crm-exports-all-deals.csv", HUBSPOT_2019),
    "HubSpot of 2024": ReadyExport("hubspot", "all-deals.csv", HUBSPOT_2024),
    "HubSpot in Russian": ReadyExport("hubspot", "сделки.csv", HUBSPOT_RU),
    "Pipedrive of 2018": ReadyExport("pipedrive", "deals-1.csv", PIPEDRIVE_2018),
    "Pipedrive of 2025": ReadyExport("pipedrive", "deals-2.csv", PIPEDRIVE_2025),
    "Pipedrive in Russian": ReadyExport("pipedrive", "сделки.csv", PIPEDRIVE_RU),
    "Salesforce Classic": ReadyExport("salesforce", "report1700000000000.csv", SALESFORCE_CLASSIC, "latin-1"),
    "Salesforce Lightning": ReadyExport("salesforce", "report1700000000001.csv", SALESFORCE_LIGHTNING),
    "Salesforce in Russian": ReadyExport("salesforce", "отчет.csv", SALESFORCE_RU),
}
