"""Products and their list prices, the estimate for deals without an amount."""

from __future__ import annotations

from models.crm import pipelines
from models.crm.pipelines import Product
from models.db import row_store
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.inputs import ProductInput
from resolvers.request import validation
from resolvers.request.context import RequestContext


async def save_product(context: RequestContext, input: ProductInput) -> ImportOutcome:
    """Create or update a product by its name; the latest price replaces the earlier one."""
    context.viewer.require_admin("Only an administrator can change products.")
    name = validation.clean_name(input.name, "input", "name")
    price, currency = validation.clean_money(input.price, (await context.company()).currency, "input", "price")
    product = await pipelines.find_product(name)
    if product is None:
        await row_store.insert(Product(name=name, price=price, currency=currency))
    elif (product.price, product.currency) != (price, currency):
        product.price, product.currency = price, currency
        await row_store.save(product)
    else:
        return ImportOutcome.UNCHANGED
    context.publish("company")
    return ImportOutcome.NEW if product is None else ImportOutcome.CHANGED
