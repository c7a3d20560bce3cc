"""Predicted starts: when a job that waits will be launched, as an honest interval.

    jobs that ended ──▶ durations.py   how long such jobs hold a place (small rows)
    the queue as it is ──▶ simulation.py   the launches to come, by the rules of launching.py
                              │
                              ▼
                       queue_order.py   place and expected start for any turn in the queue (one row)
    launches ──▶ errors.py   how wrong earlier predictions were: the width of the interval
                  trend.py   what of that could be known before: where the interval lies

`forecasting.py` is the worker's tick that writes the rows. `asking.py` reads them for one job, or
for a job that someone may submit. What is not known is said to be unknown, with the reason.
"""
