"""Settings of Cate web APIs: `from services.cate.settings import hub`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from hubsite.configuration.bounds import LARGEST_INTEGER
from hubsite.configuration.reading import boolean, whole_number
from hubsite.configuration.rooms import setting
from services.settings import ServicesSettings

DEFAULT_COMMAND = "cate-webapi-start -v -b -p {port} -a {address} -s 86400 -r{workspace}"
"""As Cate's image has it; `-s` stops it after so many idle seconds."""
_PLACE = re.compile(r"/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


def command_line(text: str) -> tuple[str, ...]:
    """The arguments of a command, as a shell would split them; no shell runs it."""
    try:
        arguments = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"expected a command line: {error}") from None
    if not arguments:
        raise ValueError("expected a command line")
    return arguments


def within_image(text: str) -> tuple[str, ...]:
    """A command of the old service, which ran it in the environment `xcube` of the image."""
    command_line(text)
    return ("/bin/bash", "-c", f"source activate xcube && exec {text}")


def folder(text: str) -> str:
    """The path of a folder in an image."""
    if not _PLACE.fullmatch(text) or ".." in text.split("/"):
        raise ValueError("expected a path such as /home/xcube/workspace")
    return text


def former_image(environment: Mapping[str, str]) -> str | None:
    """The image: CATE_IMG with CATE_HASH, or with CATE_TAG if the hash is unset or "null"."""
    image, tag, digest = (environment.get(f"CATE_{name}") for name in ("IMG", "TAG", "HASH"))
    if not image:
        return None
    if digest and digest != "null":
        return f"{image}@{digest}"
    return f"{image}:{tag}" if tag else image


class CateSettings(ServicesSettings):
    """Cate web APIs: with which program, how many."""

    section = "Cate web APIs"

    cate_silent: bool = setting("CATE_SILENT", boolean, False)
    """Switch Cate web APIs off: their endpoints answer 422. Those that run continue."""

    cate_command: tuple[str, ...] = setting(
        "XCUBE_HUB_CATE_COMMAND",
        command_line,
        (),
        former=("CATE_COMMAND",),
        former_type=within_image,
        default_text=f"none on one machine; in a cluster `{DEFAULT_COMMAND}` in the environment "
        "`xcube` of the image",
    )
    """The command that starts Cate's web API. The hub puts in `{port}` and `{address}`, where it
    must listen, `{workspace}`, the folder of its user, and `{path}`, the path of its URLs. On one
    machine a program that can listen on a unix socket may get `{socket}` in place of both."""

    cate_image: str | None = setting(
        "XCUBE_HUB_CATE_IMAGE",
        str,
        None,
        former_join=former_image,
        former_text="CATE_IMG with CATE_TAG or CATE_HASH",
        default_text="none",
    )
    """In a cluster: the image with Cate. A profile may name another one."""

    cate_user_root: str = setting(
        "XCUBE_HUB_CATE_USER_ROOT",
        folder,
        "/home/xcube/workspace",
        former=("CATE_USER_ROOT",),
    )
    """In a cluster: where the image has the files of its user. On one machine the hub keeps them
    in its data folder."""

    cate_most: int = setting(
        "XCUBE_HUB_CATE_MOST",
        whole_number,
        50,
        former=("CATE_MAX_WEBAPIS",),
        minimum=0,
        maximum=LARGEST_INTEGER,
    )
    """If more Cate web APIs than this are awake, a further one is answered 413."""

    cate_debug: bool = setting("XCUBE_HUB_CATE_DEBUG", boolean, False, former=("CATE_DEBUG",))
    """Give Cate `CATE_DEBUG=1`."""

    cate_stores: str = setting(
        "XCUBE_HUB_CATE_STORES", str, "", former=("CATE_STORES_CONFIG_PATH",), default_text="none"
    )
    """Path of the data stores file that Cate reads (`CATE_STORES_CONFIG_PATH`). Cate runs what its
    users write, so the file must hold no key that they may not have."""


hub = CateSettings()
