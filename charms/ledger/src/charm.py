#!/usr/bin/env python3
"""The ledger charm: runs a ledger server on each unit and tells other applications where the primary is.

How to read this file. The agent starts this program once for each event (`start`, `config-changed`, …). The framework
calls the handlers that `__init__` has registered for that event, and the program ends. Nothing stays in memory, so all
handlers but the actions do the same: look at how things are, and bring them to how they should be (`_converge`). It
does not matter which event came first, or whether one came twice.

The server takes about a second until it answers. The charm does not wait for that, since a unit does nothing else
while its charm waits. It *defers* the event: the framework notes it down and calls the handler again when this program
is next started.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import logging
import secrets

import ops
from ledger_client import LedgerClient, LedgerError
from ledger_process import LedgerProcess, Settings

logger = logging.getLogger(__name__)

VERSION = '1.0'


@dataclasses.dataclass(frozen=True)
class Config:
    """The options of charmcraft.yaml, checked further than a type can."""

    port: int
    greeting: str
    namespace: str
    strict: bool
    warmup: float

    def __post_init__(self):
        if not 0 <= self.port <= 65535:
            raise ValueError(f'port must be 0 to 65535, not {self.port}')
        if not 0 <= self.warmup <= 600:
            raise ValueError(f'warmup must be 0 to 600 seconds, not {self.warmup}')
        if not self.namespace or not self.namespace.replace('-', '').isalnum() or not self.namespace.isascii():
            raise ValueError(f'namespace must be letters, digits and hyphens, not {self.namespace!r}')


@dataclasses.dataclass(frozen=True)
class KeyParams:
    """Parameters of the action `get`."""

    key: str
    namespace: str = ''


@dataclasses.dataclass(frozen=True)
class PutParams:
    """Parameters of the action `put`."""

    key: str
    value: str | float | bool
    namespace: str = ''


class LedgerCharm(ops.CharmBase):
    # What the charm must remember from one event to the next, and cannot see by looking. It is stored when the event
    # has ended well; if the program fails, the old content stays.
    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(wanted=False)
        # Files that the charm writes into its folder stay there when the charm is upgraded.
        self._server = LedgerProcess(self.charm_dir / '.ledger')

        on = self.on
        # The life of the unit.
        framework.observe(on.install, self._on_install)
        framework.observe(on.start, self._on_start)
        framework.observe(on.config_changed, self._on_config_changed)
        framework.observe(on.update_status, self._on_update_status)
        framework.observe(on.upgrade_charm, self._on_upgrade_charm)
        framework.observe(on.stop, self._on_stop)
        framework.observe(on.remove, self._on_remove)
        # The other units of this application.
        framework.observe(on.leader_elected, self._on_cluster_changed)
        framework.observe(on.cluster_relation_changed, self._on_cluster_changed)
        framework.observe(on.cluster_relation_departed, self._on_cluster_changed)
        # The applications that use the ledger.
        framework.observe(on.ledger_relation_created, self._on_ledger_relation_created)
        framework.observe(on.ledger_relation_joined, self._on_ledger_relation_joined)
        framework.observe(on.ledger_relation_broken, self._on_ledger_relation_broken)
        # What an operator may ask for.
        framework.observe(on.put_action, self._on_put_action)
        framework.observe(on.get_action, self._on_get_action)
        framework.observe(on.backup_action, self._on_backup_action)
        # Asked by the framework at the end of every event.
        framework.observe(on.collect_unit_status, self._on_collect_unit_status)
        framework.observe(on.collect_app_status, self._on_collect_app_status)

    # --- The life of the unit

    def _on_install(self, event: ops.InstallEvent) -> None:
        # Most charms install packages here. This one brings its workload along.
        self.unit.set_workload_version(VERSION)

    def _on_start(self, event: ops.StartEvent) -> None:
        self._stored.wanted = True
        self._converge(event)

    def _on_config_changed(self, event: ops.ConfigChangedEvent) -> None:
        # It also runs once before `start`, and when the unit's network addresses change.
        self._converge(event)

    def _on_update_status(self, event: ops.UpdateStatusEvent) -> None:
        # Comes every few minutes. If the server has died, this starts it again.
        self._converge(event)

    def _on_upgrade_charm(self, event: ops.UpgradeCharmEvent) -> None:
        # The charm's files are the new ones, but the old server is still running. `config-changed` always follows and
        # starts the new one. To do that here, and defer, would stop the new server again with each further try.
        self.unit.set_workload_version(VERSION)
        self._server.stop()

    def _on_stop(self, event: ops.StopEvent) -> None:
        self._stored.wanted = False
        self._server.stop()

    def _on_remove(self, event: ops.RemoveEvent) -> None:
        # The last event of the unit.
        self._server.remove()

    # --- Relations

    def _on_cluster_changed(self, event: ops.EventBase) -> None:
        # A unit came, went or has a new address, there is a new primary, or this unit has become the leader.
        self._converge(event)

    def _on_ledger_relation_created(self, event: ops.RelationCreatedEvent) -> None:
        self._converge(event)

    def _on_ledger_relation_joined(self, event: ops.RelationJoinedEvent) -> None:
        # A unit of the other application has come. It must not be told an address where nobody answers yet.
        self._converge(event)

    def _on_ledger_relation_broken(self, event: ops.RelationBrokenEvent) -> None:
        # The relation is no longer listed, so its token is not among those that the server gets.
        self._converge(event)

    # --- The one piece of work that all events above share

    def _converge(self, event: ops.EventBase) -> None:
        """Bring the server, its policy and the databags to what they should be; defer if that must wait."""
        if not self._stored.wanted:
            logger.info('not started: nothing to do yet')
            return
        try:
            config = self.load_config(Config)
        except ValueError as error:
            # Deferring would not help: only the operator can mend this, and then config-changed comes.
            logger.error('bad configuration: %s', error)
            return

        self._write_policy(config)
        try:
            if self._server.ensure(Settings(self._bind_address(), config.port), config.warmup):
                logger.info('started the ledger server')
        except LedgerError as error:
            # As above. `_on_collect_unit_status` tells the operator.
            logger.error('the ledger server does not start: %s', error)
            return

        if not self._server.is_ready():
            logger.info('the ledger server does not answer yet: deferring %s', event.handle.kind)
            event.defer()
            return
        self._publish(config)

    def _write_policy(self, config: Config) -> None:
        """Give the server what it re-reads at every request."""
        self._server.write_policy(
            {
                'greeting': config.greeting,
                'strict': config.strict,
                'tokens': self._client_tokens(),
                'cluster_token': self._cluster_token(),
            }
        )

    def _cluster_token(self) -> str:
        """Return the token that the units of this application share; empty if the leader has not made one yet."""
        cluster = self.model.get_relation('cluster')
        if not cluster:
            return ''
        # An application's databag is written by its leader only. In a peer relation all its units can read it.
        shared = cluster.data[self.app]
        if 'token' not in shared and self.unit.is_leader():
            shared['token'] = secrets.token_hex(16)
        return shared.get('token', '')

    def _client_tokens(self) -> list[str]:
        """Return the tokens of the related applications, making those that are missing. Followers have no clients.

        A databag is readable by everybody who can read the model: a charm for real use would put the token into a
        Juju secret and only the secret's id into the databag.
        """
        if not self.unit.is_leader():
            return []
        tokens = []
        for relation in self.model.relations['ledger']:
            mine = relation.data[self.app]
            if 'token' not in mine:
                mine['token'] = secrets.token_hex(16)
            tokens.append(mine['token'])
        return tokens

    def _publish(self, config: Config) -> None:
        """Tell the peers, and as the primary also the related applications, where this unit's server is."""
        cluster = self.model.get_relation('cluster')
        running = self._server.running()
        if not cluster or not running:
            return
        host, port = self._ingress_address(), str(running.port)
        self._catch_up(cluster)
        # Assigning what is already there does nothing, so nobody is woken for it.
        cluster.data[self.unit].update({'host': host, 'port': port})
        if self.unit.is_leader():
            cluster.data[self.app].update({'primary': self.unit.name, 'host': host, 'port': port})
            for relation in self.model.relations['ledger']:
                relation.data[self.app].update({'host': host, 'port': port, 'namespace': config.namespace})
        self.unit.set_ports(ops.Port('tcp', running.port))

    def _catch_up(self, cluster: ops.Relation) -> None:
        """Take over the primary's journal. A new leader does it too, before it becomes the primary itself.

        This is as far as the example goes: a write that no hook followed is lost with its primary.
        """
        primary = self._primary()
        running = self._server.running()
        if not primary or not running or cluster.data[self.app].get('primary') == self.unit.name:
            return
        try:
            if self._server.client(running, self._cluster_token()).adopt(primary.journal()):
                logger.info("took over the primary's journal")
        except LedgerError as error:
            logger.warning("cannot read the primary's journal: %s", error)

    def _primary(self) -> LedgerClient | None:
        """Return the primary's server, or None if no unit has become the primary yet."""
        cluster = self.model.get_relation('cluster')
        if not cluster:
            return None
        shared = cluster.data[self.app]
        if not shared.get('host') or not shared.get('port'):
            return None
        return LedgerClient(shared['host'], int(shared['port']), shared.get('token', ''))

    def _bind_address(self) -> str:
        """Return the address of this unit to listen on."""
        binding = self.model.get_binding('ledger')
        return address_text(binding and binding.network.bind_address)

    def _ingress_address(self) -> str:
        """Return the address by which others reach this unit. In some clouds it is not the one above."""
        binding = self.model.get_binding('ledger')
        return address_text(binding and (binding.network.ingress_address or binding.network.bind_address))

    # --- Actions. They cannot be deferred: the operator waits for the answer.

    def _on_put_action(self, event: ops.ActionEvent) -> None:
        params = event.load_params(PutParams)
        value = params.value
        text = str(value).lower() if isinstance(value, bool) else str(value)
        try:
            sequence = self._primary_or_fail().put(self._namespace(params.namespace), params.key, text)
        except LedgerError as error:
            event.fail(str(error))
            return
        event.set_results({'sequence': str(sequence)})

    def _on_get_action(self, event: ops.ActionEvent) -> None:
        params = event.load_params(KeyParams)
        namespace = self._namespace(params.namespace)
        try:
            value = self._primary_or_fail().get(namespace, params.key)
        except LedgerError as error:
            event.fail(str(error))
            return
        if value is None:
            event.fail(f'no key {params.key} in namespace {namespace}')
            return
        event.set_results({'value': value})

    def _on_backup_action(self, event: ops.ActionEvent) -> None:
        event.log('copying the journal')
        try:
            path, entries = self._server.backup(event.params['name'], event.params['compress'])
        except OSError as error:
            event.fail(f'cannot write the backup: {error}')
            return
        event.set_results({'path': str(path), 'entries': str(entries)})

    def _namespace(self, asked: str) -> str:
        return asked or str(self.config['namespace'])

    def _primary_or_fail(self) -> LedgerClient:
        primary = self._primary()
        if not primary:
            raise LedgerError('there is no primary yet; see the status of the application')
        return primary

    # --- Status. Every line that applies is added; the framework shows the most urgent one.

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        try:
            self.load_config(Config)
        except ValueError as error:
            event.add_status(ops.BlockedStatus(str(error)))
            return
        if not self._stored.wanted:
            event.add_status(ops.MaintenanceStatus('not started'))
        elif not self._server.running():
            event.add_status(ops.BlockedStatus(f'server is down: {self._server.last_words() or "no reason given"}'))
        elif not self._server.is_ready():
            event.add_status(ops.WaitingStatus('server is replaying its journal'))
        else:
            event.add_status(ops.ActiveStatus(self._role()))

    def _role(self) -> str:
        cluster = self.model.get_relation('cluster')
        primary = cluster.data[self.app].get('primary') if cluster else None
        if primary == self.unit.name:
            return 'primary'
        return f'standby of {primary}' if primary else 'standby'

    def _on_collect_app_status(self, event: ops.CollectStatusEvent) -> None:
        # Only on the leader.
        if self._primary():
            event.add_status(ops.ActiveStatus())
        else:
            event.add_status(ops.WaitingStatus('no primary yet'))


def address_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address | str | None) -> str:
    """Return an address as text; the loopback address if the unit has none."""
    return str(address or '127.0.0.1')


if __name__ == '__main__':
    ops.main(LedgerCharm)
