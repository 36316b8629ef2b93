"""Products and their list prices, the estimate for deals without an amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors.user_errors import Forbidden
from domain.permissions import Action
from models.crm.pipelines import Product
from resolvers.crm.record_type import ImportOutcome
from resolvers.request import validation
from resolvers.request.context import Context


async def save_product(context: Context, input: Mapping[str, Any]) -> ImportOutcome:
    """Create or update a product by its name; the latest price replaces the earlier one."""
    if not context.viewer.can_company_wide(Action.ADMINISTER):
        raise Forbidden("Only an administrator can change products.", "input")
    name = validation.clean_name(input["name"], "input", "name")
    price, currency = validation.clean_money(input["price"], (await context.company()).currency, "input", "price")
    product = await Product.get_or_none(name=name)
    if product is None:
        await Product.create(name=name, price=price, currency=currency)
    elif (product.price, product.currency) != (price, currency):
        product.price, product.currency = price, currency
        await product.save()
    else:
        return ImportOutcome.UNCHANGED
    context.publish("company")
    return ImportOutcome.NEW if product is None else ImportOutcome.CHANGED
