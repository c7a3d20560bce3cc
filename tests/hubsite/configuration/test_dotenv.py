"""The `.env` file: what common tools write is read, everything else stops the start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hubsite.configuration.dotenv import read_dotenv
from hubsite.configuration.reading import BASE_DIR, ConfigurationError


def read(tmp_path, content: str | bytes) -> dict[str, str]:
    path = tmp_path / ".env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_dotenv(path)


PRODUCTION = {"XCUBE_HUB_ENV": "production"}


@pytest.mark.parametrize(
    "content",
    [
        "XCUBE_HUB_ENV=production",
        "XCUBE_HUB_ENV=production\n",
        b"\xef\xbb\xbfXCUBE_HUB_ENV=production\n",
        "XCUBE_HUB_ENV = production\n",
        "  XCUBE_HUB_ENV\t=\tproduction  \n",
        "export XCUBE_HUB_ENV=production\n",
        "export   XCUBE_HUB_ENV = 'production'\n",
        'XCUBE_HUB_ENV="production"\r\n',
        "XCUBE_HUB_ENV=production\r",
        "# a comment\n\n   # another\nXCUBE_HUB_ENV=production # and one more\n",
        'XCUBE_HUB_ENV="production" # = "development"\n',
        "XCUBE_HUB_ENV=production\nXCUBE_HUB_ENV=production\n",
    ],
)
def test_production_is_read_however_it_is_written(tmp_path, content):
    assert read(tmp_path, content) == PRODUCTION


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=", ""),
        ("A= # nothing", ""),
        ("A=''", ""),
        ("A=a=b", "a=b"),
        ("A=a#b", "a#b"),
        ("A='a # b'", "a # b"),
        (r"A='a\nb\"'", r"a\nb\""),
        (r'A="a\nb\"c\\d\e"', 'a\nb"c\\d\\e'),
        ('A="several\nlines"', "several\nlines"),
        ('A=[{"key": "edc"}]', '[{"key": "edc"}]'),
        ("A=it's", "it's"),
        ("A=Größe", "Größe"),
        ("A=${B}", "${B}"),
    ],
)
def test_a_value_is_read_as_common_tools_do(tmp_path, line, value):
    assert read(tmp_path, f"{line}\nZ=last\n") == {"A": value, "Z": "last"}


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("# x\nXCUBE_HUB_ENV production\n", 2, "= is expected behind XCUBE_HUB_ENV"),
        ("XCUBE_HUB_ENV\n", 1, "= is expected behind XCUBE_HUB_ENV"),
        ("export XCUBE_HUB_ENV\n", 1, "= is expected"),
        ("\n\nXCUBE-HUB-ENV=production\n", 3, "= is expected behind XCUBE"),
        ("1X=production\n", 1, "a name of letters"),
        ("=production\n", 1, "a name of letters"),
        ("\nXCUBE_HUB_ENV='production\n", 2, "the quote ' is not closed"),
        ('XCUBE_HUB_ENV="production\\"\n', 1, 'the quote " is not closed'),
        ("XCUBE_HUB_ENV='production'x\n", 1, "something stands behind the closing quote"),
        ("A=1\nA=2\n", 2, "A has another value in line 1"),
        ("A=a\0b\n", 1, "holds a NUL"),
        (b"A=1\nB=Gr\xf6\xdfe\n", 2, "0xf6 is not UTF-8"),
        ("A=1\n".encode("utf-16"), 1, "0xff is not UTF-8"),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_line(tmp_path, content, line, reason):
    with pytest.raises(ConfigurationError) as fault:
        read(tmp_path, content)
    assert f"{tmp_path / '.env'}, line {line}: " in str(fault.value)
    assert reason in str(fault.value)


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(ConfigurationError) as fault:
        read(tmp_path, "one\nA=1\ntwo\n")
    assert [text.split(": ")[0][-6:] for text in str(fault.value).splitlines()] == [
        "line 1",
        "line 3",
    ]


def test_nothing_of_a_value_is_told(tmp_path):
    with pytest.raises(ConfigurationError) as fault:
        read(tmp_path, "XCUBE_HUB_SECRET_KEY='hunter2\n")
    assert "hunter2" not in str(fault.value)


def started(dotenv, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "from hubsite.settings import *; print(HUB['XCUBE_HUB_ENV'])"],
        env={"PATH": os.environ["PATH"], "XCUBE_HUB_DOTENV": str(dotenv), **environment},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b" export ", b""])
def test_a_hub_of_production_is_one(tmp_path, start):
    path = tmp_path / ".env"
    path.write_bytes(start + f"XCUBE_HUB_ENV = production\nXCUBE_HUB_DATA_DIR={tmp_path}".encode())
    assert started(path).stdout == "production\n"
    assert started(path, XCUBE_HUB_ENV="development").stdout == "development\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"XCUBE_HUB_ENV=production\n# Gr\xfc\xdfe\n", "line 2: the byte 0xfc is not UTF-8"),
        (b"XCUBE_HUB_ENV: production\n", "line 1: = is expected"),
        (b"XCUBE_HUB_ENVIRONMENT=production\n", "Did you mean XCUBE_HUB_ENV?"),
    ],
)
def test_a_hub_does_not_start_on_a_file_that_it_cannot_read(tmp_path, content, told):
    path = tmp_path / ".env"
    path.write_bytes(content)
    done = started(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_named_but_cannot_be_opened_stops_the_start(tmp_path):
    for path, why in [(tmp_path / "absent", "No such file"), (tmp_path, "Is a directory")]:
        done = started(path)
        assert done.returncode == 1
        assert f"{path} cannot be read: {why}" in done.stderr
