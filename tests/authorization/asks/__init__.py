"""One request for each thing that can be changed, by the app that it belongs to.

`exceptions.py` has what leaves no entry in the audit, `commands.py` the commands.
"""

from __future__ import annotations

from . import accounts, jobs, services, site
from .ask import WHOLE_FORM, Ask
from .commands import COMMANDS_THAT_READ, OF_COMMANDS
from .exceptions import NOT_AUDITED, READ

ASKS = [*accounts.ASKS, *jobs.ASKS, *services.ASKS, *site.ASKS]

__all__ = ["ASKS", "COMMANDS_THAT_READ", "NOT_AUDITED", "OF_COMMANDS", "READ", "WHOLE_FORM", "Ask"]
