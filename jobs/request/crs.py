"""Rules of coordinate reference systems (CRS) that a caller may name.

PROJ understands strings that name files and grids (`+nadgrids=`, `+init=`, PARAMETERFILE). So
only authority codes, names, plain PROJ parameters and WKT without files are accepted.
"""

from __future__ import annotations

import re

_AUTHORITIES = "EPSG|ESRI|OGC|IGNF|IAU_[0-9]{4}|NKG"
_CODE = rf"(?:{_AUTHORITIES}):[A-Z0-9_.+-]{{1,40}}"
_URN = rf"urn:(?:x-)?ogc:def:crs:(?:{_AUTHORITIES}):[0-9.]*:[A-Z0-9]{{1,20}}"
# PROJ recognises these by their text, without a network request; xcube-sh users write them.
_OGC_URL = r"https?://www\.opengis\.net/def/crs/(?:EPSG|OGC)/[0-9.]{1,10}/[A-Z0-9]{1,20}"
_NAME = r"[A-Z0-9][A-Z0-9_ ()+,.'°-]*(?: / [A-Z0-9_ ()+,.'°-]+)*"
_PLAIN = re.compile(f"(?:{_CODE}|{_URN}|{_OGC_URL}|{_NAME})", re.IGNORECASE)
_GEOGRAPHIC = re.compile(
    r"WGS ?84|CRS84|(?:EPSG|epsg):(?:4326|4258|4269|4979)|OGC:CRS84h?"
    r"|urn:(?:x-)?ogc:def:crs:(?:EPSG:[0-9.]*:4326|OGC:[0-9.]*:CRS84)"
    r"|https?://www\.opengis\.net/def/crs/(?:EPSG/[0-9.]+/4326|OGC/[0-9.]+/CRS84)"
    r"|4326|(?:.*\s)?\+?proj=(?:longlat|latlong|lonlat|latlon)(?:\s.*)?",
    re.IGNORECASE,
)
# fmt: off
_PROJ_KEYS = frozenset({
    "proj", "datum", "ellps", "pm", "units", "vunits", "type", "axis", "zone", "south",
    "no_defs", "over", "wktext", "lat_0", "lat_1", "lat_2", "lat_ts", "lat_b", "lat_t", "lon_0",
    "lon_1", "lon_2", "lonc", "alpha", "gamma", "h", "k", "k_0", "x_0", "y_0", "a", "b", "rf",
    "f", "e", "es", "R", "R_A", "R_V", "R_a", "R_g", "R_h", "to_meter", "vto_meter", "towgs84",
    "sweep", "tilt", "azi", "n", "M", "W", "o_proj", "o_lat_p", "o_lon_p", "o_alpha", "o_lon_c",
    "o_lat_c", "no_uoff", "no_off", "guam", "czech", "north_square", "south_square",
})
# fmt: on
_PROJ_VALUE = re.compile(r"[A-Za-z0-9_.,+-]{1,100}")
_WKT = re.compile(
    r"(?:GEOGCS|PROJCS|GEOGCRS|PROJCRS|GEODCRS|GEODETICCRS|GEOGRAPHICCRS|PROJECTEDCRS|BOUNDCRS"
    r"|COMPOUNDCRS|COMPD_CS|GEOCCS)\s*\[.*\]\s*",
    re.IGNORECASE | re.DOTALL,
)
_WKT_FORBIDDEN = re.compile(r"PARAMETERFILE|EXTENSION|://|@|\+|\\|(?<! )/|/(?! )", re.IGNORECASE)

EXPECTED = "expected an authority code such as 'EPSG:4326', a name, a PROJ string or WKT"


def crs_fault(crs: str) -> str | None:
    """Why `crs` is refused, or None."""
    text = crs.strip()
    if _PLAIN.fullmatch(text):
        return None
    if re.match(r"\+?[a-z_]+=", text, re.IGNORECASE):
        return _proj_fault(text)
    if _WKT.fullmatch(text):
        if _WKT_FORBIDDEN.search(text):
            return "expected WKT that names no files or URLs"
        return None
    return EXPECTED


def _proj_fault(text: str) -> str | None:
    for item in text.split():
        key, _, value = item.removeprefix("+").partition("=")
        if key not in _PROJ_KEYS:
            return f"the PROJ parameter {key[:40]!r} is not allowed"
        if value == "pipeline" or (value and not _PROJ_VALUE.fullmatch(value)):
            return f"the PROJ parameter {key} has a value that is not allowed"
    return None


def is_geographic(crs: str | None) -> bool | None:
    """Whether the unit of `crs` is the degree; None if its text does not say so clearly."""
    if crs is None:
        return None
    text = crs.strip()
    if _GEOGRAPHIC.fullmatch(text):
        return True
    if re.match(r"GEOGCS|GEOGCRS|GEOGRAPHICCRS", text, re.IGNORECASE):
        return True
    return None
