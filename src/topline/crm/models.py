"""People who buy, and which customers of the sources they are."""

from collections.abc import Iterable
from itertools import batched

from django.db import models
from django.db.models import Q
from django.utils import timezone

from topline.accounts.models import Shop


class PersonQuerySet(models.QuerySet["Person"]):
    def of(self, shop: Shop) -> "PersonQuerySet":
        """The people who stand for themselves: those merged into another are seen through them."""
        return self.filter(shop=shop, merged_into__isnull=True)

    def matching(self, shop: Shop, text: str) -> "PersonQuerySet":
        """People by a part of their name, or by their address, phone or number in a source; those merged too."""
        wanted = text.strip()
        by_id = Q(pk=int(wanted[1:])) if wanted[:1] == "p" and wanted[1:].isdecimal() else Q(pk__in=[])
        near = Q(name__icontains=wanted) | Q(email__iexact=wanted) | Q(phone=wanted) | Q(identity__source_id=wanted)
        return self.filter(near | by_id, shop=shop).distinct().order_by("name", "pk") if wanted else self.none()

    def merged(self, shop: Shop) -> "PersonQuerySet":
        """The people who are merged into another, with that one; the newest customers first."""
        return self.filter(shop=shop, merged_into__isnull=False).select_related("merged_into").order_by("-pk")

    def names(self, shop: Shop, keys: Iterable[str]) -> dict[str, str]:
        """The names of customers and persons by the keys that the lake knows them by; the unknown are left out."""
        found: dict[str, str] = {}
        for part in batched(keys, 10_000):
            ids = [int(key[1:]) for key in part if key[:1] == "p" and key[1:].isdecimal()]
            found |= {person.key: str(person) for person in self.filter(shop=shop, pk__in=ids)}
            customers = Identity.objects.filter(shop=shop, customer_key__in=part).select_related("person")
            found |= {each.customer_key: str(each.person) for each in customers}
        return found


class Person(models.Model):
    """A person who buys. What identifies them is here and nowhere else."""

    shop = models.ForeignKey(Shop, models.CASCADE)
    name = models.CharField(max_length=300, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    country = models.CharField(max_length=100, blank=True)
    merged_into = models.ForeignKey("self", models.SET_NULL, null=True, related_name="merged")
    created_at = models.DateTimeField(default=timezone.now)

    objects = PersonQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "people"
        indexes = [models.Index(fields=["shop", "email"]), models.Index(fields=["shop", "name"])]

    def __str__(self) -> str:
        return self.name or self.email or f"#{self.pk}"

    @property
    def key(self) -> str:
        """The person's id in the lake; it stays the same for ever."""
        return f"p{self.pk}"


class Identity(models.Model):
    """A customer of a source. `person` is whom it was first taken for, and is again after every merge is undone."""

    shop = models.ForeignKey(Shop, models.CASCADE)
    person = models.ForeignKey(Person, models.CASCADE)
    source = models.CharField(max_length=60)
    source_id = models.CharField(max_length=300)
    customer_key = models.CharField(max_length=64, help_text="the HMAC by which facts know this customer")

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["shop", "source", "source_id"], name="crm_identity_source_id"),
            models.UniqueConstraint(fields=["shop", "customer_key"], name="crm_identity_customer_key"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.source_id}"


class Erasure(models.Model):
    """That a customer was erased, without who it was: a restored backup erases again by it."""

    shop = models.ForeignKey(Shop, models.CASCADE)
    customer_key = models.CharField(max_length=64)
    erased_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "customer_key"], name="crm_erasure_once")]
