"""A small OpenID Connect provider on loopback: discovery, authorisation code with PKCE, RS256, its keys."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "reex", "s3cret"


@dataclass
class Provider:
    """What it says of whoever comes, and how it misbehaves."""

    url: str
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "1", "preferred_username": "anna"})
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "a"}))
    forged: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": nonce, **self.claims}
        key = RSAKey.generate_key(2048) if self.forged else self.key
        return jwt.encode({"alg": "RS256", "kid": "a"}, claims, key)


@contextmanager
def running() -> Iterator[Provider]:
    """A provider that listens."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def reply(self, data: object, status: int = 200, **headers: str) -> None:
            body = json.dumps(data).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/.well-known/openid-configuration":
                self.reply(
                    {
                        "issuer": provider.url,
                        "authorization_endpoint": f"{provider.url}/authorize",
                        "token_endpoint": f"{provider.url}/token",
                        "jwks_uri": f"{provider.url}/jwks",
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )
            elif asked.path == "/jwks":
                self.reply({"keys": [provider.key.as_dict(private=False)]})
            elif asked.path == "/authorize":
                wanted = dict(parse_qsl(asked.query))
                assert (wanted["client_id"], wanted["code_challenge_method"]) == (CLIENT, "S256")
                code = secrets.token_hex(8)
                provider.codes[code] = wanted
                back = f"{wanted['redirect_uri']}?{urlencode({'code': code, 'state': wanted['state']})}"
                self.reply({}, 302, Location=back)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {name: values[0] for name, values in parse_qs(body).items()}
            wanted = provider.codes.pop(given["code"], {})
            digest = hashlib.sha256(given["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            known = (
                base64.b64decode(self.headers["Authorization"].split()[1]).decode() == f"{CLIENT}:{SECRET}"
            )
            if not known or challenge != wanted.get("code_challenge"):
                self.reply({"error": "invalid_grant"}, 400)
                return
            token = provider.id_token(wanted["nonce"])
            self.reply({"access_token": "x", "token_type": "Bearer", "id_token": token})

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
