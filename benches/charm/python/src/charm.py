#!/usr/bin/env python3
"""The charm of program/src/bin/bench-charm.rs, with ops: sets its status at start, and at install emits events that are all deferred."""

import os

import ops


class Waiting(ops.EventBase):
    def __init__(self, handle, number=0):
        super().__init__(handle)
        self.number = number

    def snapshot(self):
        return {"number": self.number}

    def restore(self, snapshot):
        self.number = snapshot["number"]


class Bench(ops.CharmBase):
    def __init__(self, framework):
        super().__init__(framework)
        self.on.define_event("waiting", Waiting)
        framework.observe(self.on.start, self._start)
        framework.observe(self.on.install, self._install)
        framework.observe(self.on.waiting, self._waiting)

    def _start(self, event):
        self.unit.status = ops.ActiveStatus("up")

    def _install(self, event):
        for number in range(int(os.environ.get("BENCH_QUEUE", "0"))):
            self.on.waiting.emit(number)

    def _waiting(self, event):
        event.defer()


if __name__ == "__main__":
    ops.main(Bench)
