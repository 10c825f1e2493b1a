#!/usr/bin/env python3
"""The workload: a key-value server over HTTP that appends every write to a journal.

This file knows nothing of charms or Juju and needs only Python's standard library. The charm starts it in the
background, and it goes on running between the charm's hooks.

Requests:

    GET  /                   the greeting
    GET  /health             {"keys": N, "entries": N}: answered only once the journal has been replayed
    GET  /v1/NAMESPACE/KEY   the value, or 404
    PUT  /v1/NAMESPACE/KEY   store the body as the value; answers {"seq": N}
    GET  /journal            every entry, one JSON object a line (cluster token only)
    POST /journal            take over a journal if it is longer than our own (cluster token only)

A request for a key may have to carry `Authorization: Bearer TOKEN`: see `Policy`.

Files in the data folder:

    server.json   locked for as long as the server lives; holds its process id, address and settings
    journal       one JSON object a line
    policy.json   written by the charm, read at every request, so that changing it needs no restart
"""

from __future__ import annotations

import argparse
import fcntl
import hmac
import json
import os
import pathlib
import re
import signal
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_VALUE = 64 * 1024  # bytes
MAX_JOURNAL = 64 * 1024 * 1024  # bytes
KEY_PATH = re.compile(r'/v1/([A-Za-z0-9._-]{1,128})/([A-Za-z0-9._-]{1,128})')


class Journal:
    """The entries in the order they were written, on disk and in memory.

    An entry is `{"seq": 1, "ns": "main", "key": "a", "value": "1"}`; `seq` counts from 1 without gaps.
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._lock = threading.Lock()
        self._entries: list[dict] = []
        self._values: dict[tuple[str, str], str] = {}

    def replay(self) -> None:
        """Read the file. A torn last line, left by a crash in the middle of a write, is cut off."""
        if not self._path.exists():
            return
        raw = self._path.read_bytes()
        self._entries, good = parse_entries(raw)
        if good < len(raw):
            os.truncate(self._path, good)
        self._values = {(e['ns'], e['key']): e['value'] for e in self._entries}

    def put(self, ns: str, key: str, value: str) -> int:
        """Append an entry and return its number. It is on disk before anybody can read it."""
        with self._lock:
            entry = {'seq': len(self._entries) + 1, 'ns': ns, 'key': key, 'value': value}
            with self._path.open('ab') as file:
                file.write(encode_entry(entry))
                file.flush()
                os.fsync(file.fileno())
            self._entries.append(entry)
            self._values[(ns, key)] = value
            return entry['seq']

    def get(self, ns: str, key: str) -> str | None:
        with self._lock:
            return self._values.get((ns, key))

    def size(self) -> dict[str, int]:
        with self._lock:
            return {'keys': len(self._values), 'entries': len(self._entries)}

    def dump(self) -> bytes:
        with self._lock:
            return b''.join(encode_entry(e) for e in self._entries)

    def adopt(self, raw: bytes) -> bool:
        """Replace our entries by the given ones, if those are complete and more than ours."""
        entries, good = parse_entries(raw)
        with self._lock:
            if good < len(raw) or len(entries) <= len(self._entries):
                return False
            write_atomically(self._path, raw)
            self._entries = entries
            self._values = {(e['ns'], e['key']): e['value'] for e in entries}
            return True


def encode_entry(entry: dict) -> bytes:
    return json.dumps(entry, separators=(',', ':')).encode() + b'\n'


def parse_entries(raw: bytes) -> tuple[list[dict], int]:
    """Return the entries up to the first line that is not one, and the length in bytes of what was understood."""
    entries: list[dict] = []
    good = 0
    for line in raw.splitlines(keepends=True):
        try:
            entry = json.loads(line)
            sound = entry['seq'] == len(entries) + 1 and all(isinstance(entry[k], str) for k in ('ns', 'key', 'value'))
        except (ValueError, KeyError, TypeError):
            break
        if not sound or not line.endswith(b'\n'):
            break
        entries.append(entry)
        good += len(line)
    return entries, good


def write_atomically(path: pathlib.Path, content: bytes) -> None:
    """Replace a file so that whoever reads it, even after a crash, sees all of the old or all of the new content."""
    temporary = path.with_name(path.name + '.new')
    with temporary.open('wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


class Policy:
    """Who may do what, as the charm last wrote it.

    `{"greeting": "…", "strict": true, "tokens": ["…"], "cluster_token": "…"}`. Without the file: keys are open to
    everybody, the journal to nobody.
    """

    def __init__(self, path: pathlib.Path):
        try:
            self._content = json.loads(path.read_text())
        except FileNotFoundError:
            self._content = {}

    @property
    def greeting(self) -> str:
        return self._content.get('greeting', '')

    def allows_keys(self, token: str) -> bool:
        return (
            not self._content.get('strict', False)
            or any(same(token, known) for known in self._content.get('tokens', []))
            or self.allows_journal(token)
        )

    def allows_journal(self, token: str) -> bool:
        return same(token, self._content.get('cluster_token', ''))


def same(token: str, known: str) -> bool:
    """Compare in a time that does not tell how much of a guess was right. The empty token is nobody's."""
    return bool(known) and hmac.compare_digest(token.encode(), known.encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, data: pathlib.Path):
        if ':' in host:
            self.address_family = socket.AF_INET6
        # Take the address now, so that one in use is reported at once, but answer only after activate().
        super().__init__((host, port), Handler, bind_and_activate=False)
        self.journal = Journal(data / 'journal')
        self.policy_path = data / 'policy.json'
        self.server_bind()

    def server_bind(self) -> None:
        # HTTPServer's own would look its name up, which may mean a slow DNS request.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10  # seconds that a client may be silent

    def do_GET(self) -> None:
        policy = Policy(self.server.policy_path)
        if self.path == '/':
            return self._answer(200, policy.greeting + '\n')
        if self.path == '/health':
            return self._answer_json(self.server.journal.size())
        if self.path == '/journal':
            if not policy.allows_journal(self._token()):
                return self._answer(401, 'the journal needs the token of the cluster\n')
            return self._answer(200, self.server.journal.dump())
        match = KEY_PATH.fullmatch(self.path)
        if not match:
            return self._answer(404, 'no such page\n')
        if not policy.allows_keys(self._token()):
            return self._answer(401, 'a token is needed\n')
        value = self.server.journal.get(*match.groups())
        if value is None:
            return self._answer(404, 'no such key\n')
        return self._answer(200, value)

    def do_PUT(self) -> None:
        match = KEY_PATH.fullmatch(self.path)
        if not match:
            return self._answer(404, 'no such page\n')
        if not Policy(self.server.policy_path).allows_keys(self._token()):
            return self._answer(401, 'a token is needed\n')
        body = self._body(MAX_VALUE)
        if body is None:
            return None
        try:
            value = body.decode()
        except UnicodeDecodeError:
            return self._answer(400, 'a value is UTF-8 text\n')
        return self._answer_json({'seq': self.server.journal.put(*match.groups(), value)})

    def do_POST(self) -> None:
        if self.path != '/journal':
            return self._answer(404, 'no such page\n')
        if not Policy(self.server.policy_path).allows_journal(self._token()):
            return self._answer(401, 'the journal needs the token of the cluster\n')
        body = self._body(MAX_JOURNAL)
        if body is None:
            return None
        return self._answer_json({'adopted': self.server.journal.adopt(body)})

    def _token(self) -> str:
        return self.headers.get('Authorization', '').removeprefix('Bearer ')

    def _body(self, limit: int) -> bytes | None:
        """Return the request's body, or answer the request with an error and return None."""
        try:
            length = int(self.headers.get('Content-Length', ''))
        except ValueError:
            length = -1
        if not 0 <= length <= limit:
            self._answer(413 if length > limit else 411, f'a body of at most {limit} bytes is needed\n')
            return None
        return self.rfile.read(length)

    def _answer_json(self, content: object) -> None:
        self._answer(200, json.dumps(content) + '\n', 'application/json')

    def _answer(self, status: int, body: str | bytes, kind: str = 'text/plain; charset=utf-8') -> None:
        raw = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_request(self, code: int | str = '-', size: int | str = '-') -> None:
        pass  # One line per request would fill the disk; errors are still logged.


def take_lock(path: pathlib.Path) -> int | None:
    """Lock the file for as long as this process lives; None if another server holds it.

    The charm tests the lock now and then for an instant, so one refusal proves nothing.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + 1
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                return None
            time.sleep(0.02)


def main() -> int:
    parser = argparse.ArgumentParser(description='Serve a ledger over HTTP.')
    parser.add_argument('--data', type=pathlib.Path, required=True, help='folder of the journal')
    parser.add_argument('--host', required=True, help='IP address to listen on')
    parser.add_argument('--port', type=int, required=True, help='TCP port to listen on; 0 for any free one')
    parser.add_argument('--warmup', type=float, default=0.0, help='seconds to wait before answering')
    args = parser.parse_args()

    lock = take_lock(args.data / 'server.json')
    if lock is None:
        print('another server has this folder', file=sys.stderr)
        return 0
    try:
        server = Server(args.host, args.port, args.data)
    except OSError as error:
        print(f'cannot listen on {args.host} port {args.port}: {error.strerror}', file=sys.stderr)
        return 1
    about = {
        'pid': os.getpid(),
        'port': server.server_port,
        'settings': {'host': args.host, 'port': args.port},
    }
    os.write(lock, json.dumps(about).encode())

    # No cleaning up is needed: the system drops the lock, and every write is already on disk.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.journal.replay()
    time.sleep(max(args.warmup, 0.0))
    server.server_activate()
    server.serve_forever()
    return 0


if __name__ == '__main__':
    sys.exit(main())
