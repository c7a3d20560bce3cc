"""A store of the catalogue: what users see of it, and what a run gets of it."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..estimates.cost import Price
from .location import endpoint
from .secret_names import holds_secret

FILE_SYSTEM_TYPES = frozenset({"abfs", "file", "ftp", "https", "memory", "s3"})
"""xcube's stores over a file system: they have a `root`, and openers `type:format:<protocol>`."""
READ_ONLY_TYPES = frozenset({"https", "reference"})

_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


@dataclass(frozen=True)
class Store:
    """One entry of the file. `price` is None if it has no `cost_params`."""

    name: str
    store_id: str
    title: str = ""
    description: str = ""
    store_params: Mapping = field(default_factory=dict, repr=False)
    price: Price | None = None
    readable: bool = True
    writable: bool = True
    per_user: bool = False

    @property
    def place(self) -> str:
        """The location of its data for people: root and host, without credentials."""
        root = str(self.store_params.get("root") or "")
        if self.per_user:
            root = f"{root.rstrip('/')}/<user>"
        if self.store_id == "s3":
            return f"{root} at {endpoint(self.store_params)}"
        return root

    @property
    def has_credentials(self) -> bool:
        """Whether its parameters contain credentials, which all its users share."""
        return holds_secret(self.store_params)

    def for_user(self, user_id: str) -> dict:
        """The store for a run of this user: {"store_id", "store_params"}."""
        params = copy.deepcopy(dict(self.store_params))
        if self.per_user:
            if not _USER_ID.fullmatch(user_id):
                raise ValueError(f"{user_id!r} cannot be the name of a folder")
            params["root"] = f"{params['root'].rstrip('/')}/{user_id}"
        return {"store_id": self.store_id, "store_params": params}
