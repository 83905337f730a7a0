"""A product as the shop groups it today."""

from dataclasses import dataclass

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(Fact):
    """Category, brand and supplier group sales by the product's current value."""

    product_key: str
    title: str | None = None
    category: str | None = None
    subcategory: str | None = None
    brand: str | None = None
    supplier: str | None = None
    tier: int | None = None


TABLE = Table(
    "product",
    Product,
    day=None,
    description="products and how they are grouped today",
    nothing=Missing("no_products", N_("no products, so no categories")),
    identity=("product_key",),
)
