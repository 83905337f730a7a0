"""What the worker does for the house: mail, tidying."""

from datetime import timedelta

from topline.workbench import mail, tidy

JOBS = {"workbench.mail": mail.deliver}

SCHEDULE = {"workbench.tidy": (timedelta(hours=6), tidy.tidy)}
