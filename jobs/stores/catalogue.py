"""The data stores file (the catalogue): stores that users may name as `@name`, and prices.

A YAML or JSON map `name -> {title, description, store_id, store_params, cost_params}`, as xcube
and the old service read it. Members of the hub are `readable`, `writable` (default: yes) and
`per_user` (default: no), which gives each user a folder of their own below `root`.
A run gets only `store_id` and `store_params` of the stores that its request names.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from jobs.settings import hub

from ..estimates.cost import Price

# xcube's stores over a file system: they have a `root`, and openers `type:format:<protocol>`.
FILE_SYSTEM_TYPES = frozenset({"abfs", "file", "ftp", "https", "memory", "s3"})
READ_ONLY_TYPES = frozenset({"https", "reference"})

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<braced>\w+)\}|(?P<named>[A-Za-z_]\w*))")
_KEYS = (
    "title",
    "description",
    "store_id",
    "store_params",
    "cost_params",
    "readable",
    "writable",
    "per_user",
)
_PIXELS = ("input_pixels_per_punit", "output_pixels_per_punit")
_WEIGHTS = ("input_punits_weight", "output_punits_weight")
_SECRET_PART = re.compile(
    r"(?:^|[^a-z])(?:key|secret|token|passw(?:or)?d|passphrase|pwd|credentials?|auth"
    r"|connection_string|signature|(?:api|access|account|secret|private|sas)(?:key|token))"
    r"(?:$|[^a-z])"
)


class StoresFileError(ValueError):
    """The stores file cannot be used; `faults` has one sentence for each fault."""

    def __init__(self, path: object, faults: list[str]):
        self.path, self.faults = path, faults
        super().__init__(f"The stores file {path} cannot be used:\n" + "\n".join(faults))


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
            return f"{root} at {_endpoint(self.store_params)}"
        return root

    @property
    def has_credentials(self) -> bool:
        """Whether its parameters contain credentials, which all its users share."""
        return _holds_secret(self.store_params)

    def for_user(self, user_id: str) -> dict:
        """The store for a run of this user: {"store_id", "store_params"}."""
        params = copy.deepcopy(dict(self.store_params))
        if self.per_user:
            if not _USER_ID.fullmatch(user_id):
                raise ValueError(f"{user_id!r} cannot be the name of a folder")
            params["root"] = f"{params['root'].rstrip('/')}/{user_id}"
        return {"store_id": self.store_id, "store_params": params}


class StoreCatalogue:
    """The stores of the file, in its order."""

    def __init__(self, stores: Mapping[str, Store] | None = None):
        self._stores = dict(stores or {})

    @classmethod
    def from_file(
        cls, path: str | os.PathLike, environ: Mapping[str, str] | None = None
    ) -> StoreCatalogue:
        """Read the file `path`: JSON if its name ends with .json, else YAML.

        `${NAME}` and `$NAME` in its texts are replaced by variables of `environ`, `$$` by a
        dollar. Raises StoresFileError with every fault.
        """
        path = Path(path).absolute()
        try:
            content = _parsed(path.read_text(encoding="utf-8"), is_json=path.suffix == ".json")
        except OSError as error:
            raise StoresFileError(path, [f"It cannot be read: {error.strerror}."]) from None
        except UnicodeDecodeError:
            raise StoresFileError(path, ["It is not text in UTF-8."]) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise StoresFileError(path, [_syntax_fault(error)]) from None
        if content is None:
            content = {}
        if not isinstance(content, dict):
            raise StoresFileError(path, ["It is not a map of names to stores."])
        reader = _Reader(path.parent, os.environ if environ is None else environ)
        try:
            stores = {name: reader.store(name, entry) for name, entry in content.items()}
        except RecursionError:
            raise StoresFileError(path, ["It is nested without end."]) from None
        if reader.faults:
            raise StoresFileError(path, reader.faults)
        return cls(stores)

    def get(self, name: str) -> Store | None:
        return self._stores.get(name)

    def __iter__(self) -> Iterator[Store]:
        return iter(self._stores.values())

    def __len__(self) -> int:
        return len(self._stores)

    def __contains__(self, name: object) -> bool:
        return name in self._stores


def load_catalogue() -> StoreCatalogue:
    """The catalogue of the setting XCUBE_HUB_STORES, read again when the file changes.

    If the setting has its default, the file may be missing.
    """
    from django.conf import settings

    path = hub.stores
    if path is None:
        return StoreCatalogue()
    try:
        status = Path(path).stat()
    except OSError as error:
        is_absent = isinstance(error, FileNotFoundError)
        if is_absent and "XCUBE_HUB_STORES" not in settings.HUB_GIVEN:
            return StoreCatalogue()
        raise StoresFileError(path, [f"It cannot be read: {error.strerror}."]) from None
    return _load(os.fspath(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2)
def _load(path: str, mtime_ns: int, size: int) -> StoreCatalogue:
    return StoreCatalogue.from_file(path)


def location(store: Mapping, data_id: str) -> str:
    """The location of `data_id` in `store` ({"store_id", "store_params"}), to compare outputs.

    It is equal for equal places, whatever names or credentials reach them. At most 255
    characters.
    """
    store_id, params = store["store_id"], store.get("store_params") or {}
    root = str(params.get("root") or "")
    if store_id == "file":
        place = f"file:{os.path.realpath(f'{root}/{data_id}')}"
    elif store_id == "s3":
        path = posixpath.normpath(f"{root.removeprefix('s3://')}/{data_id}").strip("/")
        place = f"s3:{_endpoint(params)}|{path}"
    else:
        path = posixpath.normpath(f"{root}/{data_id}").strip("/")
        place = f"{store_id}:{_digest(_identity(params))}|{path}"
    if len(place) > 255:
        place = f"{place[:180]}#{hashlib.sha256(place.encode()).hexdigest()}"
    return place


def endpoint_url(store_params: Mapping) -> str | None:
    """The endpoint in the parameters of an s3 store; s3fs reads it from two places."""
    options = store_params.get("storage_options") or {}
    return options.get("endpoint_url") or (options.get("client_kwargs") or {}).get("endpoint_url")


def is_secret_name(name: str) -> bool:
    """Whether a parameter of this name holds a credential: key, secret, token, password…"""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return bool(_SECRET_PART.search(spaced))


def _holds_secret(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(
            (is_secret_name(key) and item not in (None, "", False)) or _holds_secret(item)
            for key, item in value.items()
        )
    return isinstance(value, list) and any(_holds_secret(item) for item in value)


def _endpoint(params: Mapping) -> str:
    """Host and port. All of AWS is one place, because its bucket names are unique."""
    url = endpoint_url(params)
    if not url:
        return "s3.amazonaws.com"
    try:
        parts = urlsplit(str(url).strip().lower())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return _digest(url)
    host = host.rstrip(".")
    if re.fullmatch(r"s3[a-z0-9.-]*\.amazonaws\.com", host):
        return "s3.amazonaws.com"
    if port is None or port == {"http": 80, "https": 443}.get(parts.scheme):
        return host
    return f"{host}:{port}"


def _identity(value: object) -> object:
    """Only the parameters that decide which data is reached."""
    if isinstance(value, Mapping):
        unimportant = {"root", "max_depth", "read_only", "includes", "excludes"}
        return {
            key: _identity(item)
            for key, item in value.items()
            if key not in unimportant and not is_secret_name(key)
        }
    return [_identity(item) for item in value] if isinstance(value, list) else value


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class _Loader(yaml.SafeLoader):
    """A YAML loader that refuses duplicate keys and keeps dates as text, as in JSON."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in getattr(node, "value", ()):
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", key_node.start_mark
                )
            seen.add(key if isinstance(key, str) else id(key_node))
        return super().construct_mapping(node, deep)


def _parsed(text: str, *, is_json: bool) -> object:
    if is_json:
        return json.loads(text, object_pairs_hook=_distinct)
    return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader


def _distinct(pairs: list[tuple[str, object]]) -> dict:
    content: dict = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"{key!r} is given twice")
        content[key] = value
    return content


def _syntax_fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"Line {error.lineno}: {error.msg}."
    mark = getattr(error, "problem_mark", None)
    if mark:
        return f"Line {mark.line + 1}: {error.problem or 'not understood'}."
    return f"It cannot be read: {error}."


class _Reader:
    """Turns entries into stores and collects their faults."""

    def __init__(self, folder: Path, environ: Mapping[str, str]):
        self.folder, self.environ = folder, environ
        self.faults: list[str] = []

    def store(self, name: object, entry: object) -> Store | None:
        faults_before = len(self.faults)
        self.subject = f"Store {name!r}"
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            self._fault("expected a name of letters, digits, '_', '.', '-' (without '@')")
        if not isinstance(entry, dict):
            self._fault("expected a map with at least store_id")
            return None
        for key in entry:
            if key not in _KEYS:
                self._fault(f"{key!r} is unknown; expected {', '.join(_KEYS)}")
        store_id = self._text(entry, "store_id")
        if not store_id and not entry.get("store_id"):
            self._fault("store_id is missing; expected a store type such as 's3' or 'file'")
        params = self._params(entry.get("store_params"), store_id)
        read_only = store_id in READ_ONLY_TYPES or params.get("read_only") is True
        if params.get("read_only") is True and entry.get("writable") is True:
            self._fault("writable is true but store_params.read_only too; expected one of them")
        per_user = self._flag(entry, "per_user", False)
        if per_user and store_id and store_id not in FILE_SYSTEM_TYPES:
            self._fault(f"per_user needs a root, which a {store_id!r} store has not")
        elif per_user and not params.get("root"):
            self._fault("per_user needs store_params.root, which is missing")
        store = Store(
            name=str(name),
            store_id=store_id,
            title=self._text(entry, "title"),
            description=self._text(entry, "description"),
            store_params=params,
            price=self._price(entry.get("cost_params")),
            readable=self._flag(entry, "readable", True),
            writable=self._flag(entry, "writable", not read_only),
            per_user=per_user,
        )
        return store if len(self.faults) == faults_before else None

    def _fault(self, text: str) -> None:
        self.faults.append(f"{self.subject}: {text}.")

    def _text(self, entry: dict, key: str) -> str:
        value = entry.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            self._fault(f"{key} is {value!r}; expected text")
            return ""
        return self._interpolated(value, key)

    def _flag(self, entry: dict, key: str, default: bool) -> bool:
        value = entry.get(key, default)
        if not isinstance(value, bool):
            self._fault(f"{key} is {value!r}; expected true or false")
            return default
        return value

    def _params(self, value: object, store_id: str) -> dict:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self._fault("store_params is not a map")
            return {}
        params = self._interpolated(value, "store_params")
        root = params.get("root")
        if root is not None and not isinstance(root, str):
            self._fault("store_params.root is not text; expected a folder or bucket")
            params.pop("root")
        elif store_id == "file":
            if not root:
                self._fault("store_params.root is missing; expected the folder of the store")
            else:
                params["root"] = os.path.normpath(self.folder / Path(root).expanduser())
        elif store_id == "s3" and not root:
            self._fault("store_params.root is missing; expected bucket or bucket/prefix")
        return params

    def _interpolated(self, value, place: str):
        if isinstance(value, str):
            return _VARIABLE.sub(lambda match: self._variable(match, place), value)
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    self._fault(f"{place} has the key {key!r}; expected text")
            return {
                key: self._interpolated(item, f"{place}.{key}")
                for key, item in value.items()
                if isinstance(key, str)
            }
        if isinstance(value, list):
            return [self._interpolated(v, f"{place}[{i}]") for i, v in enumerate(value)]
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        self._fault(f"{place} is not text, finite number, true, false, list or map")
        return None

    def _variable(self, match: re.Match, place: str) -> str:
        if match["escaped"]:
            return "$"
        name = match["braced"] or match["named"]
        if name not in self.environ:
            self._fault(
                f"{place} names the environment variable {name}, which is not set "
                "(write $$ for a dollar)"
            )
            return ""
        return self.environ[name]

    def _price(self, value: object) -> Price | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self._fault("cost_params is not a map")
            return None
        known = ("scheme", *_PIXELS, *_WEIGHTS)
        for key in value:
            if key not in known:
                self._fault(f"cost_params.{key} is unknown; expected {', '.join(known)}")
        scheme = value.get("scheme", "punits")
        if scheme not in ("punits", "free"):
            self._fault(f"cost_params.scheme is {scheme!r}; expected 'punits' or 'free'")
        numbers: dict = {}
        for key in (*_PIXELS, *_WEIGHTS):
            if key in value:
                numbers[key] = self._number(key, value[key], whole=key in _PIXELS)
            elif key in _PIXELS and scheme != "free":
                self._fault(f"cost_params.{key} is missing; expected a whole number above 0")
        if None in numbers.values():
            return None
        return Price(**numbers, free=scheme == "free")

    def _number(self, key: str, value: object, *, whole: bool) -> int | float | None:
        usable = (
            isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e15
        )
        if not usable or (whole and value != int(value)):
            expected = "a whole number above 0" if whole else "a number above 0"
            self._fault(f"cost_params.{key} is {value!r}; expected {expected}")
            return None
        return int(value) if whole else float(value)
