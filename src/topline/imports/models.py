"""Imports of files: what was brought, how it is read, and what became of it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from topline.accounts.models import Shop
from topline.connectors.mapping import Layout
from topline.connectors.profile import Profile
from topline.units.errors import ToplineError
from topline.units.text import N_


class UnknownImportError(ToplineError):
    message = N_("The shop “%(shop)s” has no import %(id)s.")


class ImportQuerySet(models.QuerySet["Import"]):
    def of(self, shop: Shop) -> "ImportQuerySet":
        """A shop's imports, the newest first."""
        return self.filter(shop=shop).order_by("-id")

    def numbered(self, shop: Shop, id_: int) -> "Import":
        """Raises UnknownImportError."""
        found = self.filter(shop=shop, pk=id_).first()
        if found is None:
            raise UnknownImportError(shop=shop.slug, id=id_)
        return found


class Import(models.Model):
    """Files brought in together: taken in, and taken back, as one."""

    class State(models.TextChoices):
        READING = "reading"  # being recognised
        PROPOSED = "proposed"  # a person decides
        RUNNING = "running"  # facts go into the lake, unseen
        LIVE = "live"
        FAILED = "failed"
        UNDONE = "undone"
        DROPPED = "dropped"  # never taken in

    shop = models.ForeignKey(Shop, models.CASCADE)
    source = models.CharField(max_length=60, default="file", help_text="names the source in the keys of facts")
    state = models.CharField(max_length=10, choices=State, default=State.READING)
    actor_id = models.BigIntegerField(null=True, help_text="who brought it")
    created_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, help_text="when Topline learnt of its facts")
    finished_at = models.DateTimeField(null=True)
    job_id = models.BigIntegerField(null=True, help_text="the job that reads it or takes it in")
    rates = models.JSONField(default=dict, help_text="the shop's currency per unit of another, as text")
    rules = models.JSONField(default=list, help_text="the ledger profile")
    preview = models.JSONField(default=dict, help_text="what each rule and trap would do")
    report = models.JSONField(default=dict, help_text="what became of the rows")
    error = models.JSONField(default=dict, help_text="why it failed: code, message, params")

    objects = ImportQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["shop", "-id"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["reading", "proposed", "running", "live", "failed", "undone", "dropped"]),
                name="imports_import_state",
            )
        ]

    def __str__(self) -> str:
        return f"import {self.pk}"

    @property
    def batch_id(self) -> str:
        """Unique for ever: after a restore the same number comes again for other files."""
        return f"import-{self.pk}-{self.created_at:%Y%m%dT%H%M%S%f}"

    @property
    def folder(self) -> Path:
        """Where its quarantine and, while it is at work, its stage are kept."""
        return Path(settings.UPLOADS) / self.shop.slug / "import" / str(self.pk)

    @property
    def stage(self) -> Path:
        """Where its rows are worked on; hidden, so that no backup takes it."""
        return self.folder / ".stage"

    @property
    def profile(self) -> Profile:
        return Profile.from_json(self.rules)

    @property
    def needs_files(self) -> bool:
        """Whether what was uploaded can still be of use."""
        is_over = self.state in (self.State.DROPPED, self.State.UNDONE)
        return not is_over and not self.error.get("is_final", False)

    def undecided(self, part: str) -> list[str]:
        """The columns that a person must say how to read before they are taken in. part : `dates` or `decimal`"""
        layouts = [file.chosen_layout() for file in self.files.all() if file.layout]
        return list(dict.fromkeys(column for layout in layouts for column in layout.undecided(part)))

    @property
    def error_text(self) -> str:
        """Why it failed, untranslated; empty if it didn't."""
        return str(self.error["message"]) % self.error["params"] if self.error else ""


class ImportFile(models.Model):
    """One file of an import, kept under its digest."""

    belongs_to = models.ForeignKey(Import, models.CASCADE, related_name="files")
    place = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(help_text="bytes")
    columns = models.JSONField(default=list)
    first_rows = models.JSONField(default=list)
    reading = models.JSONField(default=dict, help_text="type, encoding, delimiter, sheet")
    layout = models.JSONField(default=dict, help_text="which column is what")
    choices = models.JSONField(default=dict, help_text="what a person decided: the target, and a column of each field")
    rows = models.PositiveBigIntegerField(default=0)
    quarantined = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["place"]
        constraints = [models.UniqueConstraint(fields=["belongs_to", "place"], name="imports_file_place")]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        return Path(settings.UPLOADS) / self.belongs_to.shop.slug / "file" / self.sha256

    @property
    def quarantine_path(self) -> Path:
        """The CSV of its quarantined rows with their reasons, to mend and bring again."""
        return self.belongs_to.folder / f"quarantine-{self.place}.csv"

    def chosen_layout(self) -> Layout:
        return Layout.from_json(self.layout)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sha256": self.sha256,
            "size": self.size,
            "columns": self.columns,
            "reading": self.reading,
            "layout": self.layout,
            "rows": self.rows,
            "quarantined": self.quarantined,
        }
