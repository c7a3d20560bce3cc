"""Names of databases, collections and workspaces: closed patterns, since they go everywhere.

They become parts of paths, of SQL in geoDB's functions, of XML in GeoServer, and of tables: the
collection `roads` of database `land` is the table `land_roads`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hubsite.refusals import Refused

LONGEST = 63
"""PostgreSQL cuts longer names of tables and roles: two could become one."""
ALL = "all"
"""In place of a database: all of them."""

_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_COLLECTION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Place:
    """A collection, and where it is in the GeoServer."""

    workspace: str
    """The role of the owner in geoDB."""
    database: str
    """Also the name of the data store."""
    collection: str

    @property
    def name(self) -> str:
        """The name of the layer, of its feature type and of its table."""
        return f"{self.database}_{self.collection}"


def checked_database(text: str, *, field: str = "database") -> str:
    """The name of a database, or of a role. Raises Refused."""
    if len(text) > LONGEST or not _DATABASE.fullmatch(text):
        raise Refused(
            f"at most {LONGEST} letters, digits, _, - and . are expected, a letter or _ first",
            field=field,
        )
    return text


def checked_place(workspace: str, database: str, collection: str) -> Place:
    """Raises Refused that names the field."""
    place = Place(checked_database(workspace, field="role"), checked_database(database), collection)
    if not _COLLECTION.fullmatch(collection) or len(place.name) > LONGEST:
        raise Refused(
            "letters, digits, _ and - are expected, a letter, digit or _ first, and with the name "
            f"of the database at most {LONGEST - 1} of them",
            field="collection_id",
        )
    return place
