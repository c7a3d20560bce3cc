"""What operators script: below `/operator/`, one act for each that the admin has.

`permission.py` says who may. Each subject has its views, and their description in `…_schema.py`.
Jobs, engines and stores are in `jobs/api/`, services in `services/api/`.
"""
