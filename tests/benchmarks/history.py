"""What became of all jobs, as a hub's database tells it.

`python -m tests.benchmarks.history ENDED` waits until so many have ended and hold no place, and
prints the steps of all as JSON: [job id, owner's id, state, when (s)], in the order of their time.
"""

from __future__ import annotations

import json
import sys
import time

WITHIN_S = 600


def main(ended: int) -> None:
    import django

    django.setup()
    from jobs.models import Job, JobEvent

    deadline = time.monotonic() + WITHIN_S
    while (count := Job.objects.filter(is_live=False).count()) < ended:
        if time.monotonic() > deadline:
            states = sorted(Job.objects.values_list("state", flat=True))
            told = {state: states.count(state) for state in set(states)}
            sys.exit(f"{count} of {ended} jobs had ended within {WITHIN_S} s: {told}")
        time.sleep(0.5)
    rows = JobEvent.objects.values_list("job__job_id", "job__owner_id", "to_state", "at")
    steps = [[job_id, owner, state, at.timestamp()] for job_id, owner, state, at in rows]
    print(json.dumps(sorted(steps, key=lambda step: step[3])))


if __name__ == "__main__":
    main(int(sys.argv[1]))
