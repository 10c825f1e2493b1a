"""Compares what a suite gave with what is expected of it.

Usage: verdict.py JUNIT EXPECTED

EXPECTED holds a line `passes N`, and one for each test that is known to fail, `fails MODULE::TEST`, or
`fails MODULE::CLASS::TEST`; `may-fail TEST` where that depends on the machine. What follows ` # ` says why. The verdict is bad when another test fails, when fewer
than N pass, or when a test that is expected to fail passes: then the file is out of date.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def expectations(path: Path) -> tuple[int, set[str], set[str]]:
    passes, fails, may_fail = None, set(), set()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split(" # ")[0].split()
        match words:
            case []:
                pass
            case ["passes", count] if count.isdigit():
                passes = int(count)
            case ["fails", test]:
                fails.add(test)
            case ["may-fail", test]:
                may_fail.add(test)
            case _:
                sys.exit(f"{path}:{number}: neither `passes N` nor `fails TEST` nor `may-fail TEST`: {line}")
    if passes is None:
        sys.exit(f"{path}: no line `passes N`")
    return passes, fails, may_fail


def results(path: Path) -> dict[str, str]:
    """Each test, as MODULE::TEST, with its outcome."""
    found = {}
    for case in ElementTree.parse(path).iter("testcase"):
        # test.integration.test_secrets or test.test_main.TestCharmInit
        parts = case.get("classname", "").split(".")
        module = next((i for i, part in enumerate(parts) if part.startswith("test_")), len(parts) - 1)
        name = "::".join([*parts[module:], case.get("name", "")])
        outcome = "passed"
        for kind in ("failure", "error", "skipped"):
            if case.find(kind) is not None:
                outcome = kind
        found[name] = outcome
    return found


def main() -> None:
    junit, expected = map(Path, sys.argv[1:])
    passes, fails, may_fail = expectations(expected)
    if not junit.exists():
        sys.exit(f"{expected.stem}: the suite wrote no results: it did not begin, or was ended")
    found = results(junit)
    passed = sum(outcome == "passed" for outcome in found.values())
    bad = {test for test, outcome in found.items() if outcome in ("failure", "error")}
    wrong = [f"{test} failed" for test in sorted(bad - fails - may_fail)]
    wrong += [f"{test} is expected to fail and passed" for test in sorted(fails - bad) if found.get(test) == "passed"]
    wrong += [f"{test} is expected to fail and was not run" for test in sorted(fails - set(found))]
    if passed < passes:
        wrong.append(f"{passed} passed, expected are {passes}")
    others = bad - fails - may_fail
    print(f"{expected.stem}: {passed} passed, {len(bad - others)} failed as expected, {len(others)} others failed")
    if wrong:
        sys.exit("\n".join(wrong))


main()
