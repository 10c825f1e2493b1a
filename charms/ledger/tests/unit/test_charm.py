"""The charm's decisions, event by event. The server is replaced by one that does nothing; see test_process.py."""

from __future__ import annotations

import dataclasses
import json

import ledger_client
import ledger_process
import pytest
from charm import LedgerCharm
from ledger_process import Running, Settings
from ops import testing


class FakeServer:
    """Stands in for the process and for the HTTP client of every unit's server."""

    def __init__(self):
        self.settings: Settings | None = None
        self.starts = 0
        self.ready = True
        self.fails: str | None = None
        self.policy: dict = {}
        self.values: dict[tuple[str, str], str] = {}
        self.adopted: list[bytes] = []

    def ensure(self, settings: Settings, warmup: float) -> bool:
        if self.fails:
            raise ledger_client.LedgerError(self.fails)
        if self.settings == settings:
            return False
        self.settings = settings
        self.starts += 1
        return True

    def running(self) -> Running | None:
        return Running(1, 4321, self.settings) if self.settings else None

    def is_ready(self) -> bool:
        return self.ready and self.settings is not None

    def stop(self) -> None:
        self.settings = None

    def last_words(self) -> str:
        return self.fails or ''

    def write_policy(self, policy: dict) -> None:
        self.policy = policy

    def client(self, running: Running, token: str = '') -> FakeServer:
        return self

    def get(self, namespace: str, key: str) -> str | None:
        return self.values.get((namespace, key))

    def put(self, namespace: str, key: str, value: str) -> int:
        self.values[(namespace, key)] = value
        return len(self.values)

    def journal(self) -> bytes:
        return b'journal of the primary'

    def adopt(self, journal: bytes) -> bool:
        self.adopted.append(journal)
        return True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr('charm.LedgerProcess', lambda data: fake)
    monkeypatch.setattr('charm.LedgerClient', lambda host, port, token='': fake)
    return fake


@pytest.fixture
def ctx() -> testing.Context[LedgerCharm]:
    return testing.Context(LedgerCharm, app_name='ledger', unit_id=0)


def wanted(value: bool = True) -> testing.StoredState:
    """What the charm remembers once `start` has run."""
    return testing.StoredState('_stored', owner_path='LedgerCharm', content={'wanted': value})


def started_state(**fields) -> testing.State:
    """The leader's unit after `start`, in an application of one unit."""
    fields.setdefault('leader', True)
    fields.setdefault('relations', {testing.PeerRelation('cluster')})
    return testing.State(stored_states={wanted()}, **fields)


def as_input(state: testing.State) -> testing.State:
    """Make the outcome of one event the start of the next, without the framework's own bookkeeping."""
    stored = {s for s in state.stored_states if s.owner_path == 'LedgerCharm'}
    return dataclasses.replace(state, stored_states=stored)


def deferred_kinds(state: testing.State) -> list[str]:
    return [d.name for d in state.deferred]


def test_config_changed_before_start_starts_nothing(ctx, server):
    out = ctx.run(ctx.on.config_changed(), testing.State())
    assert server.starts == 0
    assert not out.deferred
    assert out.unit_status == testing.MaintenanceStatus('not started')


def test_start_starts_the_server_and_defers_until_it_answers(ctx, server):
    server.ready = False
    state = testing.State(leader=True, relations={testing.PeerRelation('cluster')})
    out = ctx.run(ctx.on.start(), state)
    assert server.starts == 1
    assert deferred_kinds(out) == ['start']
    assert out.unit_status == testing.WaitingStatus('server is replaying its journal')
    assert out.app_status == testing.WaitingStatus('no primary yet')
    assert any('deferring start' in line.message for line in ctx.juju_log)

    server.ready = True
    out = ctx.run(ctx.on.update_status(), as_input(out))
    assert server.starts == 1
    assert not out.deferred
    assert out.unit_status == testing.ActiveStatus('primary')
    assert out.app_status == testing.ActiveStatus()


def test_a_joining_client_is_told_nothing_until_the_server_answers(ctx, server):
    server.ready = False
    client = testing.Relation('ledger', remote_app_name='reader', remote_units_data={0: {}})
    state = started_state(relations={testing.PeerRelation('cluster'), client})
    out = ctx.run(ctx.on.relation_joined(client, remote_unit=0), state)
    assert deferred_kinds(out) == ['ledger_relation_joined']
    assert 'host' not in out.get_relation(client.id).local_app_data


def test_the_leader_publishes_the_address(ctx, server):
    client = testing.Relation('ledger', remote_app_name='reader')
    peer = testing.PeerRelation('cluster')
    out = ctx.run(ctx.on.relation_created(client), started_state(relations={peer, client}))
    told = out.get_relation(client.id).local_app_data
    assert (told['host'], told['port'], told['namespace']) == ('192.0.2.0', '4321', 'main')
    assert server.policy['tokens'] == [told['token']]
    shared = out.get_relation(peer.id).local_app_data
    assert shared['primary'] == 'ledger/0'
    assert server.policy['cluster_token'] == shared['token'] != told['token']
    assert out.opened_ports == {testing.TCPPort(4321)}


def test_tokens_are_made_once(ctx, server):
    client = testing.Relation('ledger', local_app_data={'token': 'old'})
    peer = testing.PeerRelation('cluster', local_app_data={'token': 'older'})
    out = ctx.run(ctx.on.config_changed(), started_state(relations={peer, client}))
    assert out.get_relation(client.id).local_app_data['token'] == 'old'
    assert server.policy['tokens'] == ['old']
    assert server.policy['cluster_token'] == 'older'


def test_a_broken_relation_loses_its_token(ctx, server):
    client = testing.Relation('ledger', local_app_data={'token': 'old'})
    ctx.run(ctx.on.relation_broken(client), started_state(relations={testing.PeerRelation('cluster'), client}))
    assert server.policy['tokens'] == []


def test_a_follower_copies_the_journal_and_tells_only_its_peers(ctx, server):
    client = testing.Relation('ledger')
    shared = {'token': 't', 'primary': 'ledger/1', 'host': '192.0.2.9', 'port': '1'}
    peer = testing.PeerRelation('cluster', local_app_data=shared, peers_data={1: {}})
    out = ctx.run(ctx.on.config_changed(), started_state(leader=False, relations={peer, client}))
    assert server.adopted == [b'journal of the primary']
    assert out.get_relation(peer.id).local_unit_data['port'] == '4321'
    assert not out.get_relation(client.id).local_app_data
    assert out.unit_status == testing.ActiveStatus('standby of ledger/1')


def test_a_new_leader_takes_the_journal_and_then_the_place_of_the_old(ctx, server):
    shared = {'token': 't', 'primary': 'ledger/1', 'host': '192.0.2.9', 'port': '1'}
    peer = testing.PeerRelation('cluster', local_app_data=shared)
    out = ctx.run(ctx.on.leader_elected(), started_state(relations={peer}))
    assert server.adopted == [b'journal of the primary']
    assert out.get_relation(peer.id).local_app_data['primary'] == 'ledger/0'


def test_the_primary_does_not_copy_from_itself(ctx, server):
    shared = {'token': 't', 'primary': 'ledger/0', 'host': '192.0.2.0', 'port': '4321'}
    peer = testing.PeerRelation('cluster', local_app_data=shared)
    ctx.run(ctx.on.update_status(), started_state(relations={peer}))
    assert server.adopted == []


def test_a_new_port_restarts_the_server(ctx, server):
    server.settings = Settings('192.0.2.0', 0)
    ctx.run(ctx.on.config_changed(), started_state(config={'port': 9000}))
    assert (server.starts, server.settings) == (1, Settings('192.0.2.0', 9000))


def test_options_that_need_no_restart(ctx, server):
    server.settings = Settings('192.0.2.0', 0)
    ctx.run(ctx.on.config_changed(), started_state(config={'greeting': 'Hello.', 'strict': True}))
    assert server.starts == 0
    assert (server.policy['greeting'], server.policy['strict']) == ('Hello.', True)


@pytest.mark.parametrize('config', [{'port': 70000}, {'port': -1}, {'warmup': -0.5}, {'namespace': 'a/b'}])
def test_bad_configuration_blocks_and_does_not_defer(ctx, server, config):
    out = ctx.run(ctx.on.config_changed(), started_state(config=config))
    assert server.starts == 0
    assert not out.deferred
    assert isinstance(out.unit_status, testing.BlockedStatus)
    assert next(iter(config)) in out.unit_status.message


def test_a_server_that_does_not_start_blocks(ctx, server):
    server.fails = 'cannot listen on 192.0.2.0 port 80: Permission denied'
    out = ctx.run(ctx.on.start(), started_state(config={'port': 80}))
    assert not out.deferred
    assert out.unit_status == testing.BlockedStatus(f'server is down: {server.fails}')


def test_upgrade_runs_the_new_server(ctx, server):
    server.settings = Settings('192.0.2.0', 0)
    out = ctx.run(ctx.on.upgrade_charm(), started_state())
    assert out.workload_version == '1.0'
    assert server.settings is None
    ctx.run(ctx.on.config_changed(), as_input(out))
    assert server.starts == 1


def test_stop_stops_and_later_events_start_nothing(ctx, server):
    server.settings = Settings('192.0.2.0', 0)
    out = ctx.run(ctx.on.stop(), started_state())
    assert server.settings is None
    ctx.run(ctx.on.config_changed(), as_input(out))
    assert server.settings is None


@pytest.mark.parametrize(('value', 'text'), [('one', 'one'), (1, '1'), (1.5, '1.5'), (True, 'true')])
def test_put_and_get(ctx, server, monkeypatch, value, text):
    # The tester's own check knows only parameters of a single type.
    monkeypatch.setenv('SCENARIO_SKIP_CONSISTENCY_CHECKS', '1')
    shared = {'primary': 'ledger/1', 'host': '192.0.2.9', 'port': '1'}
    state = started_state(leader=False, relations={testing.PeerRelation('cluster', local_app_data=shared)})
    ctx.run(ctx.on.action('put', params={'key': 'a', 'value': value}), state)
    assert ctx.action_results == {'sequence': '1'}
    assert server.values == {('main', 'a'): text}
    ctx.run(ctx.on.action('get', params={'key': 'a'}), state)
    assert ctx.action_results == {'value': text}
    with pytest.raises(testing.ActionFailed, match='no key a in namespace other'):
        ctx.run(ctx.on.action('get', params={'key': 'a', 'namespace': 'other'}), state)


def test_get_without_a_primary_fails(ctx, server):
    with pytest.raises(testing.ActionFailed, match='no primary yet'):
        ctx.run(ctx.on.action('get', params={'key': 'a'}), started_state())


def test_backup_of_a_real_folder(ctx, tmp_path):
    entry = {'seq': 1, 'ns': 'main', 'key': 'a', 'value': '1'}
    (tmp_path / 'journal').write_text(json.dumps(entry) + '\n{"seq": 2, "ns"')
    process = ledger_process.LedgerProcess(tmp_path)
    path, entries = process.backup('before-upgrade', compress=False)
    assert entries == 1
    assert path == tmp_path / 'backups' / 'before-upgrade.jsonl'
    assert json.loads(path.read_text()) == entry
