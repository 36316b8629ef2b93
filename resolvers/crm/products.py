"""Products and their list prices, the estimate for deals without an amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors.user_errors import Forbidden
from domain.permissions import Action
from models.crm.pipelines import Product
from resolvers.crm.record_type import Outcome
from resolvers.request import validation
from resolvers.request.context import Context


async def save(context: Context, given: Mapping[str, Any]) -> Outcome:
    """Create or update a product by its name; the latest price replaces the earlier one."""
    if not context.viewer.may_company(Action.ADMINISTER):
        raise Forbidden("Only an administrator can change products.", "input")
    name = validation.name(given["name"], "input", "name")
    price, currency = validation.money(given["price"], (await context.company()).currency, "input", "price")
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
