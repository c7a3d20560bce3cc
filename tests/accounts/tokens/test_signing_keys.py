"""The keys of tokens: rotated without breaking those that are out, by file or by setting."""

from __future__ import annotations

import base64
import json
import os
import threading
from datetime import timedelta
from io import StringIO

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import AccessToken
from accounts.tokens import signing_keys
from accounts.tokens.hub_tokens import InvalidToken, issue_token, verify_token
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(settings, tmp_path):
    settings.TOKEN_SECRETS = []
    settings.TOKEN_SECRETS_FILE = tmp_path / "token-secret"
    return settings.TOKEN_SECRETS_FILE


@pytest.fixture
def user():
    return make_user(permissions=["manage:cubegens"])


def rotate(*options: str) -> str:
    out = StringIO()
    call_command("rotate_signing_key", *options, stdout=out)
    return out.getvalue()


def test_the_file_is_made_for_its_owner_only(path):
    (key,) = signing_keys.signing_keys()
    assert len(key) >= 64
    assert path.stat().st_mode & 0o777 == 0o600
    rotate()
    assert path.stat().st_mode & 0o777 == 0o600


def test_live_tokens_outlive_rotations_and_new_ones_are_signed_anew(path, user):
    tokens = [issue_token(user, scopes=["manage:cubegens"])]
    for _ in range(3):
        before = signing_keys.signing_keys()[0]
        assert f"all processes that see {path}" in rotate()
        tokens.append(issue_token(user, scopes=["manage:cubegens"]))
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(tokens[-1], before, algorithms=["HS256"], options={"verify_aud": False})
    for token in tokens:
        assert verify_token(token).user == user
    assert len(signing_keys.signing_keys()) == 4


def test_a_key_that_no_live_token_needs_is_dropped(path, user):
    old = issue_token(user, scopes=[])
    rotate()
    AccessToken.objects.update(
        issued_at=timezone.now() - timedelta(days=9),
        expires_at=timezone.now() - timedelta(days=2),
    )
    (signing, replaced) = signing_keys.keys_in(path)
    hour_ago = timezone.now() - timedelta(hours=1)
    path.write_text(f"{signing.line()}\n{signing_keys.Key(replaced.secret, hour_ago).line()}\n")
    new = issue_token(user, scopes=[])
    assert "1 were dropped" in rotate()
    with pytest.raises(InvalidToken, match="signature is wrong"):
        verify_token(old)
    assert verify_token(new).user == user


def test_a_long_lived_token_keeps_its_key_however_often_one_rotates(path, user):
    long = issue_token(user, scopes=[], lifetime_s=366 * 86400)
    for _ in range(5):
        rotate()
    assert verify_token(long).user == user


def test_a_prepared_key_verifies_and_signs_only_after_the_rotation(path, user):
    first = signing_keys.signing_keys()[0]
    rotate("--prepare")
    rotate("--prepare")  # again: the same one
    first_again, prepared = signing_keys.signing_keys()
    assert first_again == first
    token = issue_token(user, scopes=[])
    jwt.decode(token, first, algorithms=["HS256"], options={"verify_aud": False})
    rotate()
    assert signing_keys.signing_keys()[0] == prepared
    assert verify_token(token).user == user


def test_the_jwks_holds_every_key(path):
    rotate("--prepare")
    keys = json.loads(rotate("--jwks"))["keys"]
    decoded = [base64.urlsafe_b64decode(key["k"] + "==").decode() for key in keys]
    assert decoded == signing_keys.signing_keys()
    assert {key["kty"] for key in keys} == {"oct"}


def test_rotations_at_once_lose_no_key(path):
    signing_keys.signing_keys()
    threads = [
        threading.Thread(
            target=signing_keys.rotate, args=(path,), kwargs={"is_needed": lambda key, since: True}
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(signing_keys.signing_keys())) == 9


def test_a_reader_never_sees_half_a_file(path):
    signing_keys.signing_keys()
    seen, stop = set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.update(len(key) for key in signing_keys.signing_keys())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        signing_keys.rotate(path, is_needed=lambda key, since: True)
    stop.set()
    reader.join()
    assert seen == {len(signing_keys.signing_keys()[0])}


def test_a_file_of_before_holds_one_key(path, user):
    path.write_text("x" * 86 + "\n")
    os.chmod(path, 0o600)
    assert signing_keys.signing_keys() == ["x" * 86]


def test_keys_of_the_setting_are_not_changed_and_it_tells_what_to_set(settings, path, user):
    settings.TOKEN_SECRETS = ["s" * 40]
    token = issue_token(user, scopes=[])
    told = rotate()
    assert "XCUBE_HUB_TOKEN_SECRETS" in told
    assert "END" in told
    assert "FIRST" in told
    assert settings.TOKEN_SECRETS[0] not in told
    assert not path.exists()
    assert verify_token(token).user == user
    assert "s" * 40 not in rotate("--prepare")


def test_a_file_that_cannot_be_written_is_told(path, monkeypatch):
    signing_keys.signing_keys()

    def refuse(*args, **options):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(signing_keys.os, "open", refuse)
    with pytest.raises(CommandError, match="Read-only file system"):
        rotate()
