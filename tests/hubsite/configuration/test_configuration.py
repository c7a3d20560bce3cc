"""Settings: read once, typed, told in sentences, documented in one page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.core.management import CommandError, call_command

from hubsite import checks
from hubsite.configuration import reading
from hubsite.configuration.reading import (
    BASE_DIR,
    ConfigurationError,
    Setting,
    boolean,
    comma_list,
    file,
    folder,
    one_item,
    read,
    whole_number,
)
from hubsite.configuration.table import SETTINGS, WITHOUT_MEANING, known_names
from hubsite.configuration.unknown import unknown_names
from jobs.checks import check_stores_file
from jobs.stores.catalogue import load_catalogue
from jobs.stores.stores_file import StoresFileError

DOCUMENT = BASE_DIR / "docs" / "configuration.md"


def one(kind, default=None, **options) -> tuple[Setting, ...]:
    return (Setting("HUB_X", kind, default, "What it is for.", "Section", **options),)


def value_of(kind, text: str, **options):
    return read(one(kind, **options), {"HUB_X": text}).values["HUB_X"]


def in_a_new_process(
    code: str, *, umask: int = -1, **environment: str
) -> subprocess.CompletedProcess:
    """Runs `code` after `from hubsite.settings import *`, in a folder of its own."""
    with TemporaryDirectory() as folder:
        given = {"XCUBE_HUB_DATA_DIR": f"{folder}/hub", "XCUBE_HUB_DOTENV": os.devnull}
        return subprocess.run(
            [sys.executable, "-c", f"from hubsite.settings import *\n{code}"],
            env={"PATH": os.environ["PATH"], **given, **environment},
            cwd=BASE_DIR,
            umask=umask,
            capture_output=True,
            text=True,
        )


def hub_with(**environment: str) -> dict:
    """The values that the hub's own table gives."""
    return read(SETTINGS, environment).values


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "text", "text"),
        (boolean, "yes", True),
        (boolean, "Off", False),
        (boolean, "0", False),
        (whole_number, "8080", 8080),
        (whole_number, "1e4", 10_000),
        (comma_list, "a, b,,c ", ["a", "b", "c"]),
        (folder, "/data/hub", Path("/data/hub")),
        (file, "/data/stores.yaml", Path("/data/stores.yaml")),
    ],
)
def test_a_value_has_its_type(kind, text, value):
    assert value_of(kind, text) == value


def test_what_is_not_set_or_empty_has_its_default():
    assert read(one(str, "default"), {}).values == {"HUB_X": "default"}
    assert read(one(str, "default"), {"HUB_X": ""}).values == {"HUB_X": "default"}


@pytest.mark.parametrize("name", ["XCUBE_HUB_OWN_STORE_TYPES", "XCUBE_HUB_CORS_ORIGINS"])
def test_an_empty_list_is_empty_and_does_not_open_what_its_default_opens(name):
    assert hub_with()[name]
    assert hub_with(**{name: ""})[name] == []
    assert name in read(SETTINGS, {name: ""}).given


def test_an_empty_list_leaves_the_keys_of_a_former_name_alone():
    hub = hub_with(XCUBE_HUB_TOKEN_SECRETS="", XCUBE_HUB_TOKEN_SECRET="old")
    assert hub["XCUBE_HUB_TOKEN_SECRETS"] == ["old"]


def test_a_default_may_follow_from_settings_above_it():
    table = (
        Setting("PORT", whole_number, 8080, "", "S"),
        Setting("URL", str, lambda values: f"http://localhost:{values['PORT']}", "", "S"),
    )
    assert read(table, {"PORT": "9"}).values["URL"] == "http://localhost:9"


def test_a_former_name_still_works_and_is_told():
    table = one(str, "default", former=("OLD_X", "OLDER_X"))
    assert read(table, {"OLDER_X": "old"}) == ({"HUB_X": "old"}, {"HUB_X": "OLDER_X"}, [])


def test_the_name_of_today_wins_over_former_ones():
    reading = read(one(str, former=("OLD_X",)), {"OLD_X": "old", "HUB_X": "new"})
    assert reading == ({"HUB_X": "new"}, {"HUB_X": "HUB_X"}, [])


@pytest.mark.parametrize("name", ["XCUBE_HUB_TOKEN_SECRET", "XCUBE_HUB_OAUTH_HS256_SECRET"])
def test_a_former_token_secret_is_one_key_whatever_is_in_it(name):
    assert hub_with(**{name: "one,key "})["XCUBE_HUB_TOKEN_SECRETS"] == ["one,key "]
    assert hub_with(XCUBE_HUB_TOKEN_SECRETS="two,keys")["XCUBE_HUB_TOKEN_SECRETS"] == [
        "two",
        "keys",
    ]
    assert one_item("a,b") == ["a,b"]


def test_the_stores_file_may_be_named_by_folder_and_file_as_before():
    table = one(file, former_path=("OLD_DIR", "OLD_FILE"))
    reading = read(table, {"OLD_DIR": "/etc/hub", "OLD_FILE": "stores.yaml"})
    assert reading.values == {"HUB_X": Path("/etc/hub/stores.yaml")}
    assert reading.given == {"HUB_X": "OLD_DIR with OLD_FILE"}
    assert read(table, {"OLD_DIR": "/a", "OLD_FILE": "b", "HUB_X": "/c"}).values["HUB_X"] == Path(
        "/c"
    )
    (row,) = [row for row in SETTINGS if row.name == "XCUBE_HUB_STORES"]
    assert row.former_path == ("XCUBE_HUB_CFG_DIR", "XCUBE_HUB_CFG_DATAPOOLS")


@pytest.mark.parametrize(
    ("is_set", "lacks"), [("OLD_DIR", "OLD_FILE"), ("OLD_FILE", "OLD_DIR")], ids=str
)
def test_half_a_former_path_is_told_with_what_to_set(is_set, lacks):
    table = one(file, former_path=("OLD_DIR", "OLD_FILE"))
    reading = read(table, {is_set: "x"})
    assert reading.values == {"HUB_X": None}
    assert reading.warnings == [f"{is_set} is ignored, for {lacks} is not set: set HUB_X instead."]
    assert read(table, {is_set: "x", "HUB_X": "/c"}).warnings == []


def test_what_is_old_or_odd_is_logged(monkeypatch, settings, caplog):
    monkeypatch.setattr(checks, "_logged", False)
    settings.HUB_FORMER_NAMES = {"XCUBE_HUB_STORES": "OLD_DIR with OLD_FILE"}
    settings.HUB_WARNINGS = ["OLD_DIR is ignored."]
    settings.HUB_WITHOUT_MEANING = {"GONE": "it went"}
    checks.log_former_names()
    assert caplog.messages == [
        "OLD_DIR with OLD_FILE still works; its name is now XCUBE_HUB_STORES.",
        "OLD_DIR is ignored.",
        "GONE is no longer used: it went.",
    ]


@pytest.mark.parametrize("name", ["XCUBE_CFG_ROOT_DIR", "XCUBE_HUB_REDIS_PORT"])
def test_what_the_service_before_knew_and_this_one_does_not_is_told(name):
    assert name in WITHOUT_MEANING
    done = in_a_new_process("print(HUB_WITHOUT_MEANING)", **{name: "x"})
    assert name in done.stdout


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (boolean, "perhaps"),
        (whole_number, "1.5"),
        (whole_number, "many"),
        (whole_number, "inf"),
        (whole_number, "nan"),
    ],
)
def test_a_value_of_another_type_is_told_in_a_sentence(kind, text):
    with pytest.raises(ConfigurationError) as fault:
        value_of(kind, text)
    assert f"HUB_X={text!r}" in str(fault.value)
    assert "set it to a value of type" in str(fault.value)
    assert str(fault.value).endswith(".")


def test_every_fault_is_told_at_once_and_by_the_name_that_was_set():
    table = (
        Setting("A", whole_number, 1, "", "S", former=("OLD_A",)),
        Setting("B", str, "x", "", "S", choices=("x", "y")),
    )
    with pytest.raises(ConfigurationError) as fault:
        read(table, {"OLD_A": "many", "B": "z"})
    first, second = str(fault.value).splitlines()
    assert first.startswith("OLD_A='many'")
    assert "expected one of x, y" in second


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("XCUBE_HUB_RUNNING_PER_USER", "-1", "0 to 2147483647"),
        ("XCUBE_HUB_ESTIMATORS", "300", "1 to 256"),
        ("XCUBE_HUB_JOB_DEADLINE_S", "2147483648", "1 to 2147483647"),
        ("XCUBE_HUB_PORT", "65536", "0 to 65535"),
        ("XCUBE_HUB_WEB_WORKERS", "0", "1 to 1000"),
    ],
)
def test_a_number_that_would_break_something_later_is_refused(name, text, expected):
    with pytest.raises(ConfigurationError) as fault:
        read(SETTINGS, {name: text, "XCUBE_HUB_WEB_THREADS": "0"})
    told = str(fault.value).splitlines()
    assert len(told) == 2
    assert f"{name}={text!r}: expected {expected}; set it" in "\n".join(told)


def test_bounds_are_allowed_themselves():
    for text in ("1", "5"):
        assert value_of(whole_number, text, minimum=1, maximum=5) == int(text)
    for text in ("0", "6"):
        with pytest.raises(ConfigurationError, match="expected 1 to 5"):
            value_of(whole_number, text, minimum=1, maximum=5)
    with pytest.raises(ConfigurationError, match="expected 2 or more"):
        value_of(whole_number, "1", minimum=2)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_number_has_bounds_that_hold_its_default(setting):
    if setting.type is whole_number:
        assert setting.minimum <= hub_with()[setting.name] <= setting.maximum


def test_the_runner_takes_as_many_estimators_as_the_setting_allows():
    from jobs.runner.__main__ import parse_arguments

    (row,) = [row for row in SETTINGS if row.name == "XCUBE_HUB_ESTIMATORS"]
    places = ["--socket", "s", "--estimate-socket", "e", "--runs-dir", "r"]
    given = parse_arguments(["serve", *places, "--estimators", str(row.maximum)])
    assert given.estimators == row.maximum


def test_a_configuration_that_cannot_be_used_ends_the_start_with_every_fault():
    done = in_a_new_process("", XCUBE_HUB_PORT="99999", XCUBE_HUB_ESTIMATORS="0")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "The configuration cannot be used:",
        "XCUBE_HUB_PORT='99999': expected 0 to 65535; set it to a value of type whole number.",
        "XCUBE_HUB_ESTIMATORS='0': expected 1 to 256; set it to a value of type whole number.",
    ]


def test_what_the_hub_writes_is_its_own_and_the_umask_before_is_known():
    code = "print(oct(ORIGINAL_UMASK), oct(os.umask(0)), oct(DATA_DIR.stat().st_mode & 0o777))"
    keys = {"XCUBE_HUB_SECRET_KEY": "x" * 50, "XCUBE_HUB_TOKEN_SECRETS": "y"}
    done = in_a_new_process(code, umask=0o027, **keys)
    assert done.stdout.split() == ["0o27", "0o77", "0o700"], done.stderr


@pytest.mark.parametrize(
    "path",
    ["metrics", "health/ready", "api/v2/", "api/v2/cubegens/a/callbacks", "api/v2/cubegens/a/code"],
)
def test_probes_and_runs_are_not_redirected_in_production(path):
    done = in_a_new_process(
        "import re\n"
        f"print(SECURE_SSL_REDIRECT, any(re.search(p, {path!r}) for p in SECURE_REDIRECT_EXEMPT))",
        XCUBE_HUB_ENV="production",
        XCUBE_HUB_PUBLIC_URL="https://hub.example.org",
    )
    assert done.stdout == "True True\n", done.stderr


def test_without_the_file_of_pins_the_version_of_xcube_is_unknown(tmp_path):
    """As in an installation that is no checkout."""
    for app in ("hubsite", "accounts", "jobs", "services"):
        shutil.copytree(BASE_DIR / app, tmp_path / app)
    done = subprocess.run(
        [sys.executable, "-c", "from hubsite import settings; print(settings.XCUBE_VERSION)"],
        env={"PATH": os.environ["PATH"], "XCUBE_HUB_DOTENV": os.devnull},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "None\n", done.stderr


# The stores file


def test_a_stores_file_written_after_the_start_is_found(settings, tmp_path):
    path = tmp_path / "stores.yaml"
    assert hub_with(XCUBE_HUB_DATA_DIR=str(tmp_path))["XCUBE_HUB_STORES"] == path
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": path}
    settings.HUB_GIVEN = {}
    assert len(load_catalogue()) == 0
    assert check_stores_file() == []
    path.write_text("x: {store_id: memory}")
    assert [store.name for store in load_catalogue()] == ["x"]


def test_a_stores_file_that_is_named_must_be_there(settings, tmp_path):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": tmp_path / "stores.yaml"}
    settings.HUB_GIVEN = {"XCUBE_HUB_STORES": "XCUBE_HUB_STORES"}
    with pytest.raises(StoresFileError, match="No such file"):
        load_catalogue()
    assert len(check_stores_file()) == 1
    with pytest.raises(CommandError, match="cannot be used"):
        call_command("check_stores")


def test_check_stores_tells_where_the_file_would_be(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.HUB = {**settings.HUB, "XCUBE_HUB_STORES": tmp_path / "stores.yaml"}
    settings.HUB_GIVEN = {}
    out = StringIO()
    call_command("check_stores", stdout=out)
    assert f"There is no stores file: write {tmp_path}/stores.yaml" in out.getvalue()
    (tmp_path / "stores.yaml").write_text("x: {store_id: memory}")
    call_command("check_stores", stdout=out)
    assert "@x" in out.getvalue()


# What people see


def test_a_secret_is_not_told():
    with pytest.raises(ConfigurationError) as fault:
        value_of(whole_number, "hunter2", secret=True)
    assert "hunter2" not in str(fault.value)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_explained_and_has_a_type_with_a_name(setting):
    assert setting.help.endswith(".")
    assert setting.section
    assert setting.type_name.replace(" ", "").replace("/", "").isalpha()


def test_no_name_means_two_settings():
    names = [
        name
        for setting in SETTINGS
        for name in (setting.name, *setting.former, *setting.former_path)
    ] + list(WITHOUT_MEANING)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("old", "image"),
    [
        ({"XCUBE_REPO": "quay.io/bcdev/xcube", "XCUBE_TAG": "0.7.2"}, "quay.io/bcdev/xcube:0.7.2"),
        (
            {"XCUBE_REPO": "r.org/x", "XCUBE_TAG": "0.7.2", "XCUBE_HASH": "sha256:ab"},
            "r.org/x@sha256:ab",
        ),
        ({"XCUBE_REPO": "r.org/x", "XCUBE_TAG": "1", "XCUBE_HASH": "null"}, "r.org/x:1"),
        ({"XCUBE_REPO": "r.org/x"}, "r.org/x"),
        ({"XCUBE_TAG": "0.7.2"}, "quay.io/bcdev/xcube:1.14.1"),
    ],
)
def test_the_image_may_be_given_in_the_three_parts_of_old(old, image):
    assert read(SETTINGS, old).values["XCUBE_HUB_POD_IMAGE"] == image


@pytest.mark.parametrize(
    ("given", "engine"),
    [
        ({}, "local"),
        ({"XCUBE_HUB_RUN_LOCAL": "1"}, "kubernetes"),
        ({"XCUBE_HUB_RUN_LOCAL": "0"}, "kubernetes"),
        ({"XCUBE_HUB_RUN_LOCAL": "1", "XCUBE_HUB_ENGINE": "local"}, "local"),
    ],
)
def test_run_local_never_meant_an_engine_without_a_cluster(given, engine):
    assert read(SETTINGS, given).values["XCUBE_HUB_ENGINE"] == engine


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("XCUBE_HUB_POD_NODE_SELECTOR", "disk=ssd, zone=a", {"disk": "ssd", "zone": "a"}),
        ("XCUBE_HUB_POD_TOLERATIONS", '[{"operator": "Exists"}]', [{"operator": "Exists"}]),
        ("XCUBE_HUB_POD_CPU_REQUEST", "250m", "250m"),
        ("XCUBE_HUB_INSTANCE", "hub.staging", "hub.staging"),
    ],
)
def test_settings_of_pods_are_read(name, text, value):
    assert read(SETTINGS, {name: text}).values[name] == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("XCUBE_HUB_POD_NODE_SELECTOR", "ssd"),
        ("XCUBE_HUB_POD_TOLERATIONS", '{"operator": "Exists"}'),
        ("XCUBE_HUB_POD_TOLERATIONS", "nonsense"),
        ("XCUBE_HUB_POD_CPU_LIMIT", "2Gi"),
        ("XCUBE_HUB_INSTANCE", "a b"),
        ("XCUBE_HUB_POD_USER_ID", "0"),
        ("XCUBE_HUB_POD_PULL_POLICY", "Sometimes"),
    ],
)
def test_settings_of_pods_that_no_cluster_takes_are_refused(name, text):
    with pytest.raises(ConfigurationError, match=name):
        read(SETTINGS, {name: text})


def test_the_page_about_settings_is_up_to_date():
    """`python manage.py show_settings --markdown > docs/configuration.md`"""
    out = StringIO()
    call_command("show_settings", "--markdown", stdout=out)
    assert DOCUMENT.read_text() == out.getvalue()


def test_the_page_names_every_setting_and_no_value_of_this_machine(settings):
    text = DOCUMENT.read_text()
    assert all(f"`{setting.name}`" in text for setting in SETTINGS)
    assert str(Path(__file__).resolve().parents[3]) not in text


def test_the_command_shows_by_which_former_names_a_value_was_given(settings, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    settings.HUB_FORMER_NAMES = {"XCUBE_HUB_STORES": "OLD_DIR with OLD_FILE"}
    out = StringIO()
    call_command("show_settings", stdout=out)
    assert "OLD_DIR with" in out.getvalue()
    assert "(former name)" in out.getvalue()


def test_the_command_shows_values_and_stars_secrets(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PORT": 9123, "XCUBE_HUB_SECRET_KEY": "hunter2"}
    out = StringIO()
    call_command("show_settings", stdout=out)
    assert "9123" in out.getvalue()
    assert "hunter2" not in out.getvalue()
    assert "****" in out.getvalue()


# Names that are no settings


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("XCUBE_HUB_EVN", "XCUBE_HUB_ENV"),
        ("XCUBE_HUB_ALLOWED_HOST", "XCUBE_HUB_ALLOWED_HOSTS"),
        ("xcube_hub_env", "XCUBE_HUB_ENV"),
        ("XCUBE_HUB_DATABASE_DIR", "XCUBE_HUB_DATA_DIR"),
        ("XCUBE_HUB_POD_RETRYS", "XCUBE_HUB_POD_RETRIES"),
    ],
)
def test_a_name_that_is_no_setting_stops_the_start_and_the_nearest_is_told(name, near):
    done = in_a_new_process("", **{name: "production"})
    assert done.returncode == 1
    assert f"{name} is no setting of the hub. Did you mean {near}?" in done.stderr


def test_a_name_like_no_other_is_told_without_a_guess():
    with pytest.raises(ConfigurationError, match="XCUBE_HUB_QQQ is no setting of the hub. Remove"):
        read(SETTINGS, {"XCUBE_HUB_QQQ": ""}, known=known_names())


def test_every_name_that_the_hub_or_the_one_before_knew_may_be_set():
    names = {*WITHOUT_MEANING, *(name for row in SETTINGS for name in (row.name, *row.former))}
    names |= {"XCUBE_HUB_OAUTH_DOMAIN", "XCUBE_HUB_CFG_DIR", "XCUBE_HUB_POSTGIS_HOST"}
    names |= {"XCUBE_HUB_RUN_TOKEN", "XCUBE_HUB_DOTENV"}
    assert unknown_names(dict.fromkeys(names, "x"), known_names()) == []


def test_what_kubernetes_sets_for_a_service_of_the_hub_is_no_typing_error():
    service = {
        "XCUBE_HUB_WEB_SERVICE_HOST": "10.0.0.7",
        "XCUBE_HUB_WEB_SERVICE_PORT": "8080",
        "XCUBE_HUB_WEB_SERVICE_PORT_HTTP": "8080",
        "XCUBE_HUB_WEB_PORT": "tcp://10.0.0.7:8080",
        "XCUBE_HUB_WEB_PORT_8080_TCP": "tcp://10.0.0.7:8080",
        "XCUBE_HUB_WEB_PORT_8080_TCP_ADDR": "10.0.0.7",
    }
    assert unknown_names(service, known_names()) == []
    (told,) = unknown_names({"XCUBE_HUB_WEB_PORT": "8080"}, known_names())
    assert "XCUBE_HUB_WEB_PORT is no setting" in told


@pytest.mark.parametrize("folder", ["deploy", "tests", "docs", "."])
def test_what_our_own_files_set_is_known(folder):
    """Manifests, the Makefile and the documentation name no setting that stops a hub."""
    kinds = {"deploy": "*", "tests": "*.py", "docs": "*.md", ".": "Makefile"}
    paths = [path for path in (BASE_DIR / folder).rglob(kinds[folder]) if path.is_file()]
    if folder == ".":
        paths = [BASE_DIR / "Makefile"]
    given = re.compile(r"""(XCUBE_HUB_[A-Z_]+)["']?(?:=|:|\]|\n\s+value)""")
    text = "\n".join(
        path.read_text(errors="replace")
        for path in paths
        if path.name not in ("test_configuration.py", "test_dotenv.py")
    )
    names = set(given.findall(text)) - {"XCUBE_HUB_HOST"}
    assert unknown_names(dict.fromkeys(names, "x"), known_names()) == []


@pytest.mark.parametrize(
    "text",
    ["http://", "http://:80", "http://[::1", "http://h:99999", "http://h:0", "https://u:p@h",
     "http://h h", "http://h\n", "http://h\\@x", "h:80", "ftp://h"],
)  # fmt: skip
def test_a_url_names_a_host_and_no_password(text):
    with pytest.raises(ValueError, match="^expected a URL"):
        reading.url(text)


@pytest.mark.parametrize(
    "text",
    ["mysql://u:secret@h/x", "secret", "postgres://u:secret@h", "postgres://u:secret@h:a/x",
     "postgres://u:secret@[::1/x", "sqlite://", "oracle://secret"],
)  # fmt: skip
def test_a_database_that_the_hub_cannot_use_is_a_sentence_without_its_password(text):
    with pytest.raises(ConfigurationError, match="DATABASE_URL: expected postgres://") as fault:
        hub_with(DATABASE_URL=text)
    assert "secret" not in str(fault.value)


@pytest.mark.parametrize(
    "text",
    ["postgres://u:p#@h:5432/x", "postgresql://u@/x?host=/run/pg", "sqlite:////data/hub.sqlite3",
     "postgres:////run/postgresql/x", "sqlite:///hub.sqlite3"],
)  # fmt: skip
def test_databases_that_the_hub_can_use(text):
    assert hub_with(DATABASE_URL=text)["DATABASE_URL"] == text


@pytest.mark.parametrize("text", ["x", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8 fd00::/8"])
@pytest.mark.parametrize("name", ["XCUBE_HUB_OWN_STORE_NETWORKS", "XCUBE_HUB_WEBHOOK_NETWORKS"])
def test_a_network_that_is_none_stops_the_start(name, text):
    with pytest.raises(ConfigurationError, match=f"{name}.*expected networks"):
        reading.read(SETTINGS, {name: text})


def test_a_data_folder_that_is_none_is_a_sentence_for_every_command(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", "/proc/nothing"):
        done = in_a_new_process("", XCUBE_HUB_DATA_DIR=str(place))
        assert done.returncode == 1
        assert f"XCUBE_HUB_DATA_DIR={place}: the hub cannot keep its files there" in done.stderr
        assert "Traceback" not in done.stderr
