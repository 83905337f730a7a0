"""A product as the shop groups it today."""

from dataclasses import dataclass

from topline.facts.table import Fact, Table


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
    "product", Product, day=None, description="products and how they are grouped today", identity=("product_key",)
)
