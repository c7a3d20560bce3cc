"""How German pages write times: in UTC, and saying so. Numbers are as Django's German has them."""

DATETIME_FORMAT = r"d.m.Y H:i:s \U\T\C"
SHORT_DATETIME_FORMAT = r"d.m.Y H:i \U\T\C"
DATE_FORMAT = "d.m.Y"
