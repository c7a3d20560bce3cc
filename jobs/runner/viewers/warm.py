"""Imports xcube's server once, before viewers are forked. It starts no thread."""

from __future__ import annotations

import gc

from ..system import linux, process


def import_server() -> None:
    """Import what a viewer needs to open data sets and to draw tiles.

    To be called after `work.warm.import_xcube`; it takes about half a second more.
    """
    before = linux.open_fds()
    import tornado.httpserver  # noqa: F401
    import xcube.core.mldataset  # noqa: F401
    import xcube.core.tile  # noqa: F401
    from xcube.constants import EXTENSION_POINT_SERVER_APIS
    from xcube.util.plugin import get_extension_registry

    from . import apis, colors, packed, server  # noqa: F401

    for extension in get_extension_registry().find_extensions(EXTENSION_POINT_SERVER_APIS):
        if extension.name in apis.ON:
            _ = extension.component
    packed.pack_viewer()
    colors.draw()
    process.library_fds |= linux.open_fds() - before
    if linux.thread_count() != 1:
        raise RuntimeError("importing xcube's server has started a thread")
    gc.collect()
    gc.freeze()
