#!/usr/bin/env bash
# Makes the Python environments of a checkout; the Makefile calls it.
#   install.sh hub     .venv: the hub, and what checks and tests it
#   install.sh xcube   .xcube: xcube, kept in the user's cache and shared by checkouts
#   install.sh s3      .s3: an S3 server for tests, kept likewise
#   install.sh geodb   .geodb: the geoDB client for tests, kept likewise
#   install.sh openapi .openapi: a generator of clients for tests, kept likewise
#   install.sh codecs  .codecs: an old numcodecs for tests, kept likewise
# PYTHON chooses the interpreter. Certificates and mirrors are those of the user's pip or uv.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
python_is_new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$candidate" -c "$python_is_new_enough" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "The hub needs Python 3.11 or newer, which ${PYTHON:-python3} is not." \
        "Install one, or name it: make PYTHON=/path/to/python3" >&2
    exit 1
}

# uv does not read pip's configuration: hand over the mirror and the certificates from there.
adopt_pip_settings() {
    local setting value
    for setting in index-url extra-index-url cert; do
        value=$("$venv/bin/python" -m pip config get ":env:.$setting" 2>/dev/null ||
            "$venv/bin/python" -m pip config get "install.$setting" 2>/dev/null ||
            "$venv/bin/python" -m pip config get "global.$setting" 2>/dev/null || true)
        [ -n "$value" ] || continue
        case $setting in
            index-url) export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-$value}}" ;;
            extra-index-url) export UV_INDEX="${UV_INDEX:-${UV_EXTRA_INDEX_URL:-$value}}" ;;
            cert) export SSL_CERT_FILE="${SSL_CERT_FILE:-$value}" ;;
        esac
    done
    export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
}

install_uv() {
    if [ ! -x "$venv/bin/python" ]; then
        local python
        python=$(find_python)
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "$python cannot make environments; on Debian install what is missing with:" \
                "apt-get install python3-venv" >&2
            exit 1
        fi
        "$python" -m venv "$venv"
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement requirements-uv.txt
}

install_hub() {
    echo "Installing the hub into $venv (half a minute the first time) …"
    install_uv
    adopt_pip_settings
    "$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes \
        requirements-dev.txt requirements-uv.txt
    write_command
    touch "$venv/.installed"
}

# The command xcube-hub, which runs the hub of this checkout from any folder.
write_command() {
    cat >"$venv/bin/xcube-hub" <<'END'
#!/bin/sh
# Made by deploy/install.sh.
bin=$(dirname "$(readlink -f "$0")")
exec "$bin/python" -c '
import sys
sys.path[0] = sys.argv.pop(1)
from hubsite.cli import main
main()' "$bin/../.." "$@"
END
    chmod +x "$venv/bin/xcube-hub"
}

# An environment in the user's cache, named by what is in it, linked into the checkout as .NAME.
install_cached() {
    local name=$1 size=$2 python version digest cache folder
    python=$("$venv/bin/python" -c 'import sys; print(sys._base_executable)')
    version=$("$python" -c 'import platform; print(platform.python_version())')
    digest=$( (cat "requirements-$name.txt" && echo "$version") | sha256sum | cut -c1-12)
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/xcube-hub
    folder=$cache/$name-$digest
    mkdir -p "$cache"
    exec 9>"$folder.lock"
    if ! flock --nonblock 9; then
        echo "Waiting for another make, which is installing $name …"
        flock 9
    fi
    if [ ! -e "$folder/.installed" ]; then
        echo "Installing $name into $folder ($size) …"
        adopt_pip_settings
        rm -rf "$folder"
        "$venv/bin/uv" venv --quiet --python "$python" "$folder"
        "$venv/bin/uv" pip install --quiet --python "$folder/bin/python" --require-hashes \
            --no-deps --compile-bytecode --requirement "requirements-$name.txt"
        touch "$folder/.installed"
    fi
    exec 9>&-
    ln -sfnT "$folder" ".$name"
    touch ".$name/.installed"
}

case ${1:-} in
    hub) install_hub ;;
    xcube) install_cached xcube "1 GB, about a minute" ;;
    s3) install_cached s3 "an S3 server for tests, a few seconds" ;;
    geodb) install_cached geodb "the geoDB client for tests, half a minute" ;;
    openapi) install_cached openapi "a generator of clients for tests, a few seconds" ;;
    codecs) install_cached codecs "an old numcodecs for tests, a few seconds" ;;
    *) sed -n '2,9p' "$0" && exit 2 ;;
esac
