"""The installed command `xcube-hub`, which is also `manage.py`: `xcube-hub start` runs the hub."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

USAGE = """\
usage: xcube-hub COMMAND [option …]

  start          run the hub on this machine (xcube-hub start --help)
  check          look whether everything is set as it must be
  show_settings  all settings and their values
  help           all commands of the hub; xcube-hub help COMMAND explains one
  --version      the version of xcube-hub
"""


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
    elif arguments[0] in ("--version", "version"):
        from hubsite import __version__

        sys.stdout.write(f"xcube-hub {__version__}\n")
    else:
        execute("xcube-hub", arguments)


def execute(program: str, arguments: Sequence[str]) -> None:
    """Run one command. `help` is our own, because Django's also lists commands of libraries."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubsite.settings")
    from django.core.management import execute_from_command_line

    if arguments and arguments[0] == "help":
        arguments = ["commands", *arguments[1:]]
    execute_from_command_line([program, *arguments])


if __name__ == "__main__":
    main()
