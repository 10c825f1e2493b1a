#!/usr/bin/env python3
"""Counts every run of a handler, and defers each config-changed once.

The counts lie in the controller (`use_juju_for_storage`), not in a file of the unit: so they are committed together with
the record that the hook ran, and whatever is killed, each dispatch that ended well has counted exactly once.
"""

import ops

# Events that are only counted.
COUNTED = (
    'install',
    'start',
    'stop',
    'leader_elected',
    'source_relation_created',
    'source_relation_joined',
    'source_relation_changed',
    'source_relation_departed',
    'source_relation_broken',
    'mates_relation_created',
    'mates_relation_joined',
    'mates_relation_changed',
    'mates_relation_departed',
)


class TallyCharm(ops.CharmBase):
    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        # `waiting`: the handles of the config-changed events that are deferred.
        self._stored.set_default(counts={}, waiting=[])
        for name in COUNTED:
            framework.observe(getattr(self.on, name), self._on_counted)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.tally_action, self._on_tally_action)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _count(self, name: str) -> None:
        self._stored.counts[name] = self._stored.counts.get(name, 0) + 1

    def _on_counted(self, event: ops.EventBase) -> None:
        self._count(event.handle.kind)

    def _on_config_changed(self, event: ops.ConfigChangedEvent) -> None:
        handle = event.handle.path
        if handle in self._stored.waiting:
            self._stored.waiting.remove(handle)
            self._count('done')
            return
        self._stored.waiting.append(handle)
        self._count('deferred')
        event.defer()

    def _on_tally_action(self, event: ops.ActionEvent) -> None:
        counts = {name.replace('_', '-'): str(count) for name, count in self._stored.counts.items()}
        event.set_results({**counts, 'waiting': str(len(self._stored.waiting))})

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self._stored.waiting:
            event.add_status(ops.WaitingStatus(f'{len(self._stored.waiting)} deferred'))
        else:
            event.add_status(ops.ActiveStatus())


if __name__ == '__main__':
    ops.main(TallyCharm, use_juju_for_storage=True)
