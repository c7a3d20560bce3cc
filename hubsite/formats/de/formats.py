"""How German pages write times, in UTC, to the second. Numbers are as Django's German has them."""

DATETIME_FORMAT = "d.m.Y H:i:s"
DATE_FORMAT = "d.m.Y"
SHORT_DATETIME_FORMAT = "d.m.Y H:i"
