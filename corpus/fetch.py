"""Pages and files from the web: one client, polite to sites and safe with hostile addresses.

Polite: it names itself, obeys robots.txt, leaves a pause between two requests to a host, waits as long as
it is told to, and gives up on a host that fails again and again.

Safe: an address is resolved once, when the connection is made, and the very addresses that were checked
are connected to; so a name that resolves otherwise the second time gains nothing, and every redirect goes
the same way. What comes back is limited in size, before and after decompression, and in time.
"""

import gzip
import io
import ipaddress
import random
import socket
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version

import httpcore
import httpx
from protego import Protego

from corpus.errors import CorpusError, FetchError, StoppedError

PRODUCT = "REEx-Answers"
"""The name that a robots.txt may speak to."""

_MAX_URL_CHARS = 2000
_MAX_ROBOTS_BYTES = 2**20
_MAX_CRAWL_DELAY_S = 30.0
_GLANCE_S = 0.5  # so often a silent connection looks up whether it is still wanted
_MOVED = {301, 302, 303, 307, 308}
_BUSY = {408, 425, 429, 502, 503, 504}  # the host's trouble, not the page's
_TRY_AGAIN = _BUSY | {500}
# Only here do addresses of the public internet lie; the rest of IPv6 is local, reserved or not given out.
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Limits:
    """What one fetch may cost. Times are in seconds, sizes in bytes, after decompression too."""

    max_bytes: int = 50 * 2**20
    request_s: float = 60.0
    """From connecting to the last byte of one request."""
    silence_s: float = 20.0
    redirects: int = 5
    tries: int = 4
    pause_s: float = 0.5
    """Between the starts of two requests to one host."""
    backoff_s: float = 1.0
    """After the first failure; doubled after each further one."""
    longest_wait_s: float = 120.0
    """A host that asks for more is left for another day."""
    failures_in_a_row: int = 5
    """So many addresses of a host given up on one after the other, and the host is given up on."""


@dataclass(frozen=True)
class Page:
    """What came back: ``url`` is the address after redirects; ``unchanged`` means that there is no body
    because nothing changed since the validators that were sent."""

    url: str
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def unchanged(self) -> bool:
        return self.status == 304

    @property
    def kind(self) -> str:
        """The media type with its parameters, as the site names it, or empty."""
        return self.headers.get("content-type", "")

    @property
    def validators(self) -> dict[str, str]:
        """To be given to `Fetcher.get` the next time; empty when the site offers none."""
        offered = {"If-None-Match": "etag", "If-Modified-Since": "last-modified"}
        return {name: self.headers[of] for name, of in offered.items() if self.headers.get(of)}


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a host, in the order in which to try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet.

    IPv4 addresses inside IPv6 ones (mapped, NAT64, 6to4, Teredo) count as what they stand for.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not ip.is_reserved
    inner = _ipv4_inside(ip)
    if inner:
        return all(is_public(str(each)) for each in inner)
    return ip in _GLOBAL_IPV6 and ip.is_global


def _ipv4_inside(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    if ip in _NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    return [inner for inner in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())) if inner]


def gunzip(raw: bytes, max_bytes: int, url: str) -> bytes:
    """Decompress a gzip file that may be a bomb.

    Raises:
        FetchError: it holds more than ``max_bytes``, or is no whole gzip file.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            body = packed.read(max_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FetchError(url, f"is not a whole gzip file ({error})", "tell its site") from error
    if len(body) > max_bytes:
        raise _too_large(url, max_bytes)
    return body


class Fetcher:
    """Fetches addresses, one after the other. For one thread.

        with Fetcher() as fetcher:
            page = fetcher.get("https://example.org/")

    Args:
        private_hosts: hosts, as they stand in addresses, that may be private or on this machine.
        contact: whom a site may write to, a web or mail address, named in the User-Agent.
        robots: whether robots.txt is obeyed.
        limits: what one fetch may cost.
        resolve: a host and port give IP addresses.
        clock, sleep: seconds that only grow, and waiting for some of them.
        stopped: asked all the while; once it says so, `get` ends with a `StoppedError`, within a second
            unless a connection is being made, which takes up to `Limits.silence_s`.
    """

    def __init__(
        self,
        *,
        private_hosts: Collection[str] = (),
        contact: str = "",
        robots: bool = True,
        limits: Limits | None = None,
        resolve: Callable[[str, int], list[str]] = resolve,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._limits = limits or Limits()
        self._obeys_robots = robots
        self._clock = clock
        self._sleep = sleep
        self._gate = _Gate({host.lower().strip("[]") for host in private_hosts}, resolve, stopped)
        agent = f"{PRODUCT}/{version('reex-answers')}" + (f" (+{contact})" if contact else "")
        self._headers = {"User-Agent": agent, "Accept": "*/*", "Accept-Encoding": "gzip"}
        # The transport and not a client: that would read redirects, cookies and proxies of its own accord.
        self._transport = _GatedTransport(self._gate)
        self._rules: dict[str, Protego | FetchError] = {}
        self._pauses: dict[str, float] = {}
        self._turns: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def get(self, url: str, validators: Mapping[str, str] | None = None, max_bytes: int = 0) -> Page:
        """Fetch one address, following redirects.

        Args:
            validators: those of the page as it was last read; if it has not changed since, the site may
                answer so, and `Page.unchanged` is true.
            max_bytes: less than the limit for all, if given.

        Raises:
            FetchError: this address cannot or must not be fetched.
            CorpusError: its host is not to be asked again for now.
            StoppedError: nobody wants it any more.
        """
        most = min(max_bytes or self._limits.max_bytes, self._limits.max_bytes)
        return self._follow(url, validators or {}, most, self._obeys_robots)

    def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that the robots.txt of this address's host names.

        Raises:
            FetchError, CorpusError: as for `get`.
        """
        return list(self._rules_for(_checked(url)).sitemaps)

    def _follow(self, url: str, headers: Mapping[str, str], max_bytes: int, robots: bool) -> Page:
        here = url
        for _ in range(self._limits.redirects + 1):
            address = _checked(here)
            if robots and not self._rules_for(address).can_fetch(str(address), PRODUCT):
                raise FetchError(
                    here, "is closed to programs by robots.txt", "ask its owner, or leave it out"
                )
            page = self._persist(address, headers, max_bytes)
            target = page.headers.get("location", "")
            if page.status not in _MOVED or not target:
                return _accepted(page)
            here = _joined(here, target)
        raise FetchError(url, f"redirects more than {self._limits.redirects} times", "check the address")

    def _persist(self, url: httpx.URL, headers: Mapping[str, str], max_bytes: int) -> Page:
        """One address, tried again while the trouble looks temporary."""
        for attempt in range(1, self._limits.tries + 1):
            wait = self._limits.backoff_s * 2 ** (attempt - 1) * random.uniform(1, 1.25)
            try:
                page = self._once(url, headers, max_bytes)
            except httpx.TransportError as error:
                trouble, status = _network_trouble(str(url), error), 0
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise trouble from error
            else:
                if page.status not in _TRY_AGAIN:
                    self._failures[url.host] = 0
                    return page
                trouble, status = _status_trouble(page), page.status
                wait = max(wait, self._asked_wait(page))
            if attempt < self._limits.tries:
                self._sleep(wait)
        self._count_failure(url.host, status, trouble)
        raise trouble

    def _once(self, url: httpx.URL, headers: Mapping[str, str], max_bytes: int) -> Page:
        self._wait_for_turn(url.host)
        self._gate.deadline = time.monotonic() + self._limits.request_s
        timeout = {"timeout": httpx.Timeout(self._limits.silence_s).as_dict()}
        request = httpx.Request("GET", url, headers={**self._headers, **headers}, extensions=timeout)
        with closing(self._transport.handle_request(request)) as response:
            body = _body(response, str(url), max_bytes) if response.is_success else b""
        return Page(str(url), body, response.status_code, response.headers)

    def _wait_for_turn(self, host: str) -> None:
        wait = self._turns.get(host, 0.0) - self._clock()
        if wait > 0:
            self._sleep(wait)
        self._turns[host] = self._clock() + max(self._limits.pause_s, self._pauses.get(host, 0.0))

    def _asked_wait(self, page: Page) -> float:
        wait = _retry_after(page.headers.get("retry-after", ""))
        if wait > self._limits.longest_wait_s:
            host = httpx.URL(page.url).host
            raise CorpusError(f"{host} asks to be left alone for {wait:.0f} s: run this again after that.")
        return wait

    def _count_failure(self, host: str, status: int, trouble: FetchError) -> None:
        if status and status not in _BUSY:
            return
        self._failures[host] = self._failures.get(host, 0) + 1
        if self._failures[host] >= self._limits.failures_in_a_row:
            raise CorpusError(
                f"{host} failed {self._failures[host]} times in a row, the last time because "
                f"{trouble.where} {trouble.reason}: run this again later."
            ) from trouble

    def _rules_for(self, url: httpx.URL) -> Protego:
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        if origin not in self._rules:
            self._rules[origin] = self._read_rules(f"{origin}/robots.txt")
            self._heed_delay(url.host, self._rules[origin])
        rules = self._rules[origin]
        if isinstance(rules, FetchError):
            raise rules
        return rules

    def _read_rules(self, url: str) -> Protego | FetchError:
        """RFC 9309: a site without a robots.txt is open, one whose robots.txt fails is closed."""
        try:
            page = self._follow(url, {}, _MAX_ROBOTS_BYTES, robots=False)
        except FetchError as error:
            missing = 400 <= error.status < 500 and error.status not in _BUSY
            if missing:
                return Protego.parse("")
            if error.where == url and not error.status:  # not the fault of this file, of which nobody asked
                return FetchError(url.removesuffix("/robots.txt"), error.reason, error.remedy)
            return error
        return Protego.parse(page.body.decode("utf-8-sig", "replace"))

    def _heed_delay(self, host: str, rules: Protego | FetchError) -> None:
        delay = None if isinstance(rules, FetchError) else rules.crawl_delay(PRODUCT)
        if delay:
            self._pauses[host] = min(delay, _MAX_CRAWL_DELAY_S)


class _Gate(httpcore.NetworkBackend):
    """Makes every connection: resolves once, refuses what is not public, and keeps the time."""

    def __init__(
        self,
        private_hosts: Collection[str],
        resolve: Callable[[str, int], list[str]],
        stopped: Callable[[], bool],
    ) -> None:
        self.deadline = 0.0  # of the request under way, on time.monotonic
        self._private_hosts = private_hosts
        self._resolve = resolve
        self._stopped = stopped
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception = httpcore.ConnectError("the name has no address")
        for address in self._addresses(host, port):
            try:
                stream = self._network.connect_tcp(
                    address, port, self.left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return _TimedStream(stream, self)
        raise problem

    def left(self, timeout: float | None) -> float:
        """How long the next step may take: a site that sends a byte now and then is cut off too."""
        if self._stopped():
            raise StoppedError("Stopped.")
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout("the time for one request is over")
        return remaining if timeout is None else min(timeout, remaining)

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise httpcore.ConnectError(f"its name cannot be resolved now ({error.strerror})") from error
            raise FetchError(host, "is not the name of a host", "check the address") from error
        except UnicodeError as error:  # a label that is too long or empty
            raise FetchError(host, "is not the name of a host", "check the address") from error
        if host.lower() not in self._private_hosts:
            for address in addresses:
                if not is_public(address):
                    raise FetchError(
                        host,
                        f"is not on the public internet ({address}) and not named in REEX_PRIVATE_HOSTS",
                        "name it there if it is yours and trusted",
                    )
        return addresses


class _TimedStream(httpcore.NetworkStream):
    """A connection of which every step ends by the gate's deadline."""

    def __init__(self, stream: httpcore.NetworkStream, gate: _Gate) -> None:
        self._stream = stream
        self._gate = gate

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = time.monotonic() + self._gate.left(timeout)
        while True:
            glance = min(_GLANCE_S, max(end - time.monotonic(), 0.01))
            try:
                return self._stream.read(max_bytes, self._gate.left(glance))
            except httpcore.ReadTimeout:
                if time.monotonic() >= end:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._gate.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: object, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._gate.left(timeout))  # type: ignore[arg-type]
        return _TimedStream(stream, self._gate)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


class _GatedTransport(httpx.HTTPTransport):
    def __init__(self, gate: _Gate) -> None:
        certificates = httpx.create_ssl_context()
        super().__init__(verify=certificates)
        # httpx has no parameter for the backend of its pool; the tests see that the gate is in use.
        self._pool = httpcore.ConnectionPool(ssl_context=certificates, network_backend=gate)


def _checked(url: str) -> httpx.URL:
    """The address in its parts, unless its form alone forbids to fetch it."""
    if len(url) > _MAX_URL_CHARS:
        raise FetchError(url, f"is longer than {_MAX_URL_CHARS} characters", "check the address")
    try:
        parts = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise FetchError(url, f"is not an address ({error})", "check it") from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise FetchError(url, "is not a web address", "give one that begins with https:// or http://")
    if parts.userinfo:
        raise FetchError(
            str(parts.copy_with(userinfo=b"")),
            "was given with a user name or password in it",
            "leave them out, since addresses are stored and shown",
        )
    if parts.port is not None and parts.port not in (80, 443) and not 1024 <= parts.port <= 65535:
        raise FetchError(url, f"uses port {parts.port}, where no web server belongs", "check the address")
    return parts.copy_with(fragment=None)


def _joined(here: str, target: str) -> str:
    try:
        return str(httpx.URL(here).join(target))
    except httpx.InvalidURL as error:
        raise FetchError(here, "redirects to something that is no address", "check the address") from error


def _body(response: httpx.Response, url: str, max_bytes: int) -> bytes:
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > max_bytes:
        raise _too_large(url, max_bytes)
    raw = bytearray()
    for chunk in response.iter_raw():
        raw += chunk
        if len(raw) > max_bytes:
            raise _too_large(url, max_bytes)
    # Decoded here, since httpx would unpack all of a bomb before anyone can look at its size.
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return gunzip(bytes(raw), max_bytes, url)
    if encoding not in ("", "identity"):
        raise FetchError(url, f"came compressed in a way not asked for ({encoding[:40]})", "tell its site")
    return bytes(raw)


def _accepted(page: Page) -> Page:
    if page.unchanged or 200 <= page.status < 300:
        return page
    raise _status_trouble(page)


def _status_trouble(page: Page) -> FetchError:
    phrase = HTTPStatus(page.status).phrase if page.status in set(HTTPStatus) else "not a known status"
    reason = f"answers {page.status} ({phrase})"
    remedies = {401: "only public pages can be read", 403: "ask its owner to let this program in"}
    if page.status in _TRY_AGAIN:
        return FetchError(page.url, reason, "try again later", page.status)
    return FetchError(page.url, reason, remedies.get(page.status, "check the address"), page.status)


def _network_trouble(url: str, error: httpx.TransportError) -> FetchError:
    detail = " ".join(str(error).split())[:200]
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        return FetchError(url, f"has a certificate that is not valid ({detail})", "tell its site")
    if isinstance(error, httpx.TimeoutException):
        return FetchError(url, "does not answer in time", "try again later")
    if isinstance(error, httpx.ProtocolError):
        return FetchError(url, f"does not answer in whole, valid HTTP ({detail})", "try again later")
    return FetchError(url, f"cannot be reached ({detail})", "check the address and the network")


def _too_large(url: str, max_bytes: int) -> FetchError:
    size = f"{max_bytes / 2**20:.3g} MiB"
    return FetchError(url, f"is larger than {size}", "leave it out, or give it as a file")


def _retry_after(value: str) -> float:
    """Seconds, from a number of them or a date; 0 when the site names neither."""
    value = value.strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    now = datetime.now(UTC) if when.tzinfo else datetime.now(UTC).replace(tzinfo=None)
    return max(0.0, (when - now).total_seconds())
