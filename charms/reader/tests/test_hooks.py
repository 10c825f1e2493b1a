"""Each hook as a process, with stand-ins for the hook commands; the action reads from a real ledger server."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ledger_process import LedgerProcess, Settings, wait_for

CHARM = pathlib.Path(__file__).parents[1]
COMMANDS = """
    action-fail action-get action-set application-version-set close-port config-get juju-log open-port relation-get
    relation-ids relation-set state-delete state-get state-set status-set
""".split()
ADDRESS = {'host': '192.0.2.7', 'port': '4000', 'namespace': 'main', 'token': 'abc'}


class Unit:
    """The unit reader/2 and what its hooks have done."""

    def __init__(self, folder: pathlib.Path):
        self._bin = folder / 'bin'
        self._bin.mkdir()
        for command in COMMANDS:
            (self._bin / command).symlink_to(CHARM / 'tests' / 'fake-hook-command')
        self._world = folder / 'world.json'
        self.set(
            config={'motto': 'Hm.', 'port': 18400}, relations={'mates': ['mates:1']}, databags={}, state={},
            written={}, status=[], ports=[], taken=[], params={}, results={}, failed=None, calls=[],
        )  # fmt: skip

    def set(self, **changes) -> None:
        world = json.loads(self._world.read_text()) if self._world.exists() else {}
        self._world.write_text(json.dumps({**world, **changes}))

    def __getattr__(self, name: str):
        return json.loads(self._world.read_text())[name]

    def run(self, path: str, **environment: str) -> None:
        subprocess.run(
            [CHARM / path],
            cwd=CHARM,
            env={
                # The stand-ins run on this same Python, not on a slower wrapper of it that may come first.
                'PATH': f'{self._bin}:{os.path.dirname(sys.executable)}:{os.environ["PATH"]}',
                'JUJU_CHARM_DIR': str(CHARM),
                'JUJU_UNIT_NAME': 'reader/2',
                'FAKE_WORLD': str(self._world),
                **environment,
            },
            check=True,
            timeout=60,
        )

    def run_ledger_changed(self, **databag: str) -> None:
        self.set(databags={'ledger': databag}, relations={'mates': ['mates:1'], 'ledger': ['ledger:3']})
        self.run(
            'hooks/ledger-relation-changed',
            JUJU_REMOTE_APP='ledger',
            JUJU_REMOTE_UNIT='',
            JUJU_RELATION_ID='ledger:3',
        )


@pytest.fixture
def unit(tmp_path) -> Unit:
    return Unit(tmp_path)


def test_setup_without_a_ledger(unit):
    unit.run('hooks/config-changed')
    unit.run('hooks/start')
    assert unit.written == {'mates:1': {'motto': 'Hm.'}}
    assert unit.ports == ['18402/tcp']
    assert unit.status == ['blocked', 'integrate me with a ledger']


def test_the_ports_follow_the_option(unit):
    unit.run('hooks/config-changed')
    unit.run('hooks/config-changed')
    assert unit.ports == ['18402/tcp']
    unit.set(config={'motto': '', 'port': 500})
    unit.run('hooks/config-changed')
    assert unit.ports == ['502/tcp']
    unit.set(config={'motto': '', 'port': 0})
    unit.run('hooks/config-changed')
    assert (unit.ports, unit.state) == ([], {})


def test_a_port_of_another_unit_is_left_alone(unit):
    unit.set(taken=['18402/tcp'])
    unit.run('hooks/config-changed')
    assert unit.ports == []
    unit.run('hooks/stop')


def test_an_address_is_kept(unit):
    unit.run_ledger_changed(**ADDRESS)
    assert unit.written['ledger:3'] == {'name': 'reader/2'}
    kept = {'host': '192.0.2.7', 'port-of-ledger': '4000', 'namespace': 'main', 'token': 'abc'}
    assert unit.state == {**kept, 'port': '18402'}
    assert unit.status == ['active', 'reads from 192.0.2.7 port 4000']


def test_no_address_yet(unit):
    unit.run_ledger_changed()
    assert unit.status == ['waiting', 'the ledger has not told its address yet']


@pytest.mark.parametrize(
    'change',
    [
        {'host': '$(touch x)'}, {'host': '-v'}, {'host': 'a b'}, {'port': '0'}, {'port': '70000'}, {'port': '1x'},
        {'port': '999999999999999999999'}, {'namespace': '../journal'}, {'token': 'a\r\nX: y'}, {'token': ''},
    ],
)  # fmt: skip
def test_what_cannot_be_an_address_is_refused(unit, change):
    unit.run_ledger_changed(**{**ADDRESS, **change})
    assert unit.status[0] == 'blocked'
    assert unit.state == {}


def test_a_broken_relation_is_forgotten(unit):
    unit.run_ledger_changed(**ADDRESS)
    unit.set(relations={})
    unit.run('hooks/ledger-relation-broken', JUJU_REMOTE_APP='ledger', JUJU_RELATION_ID='ledger:3')
    assert unit.state == {'port': '18402'}
    assert unit.status[0] == 'blocked'
    unit.run('hooks/stop')
    assert (unit.state, unit.ports) == ({}, [])


def test_a_mate_speaks(unit):
    unit.set(databags={'reader/1': {'motto': 'Mm.'}})
    unit.run('hooks/mates-relation-changed', JUJU_REMOTE_UNIT='reader/1', JUJU_REMOTE_APP='reader')
    assert unit.calls[-1] == ['juju-log', 'reader/1 says: Mm.']


def test_reading_from_a_ledger(unit, tmp_path):
    ledger = LedgerProcess(tmp_path / 'ledger')
    policy = {'greeting': '', 'strict': True, 'tokens': ['abc'], 'cluster_token': ''}
    ledger.write_policy(policy)
    try:
        ledger.ensure(Settings('127.0.0.1', 0), warmup=0)
        assert wait_for(ledger.is_ready, 10)
        running = ledger.running()
        ledger.client(running, 'abc').put('main', 'a', 'two\nlines\n')
        unit.run_ledger_changed(**{**ADDRESS, 'host': '127.0.0.1', 'port': str(running.port)})

        unit.set(params={'key': 'a', 'timeout': 5})
        unit.run('actions/read')
        assert unit.results == {'key': 'a', 'value': 'two\nlines\n'}
        assert unit.failed is None

        unit.set(params={'key': 'b', 'timeout': 5})
        unit.run('actions/read')
        assert unit.failed == 'the ledger has no key b'

        unit.run('hooks/update-status')
        assert unit.status[0] == 'active'

        ledger.write_policy({**policy, 'tokens': []})
        unit.run('actions/read')
        assert unit.failed == 'cannot read from the ledger at 127.0.0.1'
    finally:
        ledger.stop()
    unit.run('hooks/update-status')
    assert unit.status == ['waiting', f'the ledger at 127.0.0.1 port {running.port} does not answer']


def test_reading_without_a_ledger(unit):
    unit.set(params={'key': 'a', 'timeout': 5})
    unit.run('actions/read')
    assert unit.failed == 'no ledger is related yet'
