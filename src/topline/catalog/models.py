"""The shop's products, as people know and edit them."""

from collections.abc import Iterable

from django.db import models
from django.db.models import Q
from django.utils import timezone

from topline.accounts.models import Shop


class ProductQuerySet(models.QuerySet["Product"]):
    def of(self, shop: Shop) -> "ProductQuerySet":
        return self.filter(shop=shop).order_by("code")

    def matching(self, shop: Shop, text: str) -> "ProductQuerySet":
        """Products by a part of their code, title, category, brand or supplier; all of them for an empty text."""
        near = Q()
        for field in ("code", "title", "category", "subcategory", "brand", "supplier"):
            near |= Q(**{f"{field}__icontains": text.strip()})
        return self.of(shop).filter(near) if text.strip() else self.of(shop)

    def titles(self, shop: Shop, codes: Iterable[str]) -> dict[str, str]:
        """What products are called, by the code that facts carry; those without a title by that."""
        known = dict(self.filter(shop=shop, code__in=codes).exclude(title="").values_list("code", "title"))
        return {code: known.get(code, code) for code in codes}


class Product(models.Model):
    """A product. What a person edited, imports leave alone."""

    shop = models.ForeignKey(Shop, models.CASCADE)
    code = models.CharField(max_length=300, help_text="the source's code, the product_key of facts")
    fact_key = models.CharField(max_length=400, help_text="the key of the product's fact")
    title = models.CharField(max_length=1000, blank=True)
    category = models.CharField(max_length=200, blank=True)
    subcategory = models.CharField(max_length=200, blank=True)
    brand = models.CharField(max_length=200, blank=True)
    supplier = models.CharField(max_length=200, blank=True)
    edited_fields = models.JSONField(default=list, help_text="fields that a person set")
    created_at = models.DateTimeField(default=timezone.now)

    objects = ProductQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "code"], name="catalog_product_code")]
        indexes = [models.Index(fields=["shop", "category"])]

    def __str__(self) -> str:
        return f"{self.code} {self.title}".strip()
