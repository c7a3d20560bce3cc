"""Makes the worker launch a stand-in for each job whose output is called `standin-…`.

The stand-in is a child of the real runner under a real supervisor; it appends its job's id to
a file outside the database, so that a run that happened twice shows.
"""

from __future__ import annotations

import dataclasses
import os
import zlib

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    name = "tests.chaos"
    label = "chaos"

    def ready(self) -> None:
        from jobs.queue import launching

        build = launching.build_run

        def build_run(job):
            workload = build(job)
            if not job.output_data_id.startswith("standin-"):
                return workload
            payload = {
                "kind": "standin",
                "append": os.environ["CHAOS_FILE"],
                "line": job.job_id,
                "sleep_s": zlib.crc32(job.job_id.encode()) % 400 / 1000,
                "exit_code": 0,
            }
            return dataclasses.replace(workload, payload=payload)

        launching.build_run = build_run
