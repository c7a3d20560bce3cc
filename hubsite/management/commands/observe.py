"""`manage.py observe`: the follower; records the engine's facts until it is stopped."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from hubsite.engines import NAMES, get_engine
from hubsite.engines.followers import follow
from hubsite.engines.settings import hub
from hubsite.start.whole_code import load_all

STOP_WITHIN_S = 3.0


class Command(BaseCommand):
    help = "Watch the engine and record how runs go on and end, until stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--engine",
            choices=NAMES,
            default=hub.engine,
            help="which engine to watch (default: %(default)s); another one while its jobs end, "
            "after XCUBE_HUB_ENGINE was changed",
        )

    def handle(self, **options: Any) -> None:
        stopping = threading.Event()

        def stop(*_: Any) -> None:
            """End soon; a call in progress is abandoned, because the next follower repeats it."""
            if not stopping.is_set():
                stopping.set()
                last_resort = threading.Timer(STOP_WITHIN_S - 0.5, os._exit, args=(0,))
                last_resort.daemon = True
                last_resort.start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        load_all()
        follow(get_engine(options["engine"]), stopping)
