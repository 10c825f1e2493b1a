"""The real server as a process of its own, on the loopback address."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest
from ledger_client import LedgerClient, LedgerError
from ledger_process import LedgerProcess, Settings, wait_for

LOOPBACK = Settings('127.0.0.1', 0)
POLICY = {'greeting': 'Hello.', 'strict': False, 'tokens': ['client'], 'cluster_token': 'cluster'}
SRC = pathlib.Path(__file__).parents[2] / 'src'


@pytest.fixture
def process(tmp_path):
    process = LedgerProcess(tmp_path / 'data')
    yield process
    process.stop()


def client_of(process: LedgerProcess, token: str = '') -> LedgerClient:
    running = process.running()
    assert running
    return process.client(running, token)


def start(process: LedgerProcess, settings: Settings = LOOPBACK) -> None:
    process.ensure(settings, warmup=0)
    assert wait_for(process.is_ready, 10)


def test_values_survive_a_kill(process):
    start(process)
    assert client_of(process).put('main', 'a', '1') == 1
    assert client_of(process).put('main', 'a', '2 and more') == 2
    os.kill(process.running().pid, signal.SIGKILL)
    assert wait_for(lambda: not process.running(), 10)
    start(process)
    assert client_of(process).get('main', 'a') == '2 and more'
    assert client_of(process).get('other', 'a') is None
    assert client_of(process).health() == {'keys': 1, 'entries': 2}


def test_a_torn_last_line_is_cut_off(process, tmp_path):
    start(process)
    client_of(process).put('main', 'a', '1')
    process.stop()
    journal = tmp_path / 'data' / 'journal'
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"seq":2,"ns":"ma')
    start(process)
    assert journal.read_bytes() == whole
    assert client_of(process).put('main', 'b', '2') == 2


def test_ensure_twice_starts_once(process):
    assert process.ensure(LOOPBACK, warmup=0)
    pid = process.running().pid
    assert not process.ensure(LOOPBACK, warmup=0)
    assert process.running().pid == pid


def test_it_is_alive_before_it_is_ready(process):
    process.ensure(LOOPBACK, warmup=600)
    assert process.running()
    assert not process.is_ready()


def test_it_outlives_the_program_that_started_it(process, tmp_path):
    code = (
        'import pathlib, ledger_process as p;'
        f"p.LedgerProcess(pathlib.Path({str(tmp_path / 'data')!r})).ensure(p.Settings('127.0.0.1', 0), 0)"
    )
    # Reading the output to its end returns only if the server holds neither pipe.
    subprocess.run([sys.executable, '-c', code], cwd=SRC, check=True, capture_output=True, timeout=30)
    assert wait_for(process.is_ready, 10)
    assert os.getsid(process.running().pid) == process.running().pid
    environment = pathlib.Path(f'/proc/{process.running().pid}/environ').read_bytes()
    assert {item.split(b'=')[0] for item in environment.split(b'\0') if item} <= {b'PATH', b'LANG', b'LC_CTYPE'}


def test_other_settings_restart_it(process):
    start(process)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    start(process, Settings('127.0.0.1', port))
    assert process.running().port == port


def test_a_port_in_use_is_reported(process):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LedgerError, match=f'cannot listen on 127.0.0.1 port {port}'):
            process.ensure(Settings('127.0.0.1', port), warmup=0)
    assert not process.running()


def test_a_second_server_on_the_folder_gives_up(process, tmp_path):
    start(process)
    command = [sys.executable, str(SRC / 'ledger_server.py'), '--data', str(tmp_path / 'data')]
    command += ['--host', '127.0.0.1', '--port', '0']
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (second.returncode, second.stderr.strip()) == (0, 'another server has this folder')
    assert process.is_ready()


def test_strict_asks_for_a_token(process):
    start(process)
    process.write_policy({**POLICY, 'strict': True})
    with pytest.raises(LedgerError, match='401'):
        client_of(process).put('main', 'a', '1')
    with pytest.raises(LedgerError, match='401'):
        client_of(process, 'wrong').get('main', 'a')
    assert client_of(process, 'client').put('main', 'a', '1') == 1
    assert client_of(process, 'cluster').get('main', 'a') == '1'


def test_the_journal_is_for_the_cluster_only(process):
    start(process)
    for policy in ({}, POLICY, {**POLICY, 'cluster_token': ''}):
        process.write_policy(policy)
        for token in ('', 'client'):
            with pytest.raises(LedgerError, match='401'):
                client_of(process, token).journal()


def test_a_standby_adopts_only_a_longer_journal(process, tmp_path):
    standby = LedgerProcess(tmp_path / 'standby')
    try:
        for each in (process, standby):
            each.write_policy(POLICY)
            start(each)
        client_of(process).put('main', 'a', '1')
        journal = client_of(process, 'cluster').journal()
        assert client_of(standby, 'cluster').adopt(journal)
        assert client_of(standby).get('main', 'a') == '1'
        assert not client_of(standby, 'cluster').adopt(journal)
        assert not client_of(standby, 'cluster').adopt(journal + b'not an entry\n')
        assert client_of(standby).put('main', 'b', '2') == 2
    finally:
        standby.stop()


def test_remove_leaves_nothing(process, tmp_path):
    start(process)
    pid = process.running().pid
    process.remove()
    assert not (tmp_path / 'data').exists()
    assert wait_for(lambda: not is_alive(pid), 10)


def is_alive(pid: int) -> bool:
    try:
        # The server is a child of the test here, so it stays listed as a zombie until it is waited for.
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False
