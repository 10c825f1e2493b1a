"""The ledger server as a background process: start it, find it again in a later hook, stop it.

A charm's process ends with its hook, so nothing can be kept in memory. What the next hook needs to know is in the data
folder. The server keeps `server.json` locked for as long as it lives: the lock, not a process id that may by then
belong to somebody else, says whether it runs.
"""

from __future__ import annotations

import dataclasses
import fcntl
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from ledger_client import LedgerClient, LedgerError

START_TIMEOUT = 10.0  # seconds until a new process has taken its address
STOP_TIMEOUT = 5.0  # seconds that a process gets to end by itself


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a server cannot change while it runs."""

    host: str
    port: int


@dataclasses.dataclass(frozen=True)
class Running:
    """A server process that is alive, though perhaps not ready."""

    pid: int
    port: int
    settings: Settings


class LedgerProcess:
    def __init__(self, data: pathlib.Path):
        self._data = data
        self._about = data / 'server.json'
        self._log = data / 'server.log'

    def running(self) -> Running | None:
        """Return the live server, or None if there is none or it has not taken its address yet."""
        if not self._is_locked():
            return None
        try:
            about = json.loads(self._about.read_text())
            return Running(about['pid'], about['port'], Settings(**about['settings']))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def ensure(self, settings: Settings, warmup: float) -> bool:
        """Make sure that a server with these settings runs. Doing it twice does no more than doing it once.

        Returns True if a server was started. It is then alive but not ready: see `is_ready`.
        Raises LedgerError if the server ended at once, with what it said.
        """
        running = self.running()
        if running and running.settings == settings:
            return False
        self.stop()
        self._data.mkdir(mode=0o700, exist_ok=True)
        script = pathlib.Path(__file__).with_name('ledger_server.py')
        command = [sys.executable, '-I', str(script), '--data', str(self._data), '--host', settings.host]
        command += ['--port', str(settings.port), '--warmup', str(warmup)]
        # What lets the process outlive the hook: a session of its own, so that signals for the hook's processes
        # pass it by, and none of the hook's pipes, or the agent would wait for them to close. It also gets none of
        # the hook's variables: they let a process speak to the agent, and are void once the hook has ended.
        with self._log.open('wb') as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd='/',
                env={'PATH': os.environ.get('PATH', os.defpath), 'LANG': 'C.UTF-8'},
                start_new_session=True,
            )
        settled = wait_for(lambda: self.running() or process.poll() is not None, START_TIMEOUT)
        if not self.running():
            if not settled:
                process.kill()
            raise LedgerError(self.last_words() or 'the server did not start')
        return True

    def is_ready(self) -> bool:
        """Ask the server. It answers once it has replayed its journal."""
        running = self.running()
        if not running:
            return False
        try:
            self.client(running).health()
        except LedgerError:
            return False
        return True

    def client(self, running: Running, token: str = '') -> LedgerClient:
        return LedgerClient(running.settings.host, running.port, token)

    def stop(self) -> None:
        """End the server, if there is one, and return when it is gone."""
        # A server that has not taken its address yet cannot be told to stop: wait until it has, or has failed.
        wait_for(lambda: self.running() or not self._is_locked(), START_TIMEOUT)
        running = self.running()
        if not running:
            return
        for number, patience in ((signal.SIGTERM, STOP_TIMEOUT), (signal.SIGKILL, STOP_TIMEOUT)):
            try:
                os.kill(running.pid, number)
            except ProcessLookupError:
                pass
            if wait_for(lambda: not self._is_locked(), patience):
                return
        raise LedgerError(f'process {running.pid} does not end')

    def write_policy(self, policy: dict) -> None:
        """Tell the server, running or yet to come, whom to serve and how to greet."""
        self._data.mkdir(mode=0o700, exist_ok=True)
        path = self._data / 'policy.json'
        temporary = path.with_name('policy.json.new')
        temporary.write_text(json.dumps(policy))
        temporary.chmod(0o600)
        temporary.replace(path)

    def backup(self, name: str, compress: bool) -> tuple[pathlib.Path, int]:
        """Copy the journal; return the copy's path and the number of entries in it."""
        journal = self._data / 'journal'
        content = journal.read_bytes() if journal.exists() else b''
        content = content[: content.rfind(b'\n') + 1]  # without the line that is perhaps just being written
        folder = self._data / 'backups'
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / (f'{name}.jsonl.gz' if compress else f'{name}.jsonl')
        path.write_bytes(gzip.compress(content) if compress else content)
        return path, content.count(b'\n')

    def last_words(self) -> str:
        """Return the last line that the server printed."""
        try:
            lines = self._log.read_text(errors='replace').splitlines()
        except OSError:
            return ''
        return lines[-1] if lines else ''

    def remove(self) -> None:
        """Stop the server and delete all it has written."""
        self.stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def _is_locked(self) -> bool:
        try:
            with self._about.open('rb') as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False


def wait_for(condition: Callable[[], object], timeout: float) -> bool:
    """Wait until the condition holds; False if it did not within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
