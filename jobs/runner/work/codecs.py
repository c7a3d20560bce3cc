"""Removes pickle, and whatever else executes code, from the codec registries of Zarr.

The metadata of a Zarr array names the codecs that decode its chunks, and anyone who owns a
store can write that metadata. numcodecs registers `pickle` (up to 0.16.3 without any
question), whose decoding runs commands. So only codecs of a closed list can be found: by
name, in the registry of numcodecs, in that of Zarr 3, and among the entry points of both.
"""

from __future__ import annotations

from typing import Any

from ..system.process import say

# fmt: off
NUMCODECS = frozenset({
    "zlib", "gzip", "bz2", "lzma", "blosc", "zstd", "lz4", "astype", "delta", "quantize",
    "fixedscaleoffset", "packbits", "categorize", "base64", "shuffle", "bitround", "crc32",
    "crc32c", "adler32", "jenkins_lookup3", "json2", "vlen-utf8", "vlen-bytes", "vlen-array",
    "fletcher32", "zfpy", "msgpack2", "pcodec",
})
"""Codecs of numcodecs that only compute: they are written in it, and none calls what it reads."""

ZARR = frozenset({
    "blosc", "bytes", "crc32c", "endian", "gzip", "sharding_indexed", "transpose", "vlen-bytes",
    "vlen-utf8", "zstd", "cast_value", "scale_offset",
})
"""Codecs that Zarr 3 brings itself."""
# fmt: on
_WITH_PREFIX = "numcodecs."
_HOMES = ("numcodecs", "zarr")


def disarm() -> list[str]:
    """Remove every codec that is not listed, in this process; returns the names of those.

    To be called after xcube was imported, because imports register codecs.
    """
    removed = _disarm_numcodecs() + _disarm_zarr()
    if removed:
        say("codecs that were removed: " + ", ".join(sorted(removed)))
    return removed


def _disarm_numcodecs() -> list[str]:
    from numcodecs import registry

    removed = []
    for name, codec in list(registry.codec_registry.items()):
        if name not in NUMCODECS or not _is_at_home(codec):
            del registry.codec_registry[name]
            removed.append(name)
    # Codecs that entry points register later are found here by name.
    for name in list(getattr(registry, "entries", None) or ()):
        del registry.entries[name]
        removed.append(name)
    return removed


def _disarm_zarr() -> list[str]:
    from zarr import registry

    codecs = getattr(registry, "__codec_registries", {})
    removed = []
    for name, known in list(codecs.items()):
        # Entry points load their code when any codec of the name is asked for.
        foreign = [entry.value for entry in known.lazy_load_list if not _is_ours(entry.value)]
        known.lazy_load_list[:] = [e for e in known.lazy_load_list if _is_ours(e.value)]
        listed = name in ZARR or name.removeprefix(_WITH_PREFIX) in NUMCODECS
        strangers = [key for key, codec in known.items() if not _is_at_home(codec)]
        for key in strangers:
            del known[key]
        if not listed:
            del codecs[name]
        if not listed or foreign or strangers:
            removed.append(name)
    return removed


def _is_at_home(codec: Any) -> bool:
    return _is_ours(getattr(codec, "__module__", ""))


def _is_ours(place: str) -> bool:
    return place.split(":")[0].split(".")[0] in _HOMES
