"""What the worker does for the house: mail, lakes kept small, tidying."""

from datetime import timedelta

from topline.workbench import mail, maintenance, tidy

JOBS = {"workbench.mail": mail.deliver, "lake.fold": maintenance.fold, "lake.vacuum": maintenance.vacuum}

BACKGROUND = ("lake.fold", "lake.vacuum")
SCHEDULE = {
    "lake.fold": (timedelta(hours=1), maintenance.fold_everything),
    "lake.vacuum": (timedelta(days=1), maintenance.vacuum_everything),
    "workbench.tidy": (timedelta(hours=6), tidy.tidy),
}
