"""The outbox of facts that people's work makes, who has read how far, and which batches count."""

from django.db import models
from django.db.models import F, Q


class Sequence(models.Model):
    """A shop's counter. Its row is locked until the writer commits, so numbers become visible in their order."""

    shop = models.SlugField(primary_key=True)
    value = models.PositiveBigIntegerField(default=0)


class RecordQuerySet(models.QuerySet["Record"]):
    def after(self, shop: str, seq: int) -> "RecordQuerySet":
        """A shop's records after a sequence number, in order."""
        return self.filter(shop=shop, seq__gt=seq).order_by("seq")


class Record(models.Model):
    """One fact, waiting for its readers: the lake writer, triggers, webhooks."""

    shop = models.SlugField()
    seq = models.PositiveBigIntegerField(help_text="the shop's sequence number")
    fact = models.CharField(max_length=60, help_text="the fact's table")
    row = models.JSONField(help_text="the fact's columns; amounts and dates as text")
    recorded_at = models.DateTimeField()

    objects = RecordQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "seq"], name="journal_record_order")]


class Cursor(models.Model):
    """How far one reader of the journal has come."""

    consumer = models.CharField(max_length=60)
    shop = models.SlugField()
    seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["consumer", "shop"], name="journal_cursor_reader")]


class Batch(models.Model):
    """Facts that arrived together: an import, a pull, or a range of the journal. Only live ones are seen."""

    class State(models.TextChoices):
        PENDING = "pending"
        LIVE = "live"
        WITHDRAWN = "withdrawn"

    shop = models.SlugField()
    batch_id = models.CharField(max_length=100)
    source = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    first_seq = models.PositiveBigIntegerField(null=True, help_text="the first record of a journal range")
    last_seq = models.PositiveBigIntegerField(null=True, help_text="the last record of a journal range")
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["shop", "batch_id"], name="journal_batch_name"),
            models.UniqueConstraint(
                fields=["shop", "first_seq"], condition=Q(first_seq__isnull=False), name="journal_batch_range_once"
            ),
            models.CheckConstraint(
                condition=Q(first_seq__isnull=True) | Q(last_seq__gte=F("first_seq")), name="journal_batch_range"
            ),
            models.CheckConstraint(condition=Q(state__in=["pending", "live", "withdrawn"]), name="journal_batch_state"),
        ]

    def __str__(self) -> str:
        return self.batch_id
