"""Requests to a ledger server: what the charm says to its own server and to those of the other units."""

from __future__ import annotations

import http.client
import json


class LedgerError(Exception):
    """The server could not be started or reached, or refused a request. The text is meant for an operator."""


class LedgerClient:
    """A ledger server at an address.

    `timeout` (seconds) is short on purpose: while a hook waits, its unit can do nothing else.
    """

    def __init__(self, host: str, port: int, token: str = '', timeout: float = 2.0):
        self._host = host
        self._port = port
        self._token = token
        self._timeout = timeout

    def health(self) -> dict[str, int]:
        """Return the number of keys and of journal entries."""
        return json.loads(self._request('GET', '/health') or b'{}')

    def get(self, namespace: str, key: str) -> str | None:
        value = self._request('GET', f'/v1/{namespace}/{key}', missing_ok=True)
        return None if value is None else value.decode()

    def put(self, namespace: str, key: str, value: str) -> int:
        """Write a value and return the number of its journal entry."""
        return json.loads(self._request('PUT', f'/v1/{namespace}/{key}', value.encode()) or b'{}')['seq']

    def journal(self) -> bytes:
        return self._request('GET', '/journal') or b''

    def adopt(self, journal: bytes) -> bool:
        """Offer the server a journal. True if it was longer than the server's own and has taken its place."""
        return json.loads(self._request('POST', '/journal', journal) or b'{}')['adopted']

    def _request(self, method: str, path: str, body: bytes | None = None, missing_ok: bool = False) -> bytes | None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            headers = {'Authorization': f'Bearer {self._token}'} if self._token else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise LedgerError(f'{self._host} port {self._port} does not answer: {error}') from error
        finally:
            connection.close()
        if response.status == 404 and missing_ok:
            return None
        if response.status != 200:
            raise LedgerError(f'{method} {path}: {response.status} {content.decode(errors="replace").strip()}')
        return content
