"""A Chroma server in place of the embedded one: the same collection, over HTTP.

What differs is what can go wrong on the way to it. The vendor's client waits for ever, tries once, and
reports most failures as a bare `Exception`; this one has limits, tries once more, and says what to do.
"""

import json
from dataclasses import dataclass
from time import sleep
from urllib.parse import urlsplit

import chromadb
import httpx
from chromadb.api import ClientAPI
from chromadb.config import Settings as ChromaSettings

from corpus.errors import StorageError, UsageError
from rag.settings import Settings

_LIMITS = httpx.Timeout(60, connect=5)  # s; the server writes and fsyncs a thousand passages in one request
_QUICK = httpx.Timeout(5)
_PAUSE_S = 0.5  # a server that is started again is back on its feet after a moment
_GENERATION = "1."  # of the protocol: what 1.x servers say of themselves


@dataclass(frozen=True)
class ChromaServer:
    """Where a Chroma server is, and what lets us in."""

    url: str
    token: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "ChromaServer | None":
        """The server that the settings name; None for the embedded Chroma.

        Raises:
            UsageError: ``CHROMA_URL`` is no address of a web server.
        """
        url = settings.chroma_url.strip().rstrip("/")
        if not url:
            return None
        if not _is_plain(url):
            raise UsageError(
                "CHROMA_URL is not the address of a Chroma server: write it as http://host:8000, without a "
                "user or a question mark; a token goes into CHROMA_TOKEN."
            )
        return cls(url, settings.chroma_token.get_secret_value())

    def connect(self) -> ClientAPI:
        """A client of the server.

        Raises:
            StorageError: it cannot be reached, lets nobody in, or is none.
        """
        check(self)
        settings = ChromaSettings(anonymized_telemetry=False)
        client = chromadb.HttpClient(self.url, headers=self.headers, settings=settings)
        api = client._server  # type: ignore[attr-defined]  # it takes no client of httpx from outside
        api._session = httpx.Client(
            headers=api._session.headers,
            timeout=_LIMITS,
            limits=api.http_limits,
            transport=_Patient(self.url, limits=api.http_limits),
            event_hooks={"response": [refuse_failures]},
        )
        return client

    @property
    def headers(self) -> dict[str, str]:
        """What goes along with each request: the token, for a proxy and for Chroma's cloud."""
        return {"Authorization": f"Bearer {self.token}", "X-Chroma-Token": self.token} if self.token else {}


def check(server: ChromaServer) -> None:
    """See that a Chroma server answers.

    Raises:
        StorageError: it does not, lets nobody in, or is none.
    """
    try:
        with httpx.Client(timeout=_QUICK, headers=server.headers) as http:
            response = http.get(f"{server.url}/api/v2/version")
        refuse_failures(response)
        found = json.loads(response.text) if response.is_success else None
    except httpx.TransportError as error:
        raise unreachable(server.url, error) from error
    except ValueError:
        found = None
    if not (isinstance(found, str) and found.startswith(_GENERATION)):
        said = f"its version is {found}" if isinstance(found, str) else f"it answers {response.status_code}"
        raise StorageError(
            f"At {server.url} is no Chroma server that we can use ({said[:60]}): set CHROMA_URL right, and "
            "run a server of Chroma 1.x there."
        )


def unreachable(url: str, error: Exception) -> StorageError:
    """The failure to reach a server, for people."""
    cause = " ".join(str(error).split())[:200] or type(error).__name__
    return StorageError(
        f"The Chroma server at {url} cannot be reached ({cause}): check that it runs, and the address in "
        "CHROMA_URL."
    )


def refuse_failures(response: httpx.Response) -> None:
    """A hook for answers that have nothing to do with what was asked.

    Raises:
        StorageError: the server, or a proxy before it, does not let us in or does not work.
    """
    url = str(response.request.url).partition("/api/v2")[0]
    if response.status_code in (401, 403):
        raise StorageError(
            f"The Chroma server at {url} does not let us in ({response.status_code}): set CHROMA_TOKEN right."
        )
    if response.status_code in (502, 503, 504):
        raise unreachable(url, RuntimeError(f"{response.status_code} from a proxy"))
    if response.status_code == 404 and response.request.url.path.endswith(("/query", "/get", "/count")):
        raise StorageError("The index is being built anew: try again in some minutes.")
    if response.status_code >= 500:
        response.read()
        raise StorageError(
            f"The Chroma server at {url} failed ({' '.join(response.text.split())[:200]}): look into its "
            "log, and check free disk space there."
        )


class _Patient(httpx.HTTPTransport):
    """Tries once more; all that we ask of Chroma may be asked twice."""

    def __init__(self, url: str, limits: httpx.Limits):
        super().__init__(limits=limits)
        self._url = url

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            try:
                return self._whole(request)
            except httpx.TimeoutException:
                raise
            except httpx.TransportError:
                sleep(_PAUSE_S)
                return self._whole(request)
        except httpx.TransportError as error:
            raise unreachable(self._url, error) from error

    def _whole(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.read()  # here, where a connection that breaks in the middle is noticed
        return response


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises when it is none
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain
