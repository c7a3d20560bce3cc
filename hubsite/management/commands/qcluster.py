"""`manage.py qcluster`: the worker of a queue, with all of its code loaded at the start."""

from __future__ import annotations

from typing import Any

from django_q.management.commands import qcluster

from hubsite.start.whole_code import load_all


class Command(qcluster.Command):
    help = "Do what is queued until stopped: launches, or with --name outside what may take long."

    def handle(self, *args: Any, **options: Any) -> None:
        load_all()  # its processes are forked from this one
        super().handle(*args, **options)
