"""The installed command `xcube-hub`: `xcube-hub start` runs the hub.

Every other management command is there too: `xcube-hub help` lists them.
"""

from __future__ import annotations

import os
import sys

USAGE = """\
usage: xcube-hub COMMAND [option …]

  start          run the hub on this machine (xcube-hub start --help)
  check          look whether everything is set as it must be
  show_settings  all settings and their values
  help           all commands; xcube-hub help COMMAND explains one
  --version      the version of xcube-hub
"""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hubsite.settings")
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
    elif arguments[0] in ("--version", "version"):
        from hubsite import __version__

        sys.stdout.write(f"xcube-hub {__version__}\n")
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["xcube-hub", *arguments])


if __name__ == "__main__":
    main()
