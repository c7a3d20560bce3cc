"""The one HTTP client: no answer is waited for without a bound, or taken without a limit."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hubsite import http_client
from hubsite.http_client import NoAnswer, NotTaken, TooLarge, call
from tests.patience import PATIENCE_S, comes_back, wait_for
from tests.servers.silent import silent_server

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serves each caller with these bytes, and then as the function says; gives the URL."""
    servers: list[socket.socket] = []

    def start(data: bytes, then: Callable[[socket.socket], None] = lambda _: None) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    seen.append(connection.recv(65536))
                    connection.sendall(data)
                    then(connection)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}/"

    seen: list[bytes] = []
    start.seen = seen
    yield start
    for server in servers:
        server.close()


def get(url: str, **options) -> http_client.Answer:
    return call("GET", url, **{"timeout_s": PATIENCE_S, "most_bytes": 1000, **options})


def test_status_and_body_come_as_they_are(serve) -> None:
    answer = get(serve(HEAD + b'\r\n{"a": 1}'))
    assert (answer.status, answer.json()) == (200, {"a": 1})


def test_one_that_accepts_and_never_answers_is_given_up() -> None:
    def ask() -> None:
        with pytest.raises(NoAnswer, match="no answer within 0.3 s"):
            get(f"http://{server.address}/", timeout_s=0.3)

    with silent_server() as server:
        comes_back(ask)
        wait_for(lambda: server.connections and server.waiting == 0, "end of the connection")


def test_one_that_answers_byte_by_byte_is_given_up(serve) -> None:
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not over.wait(0.02):
            try:
                connection.sendall(b" ")
            except OSError:
                return

    url = serve(HEAD + b"\r\n", drip)

    def ask() -> None:
        with pytest.raises(NoAnswer, match="too slowly"):
            get(url, timeout_s=3)  # less, and the first byte of a busy machine may come too late

    comes_back(ask)
    over.set()


def test_one_that_sends_its_headers_byte_by_byte_is_given_up(serve) -> None:
    """Each byte renews the time-out of the socket, but not the limit of the call."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not over.wait(0.02):
            try:
                connection.sendall(b"x")
            except OSError:
                return

    url = serve(HEAD + b"X-Long: ", drip)

    def ask() -> None:
        with pytest.raises(NoAnswer, match="too slowly|no answer within"):
            get(url, timeout_s=0.5)

    comes_back(ask)
    over.set()


def test_one_that_never_ends_its_handshake_is_given_up() -> None:
    def ask() -> None:
        with pytest.raises(NoAnswer):
            get(f"https://{server.address}/", timeout_s=0.3)

    with silent_server() as server:
        comes_back(ask)
        wait_for(lambda: server.connections and server.waiting == 0, "end of the connection")


def test_a_body_that_nobody_wants_is_not_read(serve) -> None:
    sent = threading.Event()

    def endless(connection: socket.socket) -> None:
        try:
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            sent.set()

    answer = get(serve(HEAD + b"\r\n", endless), most_bytes=0)
    assert (answer.status, answer.content) == (200, b"")
    assert sent.wait(PATIENCE_S)


def test_an_answer_of_too_many_bytes_is_not_taken(serve) -> None:
    with pytest.raises(TooLarge, match="more than 1000 bytes"):
        get(serve(HEAD + b"\r\n" + b"x" * 1001))
    assert len(get(serve(HEAD + b"\r\n" + b"x" * 1000)).content) == 1000


def test_a_redirect_is_not_followed(serve) -> None:
    elsewhere = serve(HEAD + b"\r\nno")
    moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    assert get(serve(moved.encode())).status == 302
    assert len(serve.seen) == 1


def test_nobody_there_and_one_that_hangs_up_are_told_apart_from_a_slow_one(serve) -> None:
    for url in ("http://127.0.0.1:9/", serve(b"")):
        with pytest.raises(NotTaken) as told:
            get(url)
        assert "HTTPConnectionPool" not in str(told.value)


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", HEAD + b"Content-Length: 5\r\n\r\nabc"])
def test_an_answer_that_is_broken_is_none(serve, data: bytes) -> None:
    with pytest.raises(NoAnswer):
        get(serve(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\0\xff SECRET\r\n\r\n",
        b"SSH-2.0-SECRET\r\n",
        b"HTTP/1.1 SECRET\r\n\r\n",
        b"HTTP/1.1 99999 SECRET\0\r\n\r\n",
        HEAD + b"SECRET\0\r\n\r\n",
        HEAD + b"Content-Length: SECRET\0\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nSECRET\0\r\n",
    ],
)
def test_what_is_told_of_a_broken_answer_can_be_stored_and_betrays_nothing(serve, data) -> None:
    try:
        message = get(serve(data)).content.decode()
    except NoAnswer as error:
        message = str(error)
    assert message.isprintable() and "SECRET" not in message


def test_no_json_is_a_value_error_however_deep(serve) -> None:
    for body in (b"no", b"[" * 200_000):
        with pytest.raises(ValueError):
            get(serve(HEAD + b"\r\n" + body), most_bytes=10**6).json()


def test_the_token_is_ours_whatever_a_netrc_says(serve, tmp_path, monkeypatch) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    get(serve(HEAD + b"\r\n"), headers={"Authorization": "Bearer ours"})
    assert b"Authorization: Bearer ours" in serve.seen[0]


def test_our_own_servers_are_not_asked_through_a_proxy(serve, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert get(serve(HEAD + b"\r\n"), through_proxy=False).status == 200


@pytest.mark.parametrize("through_proxy", [True, False])
def test_certificates_that_this_machine_trusts_are_trusted(
    tmp_path, monkeypatch, through_proxy: bool
) -> None:
    """A server whose certificate is the operators' own, named by SSL_CERT_FILE."""
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}/nothing"
    try:
        with pytest.raises(NotTaken):
            get(url, through_proxy=through_proxy)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert get(url, through_proxy=through_proxy).status == 404
    finally:
        server.shutdown()
        server.server_close()


def _certificate(folder: Path) -> Path:
    """A new self-signed one for this machine, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path
