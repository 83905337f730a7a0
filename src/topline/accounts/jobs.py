"""What the worker does for the house: mail, lakes kept small, tidying."""

from datetime import timedelta

from topline.accounts import warm
from topline.workbench import mail, maintenance, tidy

JOBS = {
    "workbench.mail": mail.deliver,
    "lake.fold": warm.fold,
    "lake.vacuum": maintenance.vacuum,
    warm.KIND: warm.warm,
}

BACKGROUND = ("lake.fold", "lake.vacuum", warm.KIND)
SCHEDULE = {
    "lake.warm": (timedelta(seconds=15), warm.enqueue_due),
    "lake.fold": (timedelta(hours=1), maintenance.fold_everything),
    "lake.vacuum": (timedelta(days=1), maintenance.vacuum_everything),
    "workbench.tidy": (timedelta(hours=6), tidy.tidy),
}
