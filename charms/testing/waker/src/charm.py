#!/usr/bin/env python3
"""Asks to be woken as its options say, and counts the wakes that it sees.

It defers nothing: it defines an event by the name of the wake's dispatch, and so sees each wake as an event. Whatever it
runs is shown by the journal; the charm itself writes no files.
"""

import subprocess

import ops


class PeriaptWakeEvent(ops.EventBase):
    """The charm asked to be dispatched now."""


class WakerCharm(ops.CharmBase):
    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(woken=0)
        self.on.define_event('periapt_wake', PeriaptWakeEvent)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.periapt_wake, self._on_periapt_wake)
        framework.observe(self.on.wakes_action, self._on_wakes_action)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_config_changed(self, event: ops.ConfigChangedEvent) -> None:
        for option in ('after', 'on'):
            if self.config[option]:
                self._ask(f'--{option}', self.config[option])

    def _ask(self, *when: str) -> None:
        subprocess.run(['periapt-wake', *when, '--reason', self.config['reason']], check=True)

    def _on_periapt_wake(self, event: PeriaptWakeEvent) -> None:
        self._stored.woken += 1

    def _on_wakes_action(self, event: ops.ActionEvent) -> None:
        listed = subprocess.run(
            ['periapt-wake', '--list', '--format', 'json'], check=True, capture_output=True, text=True
        )
        event.set_results({'woken': str(self._stored.woken), 'waiting': listed.stdout.strip()})

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(ops.ActiveStatus(f'woken {self._stored.woken} times'))


if __name__ == '__main__':
    ops.main(WakerCharm)
