"""How pages write times: in UTC, to the second, sortable.

It is not in the settings, because Django prefers the formats of a language to them.
"""

DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_FORMAT = "Y-m-d"
SHORT_DATETIME_FORMAT = "Y-m-d H:i"
