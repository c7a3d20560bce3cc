"""How pages write times: in UTC, sortable, and saying so; the admin's to the second.

It is not in the settings, because Django prefers the formats of a language to them. A script of
the page turns them into the viewer's zone.
"""

DATETIME_FORMAT = r"Y-m-d H:i:s \U\T\C"
SHORT_DATETIME_FORMAT = r"Y-m-d H:i \U\T\C"
DATE_FORMAT = "Y-m-d"
