#!/usr/bin/env python
"""The hub's command line: `manage.py start` runs it, `manage.py help` lists the rest."""

import sys

from hubsite.cli import execute

if __name__ == "__main__":
    execute(sys.argv[0], sys.argv[1:])
