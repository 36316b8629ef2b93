"""Format of a test export of deals, and its import map."""

SEPARATOR, DAY = ";", "%d.%m.%Y"
MAP = f"""
currency = "EUR"
[[file]]
pattern = "*.csv"
kind = "deals"
separator = "{SEPARATOR}"
dates = ["{DAY}"]
[file.columns]
id = "number"
title = "title"
owner = "seller"
client = "client"
stage = "stage"
created = "created"
closed = "closed"
amount = "amount"
[file.stages]
Offer = "open"
Won = "won"
Lost = "lost"
[file.unknown]
stage = "reject"
"""
COLUMNS = ("number", "title", "seller", "client", "stage", "created", "closed", "amount")
