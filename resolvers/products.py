"""Products and their list prices: the best known amount of a deal that has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.access import Action
from domain.refusals import Forbidden
from models.pipelines import Product
from resolvers import inputs
from resolvers.context import Context
from resolvers.keeping import Outcome


async def save(context: Context, given: Mapping[str, Any]) -> Outcome:
    """Keep a product's list price by its name; the last one given holds."""
    if not context.viewer.may_company(Action.ADMINISTER):
        raise Forbidden("Only an administrator can change products.", "input")
    name = inputs.name(given["name"], "input", "name")
    price, currency = inputs.money(given["price"], (await context.company()).currency, "input", "price")
    product = await Product.get_or_none(name=name)
    if product is None:
        await Product.create(name=name, price=price, currency=currency)
    elif (product.price, product.currency) != (price, currency):
        product.price, product.currency = price, currency
        await product.save()
    else:
        return Outcome.UNCHANGED
    context.announce("company")
    return Outcome.NEW if product is None else Outcome.CHANGED
