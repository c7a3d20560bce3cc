"""How pages write times: to the second, sortable, in UTC. (A language's own formats go before
settings, so this is the place.)"""

DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_FORMAT = "Y-m-d"
