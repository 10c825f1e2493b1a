#!/usr/bin/env python3
"""Defers one event `times` times, then is done with it and starts counting anew.

Each run of the handler adds one line, `TIME EVENT TRY OUTCOME`, to the file `tries.log` in the charm's folder: seconds
since 1970 with a fraction, then for example `config-changed 2 deferred` or `config-changed 3 done`. The file also has
the tries of a dispatch that failed later; what the action `tries` returns has only those of dispatches that ended well.
"""

import logging
import os
import time

import ops

logger = logging.getLogger(__name__)


class DeferNCharm(ops.CharmBase):
    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(tries=0, done=0, released=False)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.start, self._on_start)
        framework.observe(self.on.update_status, self._on_update_status)
        framework.observe(self.on.release_action, self._on_release_action)
        framework.observe(self.on.tries_action, self._on_tries_action)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    # One method for each event: the framework queues a deferral by the name of the method.

    def _on_config_changed(self, event: ops.ConfigChangedEvent) -> None:
        self._try(event, 'config-changed')

    def _on_start(self, event: ops.StartEvent) -> None:
        self._try(event, 'start')

    def _on_update_status(self, event: ops.UpdateStatusEvent) -> None:
        self._try(event, 'update-status')

    def _try(self, event: ops.EventBase, name: str) -> None:
        if self.config['event'] != name:
            return
        self._stored.tries += 1
        tries, times = self._stored.tries, self.config['times']
        if not self._stored.released and (times < 0 or tries <= times):
            self._record(name, tries, 'deferred')
            event.defer()
            return
        self._record(name, tries, 'done')
        self._stored.tries = 0
        self._stored.done += 1
        self._stored.released = False

    def _record(self, name: str, tries: int, outcome: str) -> None:
        logger.info('%s: try %d: %s', name, tries, outcome)
        # One write to a file opened for appending: whole or absent, even if this process is killed.
        fd = os.open(self.charm_dir / 'tries.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(fd, f'{time.time():.3f} {name} {tries} {outcome}\n'.encode())
        finally:
            os.close(fd)

    def _on_release_action(self, event: ops.ActionEvent) -> None:
        # If nothing is deferred there is nothing to release, and a later event must not be.
        self._stored.released = self._stored.tries > 0
        event.set_results({'released': str(self._stored.released).lower()})

    def _on_tries_action(self, event: ops.ActionEvent) -> None:
        event.set_results({'tries': str(self._stored.tries), 'done': str(self._stored.done)})

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self._stored.tries:
            event.add_status(ops.WaitingStatus(f'deferred {self._stored.tries} times'))
        else:
            event.add_status(ops.ActiveStatus(f'done {self._stored.done} times'))


if __name__ == '__main__':
    ops.main(DeferNCharm)
