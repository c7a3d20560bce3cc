"""Makes users who may submit: `python -m tests.benchmarks.crowd USERS UNITS` tells their tokens."""

from __future__ import annotations

import json
import sys


def main(users: int, units: int) -> None:
    import django

    django.setup()
    from accounts.models import User
    from accounts.roles import give_roles
    from accounts.scopes import MANAGE_CUBEGENS
    from accounts.tokens.hub_tokens import issue_token
    from accounts.units import ledger

    tokens = []
    for number in range(users):
        user = User.objects.create_user(f"user-{number}@example.org")
        give_roles(user, {MANAGE_CUBEGENS})
        ledger.grant(user, units, key=f"crowd-{number}")
        tokens.append(issue_token(user, scopes={MANAGE_CUBEGENS}))
    print(json.dumps(tokens))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
