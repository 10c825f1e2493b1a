"""A plugin of pytest: hook commands that ops' tests fake are the real ones where the test allows it.

A fake that only succeeds, and one that says what the unit says in which the tests run, give way to the real command, which
checks its arguments and answers by itself. What was called is recorded as before. These fakes stay:

- `add-metric`: metrics are collected in a hook that is never run, and nowhere else may they be added;
- `is-leader` where it says no: the unit leads;
- `status-get`: each says another status;
- whatever is written into a charm's `hooks` folder: those are hooks.
"""

import os
import pathlib

import pytest

REAL = pathlib.Path(os.environ['REAL_COMMANDS'])

# The commands, and beginnings of what their fakes do.
ALLOWED = {
    'juju-log': ['exit 0'],
    'is-leader': ['echo true'],
    'action-get': ["echo '{}'"],
    'storage-list': ['echo \'["disks/0"]\''],
    'storage-get': ['if [ "$1" = "-s" ]'],
}

counts = {'real': 0, 'fake': 0}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems() -> None:
    from test import test_helpers

    original = test_helpers.FakeScript.write

    def write(self, name: str, content: str) -> None:
        allowed = any(content.strip().startswith(start) for start in ALLOWED.get(name, []))
        if allowed and self.path.name != 'hooks':
            content = f'exec {REAL / name} "$@"'
        if (REAL / name).exists():
            counts['real' if allowed else 'fake'] += 1
        original(self, name, content)

    test_helpers.FakeScript.write = write


def pytest_terminal_summary(terminalreporter) -> None:
    terminalreporter.write_line(
        f'hook commands that tests wrote: {counts["real"]} real, {counts["fake"]} fake'
    )
