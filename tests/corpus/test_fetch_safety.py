"""Hostile addresses and sites are refused with a sentence, and nothing is asked of where they point."""

import gzip
import itertools
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import httpcore
import pytest

from corpus.errors import CorpusError, FetchError, StoppedError
from corpus.fetch import Fetcher, is_public, resolve
from tests.corpus.conftest import QUICK
from tests.corpus.site import Answer, Site

OpenFetcher = Callable[..., Fetcher]
NOT_PUBLIC = "is not on the public internet"
PUBLIC = "93.184.215.14"

# Addresses as somebody might give them, and why each is refused. {port} is that of a server which
# really listens on 127.0.0.1 and must never be asked anything.
REFUSED = {
    "loopback": ("http://127.0.0.1:{port}/", NOT_PUBLIC),
    "loopback by name": ("http://localhost:{port}/", NOT_PUBLIC),
    "loopback by name with a dot": ("http://localhost.:{port}/", "is not"),
    "another loopback": ("http://127.8.9.10:{port}/", NOT_PUBLIC),
    "short form": ("http://127.1:{port}/", NOT_PUBLIC),
    "decimal": ("http://2130706433:{port}/", NOT_PUBLIC),
    "hexadecimal": ("http://0x7f000001:{port}/", NOT_PUBLIC),
    "hexadecimal parts": ("http://0x7f.0.0.0x1:{port}/", NOT_PUBLIC),
    "octal": ("http://0177.0.0.01:{port}/", "is not"),
    "fullwidth digits": ("http://１２７.０.０.１:{port}/", "is not"),
    "circled digits": ("http://①②⑦.⓪.⓪.①:{port}/", "is not"),
    "unspecified": ("http://0.0.0.0:{port}/", NOT_PUBLIC),
    "zero": ("http://0:{port}/", NOT_PUBLIC),
    "IPv6 loopback": ("http://[::1]:{port}/", NOT_PUBLIC),
    "IPv6 unspecified": ("http://[::]:{port}/", NOT_PUBLIC),
    "IPv4-mapped": ("http://[::ffff:127.0.0.1]:{port}/", NOT_PUBLIC),
    "IPv4-mapped in hexadecimal": ("http://[::ffff:7f00:1]:{port}/", NOT_PUBLIC),
    "IPv4-compatible": ("http://[::127.0.0.1]:{port}/", NOT_PUBLIC),
    "NAT64": ("http://[64:ff9b::7f00:1]:{port}/", NOT_PUBLIC),
    "local NAT64": ("http://[64:ff9b:1::7f00:1]:{port}/", NOT_PUBLIC),
    "6to4": ("http://[2002:7f00:1::]:{port}/", NOT_PUBLIC),
    "Teredo": ("http://[2001:0:7f00:1::]:{port}/", NOT_PUBLIC),
    "link-local, cloud metadata": ("http://169.254.169.254/latest/meta-data/", NOT_PUBLIC),
    "link-local IPv6": ("http://[fe80::1]/", NOT_PUBLIC),
    "unique local IPv6": ("http://[fd00:ec2::254]/", NOT_PUBLIC),
    "site-local IPv6": ("http://[fec0::1]/", NOT_PUBLIC),
    "private 10": ("http://10.0.0.1/", NOT_PUBLIC),
    "private 172.16": ("http://172.16.3.4/", NOT_PUBLIC),
    "private 192.168": ("http://192.168.1.1/", NOT_PUBLIC),
    "carrier-grade NAT": ("http://100.64.0.1/", NOT_PUBLIC),
    "multicast": ("http://224.0.0.1/", NOT_PUBLIC),
    "IPv6 multicast": ("http://[ff0e::1]/", NOT_PUBLIC),
    "reserved": ("http://240.0.0.1/", NOT_PUBLIC),
    "broadcast": ("http://255.255.255.255/", NOT_PUBLIC),
    "documentation": ("http://192.0.2.1/", NOT_PUBLIC),
    "benchmarking": ("http://198.18.0.1/", NOT_PUBLIC),
    "a name for loopback": ("http://loopback.example:{port}/", NOT_PUBLIC),
    "a name for metadata": ("http://metadata.example/", NOT_PUBLIC),
    "one public address and one private": ("http://both.example/", NOT_PUBLIC),
    "file": ("file:///etc/passwd", "is not a web address"),
    "ftp": ("ftp://example.org/a", "is not a web address"),
    "gopher": ("gopher://127.0.0.1:{port}/_GET", "is not a web address"),
    "data": ("data:text/html,<p>x</p>", "is not a web address"),
    "javascript": ("javascript:alert(1)", "is not a web address"),
    "no scheme": ("//127.0.0.1:{port}/", "is not a web address"),
    "no host": ("http:///a", "is not a web address"),
    "password": ("http://user:secret@127.0.0.1:{port}/", "user name or password"),
    "host behind a user name": ("http://example.org@127.0.0.1:{port}/", "user name or password"),
    "mail port": ("http://example.org:25/", "uses port 25"),
    "ssh port": ("http://example.org:22/", "uses port 22"),
    "port out of range": ("http://example.org:99999/", "is not|uses port"),
    "line break in the address": ("http://127.0.0.1:{port}/\r\nHost: x", "is not"),
    "very long": ("http://example.org/" + "a" * 3000, "is longer than"),
    "name that is no name": ("http://" + "a" * 70 + ".example/", "is not"),
}
NAMES = {
    "loopback.example": ["127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "both.example": [PUBLIC, "10.0.0.1"],
}


@pytest.fixture
def strict(open_fetcher: OpenFetcher) -> Fetcher:
    # Allows no private host; resolves a few names itself, and everything else in earnest.
    return open_fetcher(private_hosts=(), resolve=lambda host, port: NAMES.get(host) or resolve(host, port))


@pytest.mark.parametrize("case", REFUSED)
def test_such_an_address_is_refused_before_anything_is_sent(site: Site, strict: Fetcher, case: str) -> None:
    url, why = REFUSED[case]
    with pytest.raises(FetchError, match=why) as caught:
        strict.get(url.replace("{port}", site.url.rpartition(":")[2]))
    assert str(caught.value).endswith(".")
    assert "secret" not in str(caught.value)
    assert site.requests == []


@pytest.mark.parametrize("case", [case for case in REFUSED if "very long" not in case])
def test_and_so_is_a_redirect_to_it(site: Site, open_fetcher: OpenFetcher, case: str) -> None:
    names = {**NAMES, "site.example": ["127.0.0.1"]}
    fetcher = open_fetcher(
        private_hosts=["site.example"],
        robots=False,
        resolve=lambda host, port: names.get(host) or resolve(host, port),
    )
    with Site(1) as victim:
        url = REFUSED[case][0].replace("{port}", victim.url.rpartition(":")[2])
        target = url.replace("\r\n", "\t")
        start = f"http://site.example:{site.url.rpartition(':')[2]}/go"
        site.always["/go"] = Answer(status=302, headers={"Location": target.encode().decode("latin-1")})
        with pytest.raises(FetchError):
            fetcher.get(start)
        assert victim.requests == []


def test_public_addresses_are_public() -> None:
    for address in (PUBLIC, "2606:2800:220:1::1", f"::ffff:{PUBLIC}", "64:ff9b::5db8:d70e"):
        assert is_public(address), address
    assert not is_public("example.org")


# Rebinding


class Network:
    """In place of connecting: notes where to, and that nobody answers."""

    def __init__(self) -> None:
        self.connected: list[str] = []

    def connect(self, host: str, *given: object) -> httpcore.NetworkStream:
        self.connected.append(host)
        raise httpcore.ConnectError("nobody answers")


def test_a_name_is_resolved_once_and_that_address_is_connected_to(
    open_fetcher: OpenFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network()
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", network.connect)
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) % 2 else ["127.0.0.1"]

    fetcher = open_fetcher(private_hosts=(), resolve=rebinding, robots=False)
    with pytest.raises(FetchError, match=NOT_PUBLIC):
        fetcher.get("http://rebinding.example/")
    # One connection to what was checked; the second try resolved anew, and was refused.
    assert network.connected == [PUBLIC]
    assert len(asked) == 2


def test_the_next_address_is_tried_when_one_does_not_answer(
    open_fetcher: OpenFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network()
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", network.connect)
    fetcher = open_fetcher(resolve=lambda host, port: [PUBLIC, "93.184.215.15"], robots=False)
    with pytest.raises(FetchError, match="cannot be reached"):
        fetcher.get("https://example.org/")
    assert network.connected == [PUBLIC, "93.184.215.15"] * QUICK.tries


def test_no_proxy_of_the_environment_makes_the_connections(
    site: Site, strict: Fetcher, monkeypatch: pytest.MonkeyPatch, open_fetcher: OpenFetcher
) -> None:
    monkeypatch.setenv("HTTP_PROXY", site.url)
    monkeypatch.setenv("ALL_PROXY", site.url)
    with pytest.raises(FetchError, match=NOT_PUBLIC):
        open_fetcher(private_hosts=()).get("http://10.0.0.1/")
    assert site.requests == []


# Sizes and times


def endless(chunk: bytes = b"x" * 2**16) -> Iterator[bytes]:
    return itertools.repeat(chunk)


def many_small_members() -> bytes:
    return gzip.compress(b"") * 40_000


GZIP = {"Content-Encoding": "gzip"}
TOO_LARGE = "is larger than 1 MiB"
HOSTILE: dict[str, tuple[Callable[[], Answer], str]] = {
    "a large body": (lambda: Answer(b"x" * (2**20 + 1)), TOO_LARGE),
    "a body said to be huge": (lambda: Answer(b"x", headers={"Content-Length": str(10**15)}), TOO_LARGE),
    "a length of a million digits": (lambda: Answer(b"x", headers={"Content-Length": "9" * 50_000}), "."),
    "an endless body": (lambda: Answer(endless()), TOO_LARGE),
    "a gzip bomb": (lambda: Answer(gzip.compress(bytes(50 * 2**20)), headers=GZIP), TOO_LARGE),
    "a gzip bomb in a gzip bomb": (
        lambda: Answer(
            gzip.compress(gzip.compress(bytes(2**20))), headers={"Content-Encoding": "gzip, gzip"}
        ),
        "compressed in a way not asked for",
    ),
    "a bomb in brotli": (lambda: Answer(b"x", headers={"Content-Encoding": "br"}), "not asked for"),
    "a bomb in deflate": (
        lambda: Answer(zlib.compress(bytes(2**20)), headers={"Content-Encoding": "deflate"}),
        "not asked for",
    ),
    "an endless gzip body": (
        lambda: Answer(endless(gzip.compress(random.Random(1).randbytes(2**16))), headers=GZIP),
        TOO_LARGE,
    ),
    "a gzip file cut short": (
        lambda: Answer(gzip.compress(b"x" * 9999)[:-9], headers=GZIP),
        "not a whole gzip",
    ),
    "gzip that is none": (lambda: Answer(b"not gzip", headers=GZIP), "not a whole gzip"),
    "redirects in a circle": (
        lambda: Answer(status=302, headers={"Location": "/it"}),
        "redirects more than 3",
    ),
    "a redirect to no address": (
        lambda: Answer(status=302, headers={"Location": "http://[::x/"}),
        "no address",
    ),
    "an unknown status": (lambda: Answer(status=799), "answers 799"),
    "a status of success without a body": (lambda: Answer(status=206, body=b"x" * 2**21), TOO_LARGE),
    "endless headers": (lambda: Answer(headers={"X-Long": "x" * 300_000}), "valid HTTP"),
    "a password asked for": (lambda: Answer(status=401), "answers 401"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_such_an_answer_is_refused(site: Site, fetcher: Fetcher, case: str) -> None:
    answer, why = HOSTILE[case]
    site.always["/it"] = answer()
    started = time.monotonic()
    with pytest.raises(FetchError, match=why):
        fetcher.get(f"{site.url}/it")
    assert time.monotonic() - started < 5


def test_many_empty_gzip_members_cost_little(site: Site, fetcher: Fetcher) -> None:
    site.always["/it"] = Answer(many_small_members(), headers=GZIP)
    started = time.monotonic()
    assert fetcher.get(f"{site.url}/it").body == b""
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "slow",
    [
        Answer(b"x", pause=9),
        Answer(itertools.repeat(b"x", 100), pause=0.05),
    ],
    ids=["silence", "a byte now and then"],
)
def test_a_slow_answer_is_cut_off(site: Site, open_fetcher: OpenFetcher, slow: Answer) -> None:
    limits = replace(QUICK, request_s=0.3, silence_s=0.2, tries=1)
    site.always["/it"] = slow
    started = time.monotonic()
    with pytest.raises(FetchError, match="does not answer in time: try again later"):
        open_fetcher(limits=limits).get(f"{site.url}/it")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "slow",
    [Answer(b"x", pause=9), Answer(itertools.repeat(b"x", 100), pause=0.1), Answer(status=503)],
    ids=["silence", "a byte now and then", "tried again"],
)
def test_a_fetch_that_nobody_wants_any_more_ends_soon(
    site: Site, open_fetcher: OpenFetcher, slow: Answer
) -> None:
    halt = threading.Event()
    limits = replace(QUICK, request_s=20, silence_s=20, backoff_s=20)
    fetcher = open_fetcher(limits=limits, sleep=halt.wait, stopped=halt.is_set)
    site.always["/it"] = slow
    threading.Timer(0.3, halt.set).start()
    started = time.monotonic()
    with pytest.raises(StoppedError):
        fetcher.get(f"{site.url}/it")
    assert time.monotonic() - started < 2


def test_one_limit_may_be_lower_but_never_higher(site: Site, fetcher: Fetcher) -> None:
    site.always["/it"] = Answer(b"x" * 5000)
    with pytest.raises(CorpusError, match="is larger than"):
        fetcher.get(f"{site.url}/it", max_bytes=4999)
    site.always["/it"] = Answer(b"x" * (QUICK.max_bytes + 1))
    with pytest.raises(CorpusError, match=TOO_LARGE):
        fetcher.get(f"{site.url}/it", max_bytes=2**30)
