"""Parses a cube generation request: checks its form and cleans it.

`resolve.py` decides who may make it, and with which stores.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from .code import UPLOAD_PLACEHOLDER, code_faults
from .cube import cube_faults
from .errors import MAX_REPORTED, NOT_LISTED, FieldError, InvalidRequest
from .json_rules import json_faults, size_faults
from .parameters import LEVELS
from .paths import path_fault
from .schema import structure_faults


@dataclass(frozen=True)
class CubegenRequest:
    """A well-formed request.

    `document` is a clean copy: without nulls that mean "not given", without `callback_config`,
    and with a placeholder for the path of uploaded code.
    """

    document: dict

    @property
    def inputs(self) -> list[tuple[str, dict]]:
        """Each input with its field name."""
        if "input_config" in self.document:
            return [("input_config", self.document["input_config"])]
        return [
            (f"input_configs[{index}]", config)
            for index, config in enumerate(self.document["input_configs"])
        ]

    @property
    def output(self) -> dict:
        return self.document["output_config"]

    @property
    def has_user_code(self) -> bool:
        return "code_config" in self.document

    def with_levels(self) -> CubegenRequest:
        """The same request, with a pyramid beside its output."""
        params = {**self.output.get("write_params", {}), LEVELS: True}
        output = {**self.output, "write_params": params}
        return CubegenRequest({**self.document, "output_config": output})


def parse_request(document: object, *, uploaded: bool = False) -> CubegenRequest:
    """Check `document` and return it as a request. `uploaded`: code was uploaded as an archive.

    Raises InvalidRequest with every fault, and no other exception for any JSON value.
    """
    if faults := list(islice(json_faults(document), 2 * MAX_REPORTED)):
        raise InvalidRequest(faults)
    if not isinstance(document, dict):
        raise InvalidRequest([FieldError("", "expected a JSON object")])
    document = _without_nulls(copy.deepcopy(document))
    document.pop("callback_config", None)
    faults = list(structure_faults(document))
    faults += _meaning_faults(document, faults, uploaded=uploaded)
    if faults:
        raise InvalidRequest(faults)
    if "file_set" in document.get("code_config", {}):
        document["code_config"]["file_set"]["path"] = UPLOAD_PLACEHOLDER
    return CubegenRequest(document)


def _without_nulls(document: dict) -> dict:
    """`document` without members that are null, because clients write "not given" so."""

    def given(config: object) -> object:
        if not isinstance(config, dict):
            return config
        return {key: value for key, value in config.items() if value is not None}

    document = given(document)
    for name in ("cube_config", "code_config", "output_config", "input_config"):
        if name in document:
            document[name] = given(document[name])
    if isinstance(document.get("input_configs"), list):
        document["input_configs"] = [given(config) for config in document["input_configs"]]
    code = document.get("code_config")
    if isinstance(code, dict) and "file_set" in code:
        code["file_set"] = given(code["file_set"])
    return document


def _meaning_faults(
    document: dict, structure: list[FieldError], *, uploaded: bool
) -> Iterator[FieldError]:
    """Faults in the meaning of those parts whose structure is right."""

    def sound(part: str) -> bool:
        return NOT_LISTED not in structure and not any(
            fault.field == part or fault.field.startswith((f"{part}.", f"{part}["))
            for fault in structure
        )

    if ("input_config" in document) == ("input_configs" in document):
        yield FieldError("input_config", "expected exactly one of input_config and input_configs")
    if "cube_config" in document and sound("cube_config"):
        yield from cube_faults(document["cube_config"])
    if "code_config" in document and sound("code_config"):
        yield from code_faults(document["code_config"], uploaded=uploaded)
    elif uploaded and "code_config" not in document:
        yield FieldError("code_config", "missing; expected the use of the uploaded code")
    if "input_config" in document and sound("input_config"):
        yield from _dataset_faults("input_config", document["input_config"])
    if "input_configs" in document and sound("input_configs"):
        for index, config in enumerate(document["input_configs"]):
            yield from _dataset_faults(f"input_configs[{index}]", config)
    if sound("output_config"):
        yield from _dataset_faults("output_config", document["output_config"])


def _dataset_faults(field: str, config: dict) -> Iterator[FieldError]:
    yield from size_faults(field, config, "store_params", "open_params", "write_params")
    if "data_id" in config and (fault := path_fault(config["data_id"])):
        yield FieldError(f"{field}.data_id", fault)
