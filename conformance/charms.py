#!/usr/bin/env python3
"""Deploys public charms from their source folders, takes each through its life, and prints a row of a table for each.

    CHARMS_CHECKOUTS=~/charms conformance/charms.py [FOLDER...]

$CHARMS_CHECKOUTS is a folder of checkouts: every folder with a charm in it is run, one after another, or only those
named (a folder below it, or a pattern such as "vault-*"). What charms.toml says of a charm is done beside what is done
to each: setup, an option changed and reset, relations to any-charm and, of a subordinate, to tiny-bash (when these are
among the checkouts), one unit to three and back, a refresh to the same folder, removal.

PERIAPT names the program (target/release/periapt, then target/debug/periapt); PERIAPT_HOME a home that is kept, with
its virtual environments, for the next run. Needs PyYAML. The table goes to standard output, what happens to standard error.
"""

import collections
import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
PARTNER = "any-charm"
# What subordinates come to by juju-info: small, so that three of its units are quick.
PRINCIPAL = "tiny-bash"
# A step that is not over by then is written down as it is.
PATIENCE = 150
# So many failed runs of a hook are enough to know that it fails.
FAILURES = 2
# Endpoints of a charm that are related to any-charm: each more is six more hooks with three units.
RELATED = 2
HEADINGS = ["charm", "folder", "revision", "setup", "config", "relations", "scale", "refresh", "removal"]


class Refused(Exception):
    """The program ended with a failure, and this is what it said."""


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def periapt(*arguments, timeout=900, quiet=False):
    """Runs the program and gives what it printed."""
    done = subprocess.run(
        [PROGRAM, *arguments], capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=timeout
    )
    for line in done.stderr.splitlines():
        if line.startswith(("WARNING", "ERROR", "hint:")) and not quiet:
            say(f"    {line}")
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise Refused((errors or [f"exit {done.returncode}"])[0].removeprefix("ERROR "))
    return done.stdout


def status():
    return json.loads(periapt("status", "--format", "json"))


def units_of(name):
    """The units of an application with their statuses; a subordinate's stand below those of their principals."""
    found = {}
    for application in status()["applications"].values():
        for unit, state in (application.get("units") or {}).items():
            for below, its in ({unit: state} | (state.get("subordinates") or {})).items():
                if below.rsplit("/", 1)[0] == name:
                    found[below] = its
    return found


def workload(state):
    found = state["workload-status"]
    return found["current"], found.get("message", "")


def why_failed(unit):
    """The last line that a failed hook printed."""
    try:
        lines = [line.split("│", 1)[1].strip() for line in periapt("why", unit).splitlines() if "│" in line]
    except Refused as refusal:
        return str(refusal)
    return next((line for line in reversed(lines) if line and not line.startswith("exit status")), "")


def failures(unit):
    for line in periapt("why", unit).splitlines():
        if " times in a row" in line:
            return int(line.split(" failed ", 1)[1].split(" ", 1)[0])
    return 1


def settle(name):
    """Waits until nothing is left to do. Gives the units in error: unit → (what failed, its last words)."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            periapt("wait", "--quiet", "--for", "idle", "--timeout", "2s", quiet=True)
            return {}
        except Refused:
            pass
        broken = {}
        for unit, state in units_of(name).items():
            current, message = workload(state)
            if current == "error" and failures(unit) >= FAILURES:
                broken[unit] = (message, why_failed(unit))
        if broken:
            return broken
    return {name: (f"not settled after {PATIENCE} s", "")}


def told(name, broken):
    """One cell: how the units are."""
    if broken:
        unit, (message, last) = next(iter(sorted(broken.items())))
        say(f"  {unit}: {message}: {last}")
        return f"{message.replace(chr(34), '`')} ({shorten(last)})" if last else message
    states = collections.Counter(workload(state) for state in units_of(name).values())
    if not states:
        return "no units"
    words = [f"{count} × " * (len(states) > 1) + current + (f": {shorten(message)}" if message else "")
             for (current, message), count in states.most_common()]
    return ", ".join(words)


def shorten(text, most=110):
    text = " ".join(text.replace("|", "/").split())
    return text if len(text) <= most else text[: most - 1] + "…"


def read(folder):
    """A charm's metadata, as `periapt` reads it: charmcraft.yaml, and what older files say."""
    found = {}
    for file in ("charmcraft.yaml", "metadata.yaml"):
        if (folder / file).is_file():
            found |= yaml.safe_load((folder / file).read_text()) or {}
    return found


def is_charm(folder):
    try:
        found = read(folder)
    except yaml.YAMLError:
        return False
    return "name" in found and found.get("type", "charm") == "charm"


def folders(top):
    for folder in sorted({file.parent for name in ("charmcraft.yaml", "metadata.yaml") for file in top.rglob(name)}):
        below = folder.relative_to(top)
        if not {"tests", "test", "node_modules", ".git", "lib"} & set(below.parts) and is_charm(folder):
            yield str(below)


def revision(folder):
    """The commit of a checkout; a folder that is none may have it in a file beside it, NAME.rev."""
    for place in (folder, *folder.parents):
        beside = place.with_name(place.name + ".rev")
        if beside.is_file():
            return beside.read_text().strip()
        if (place / ".git").exists():
            return subprocess.run(["git", "-C", str(place), "rev-parse", "--short=7", "HEAD"], capture_output=True,
                                  text=True).stdout.strip()
    return ""


class Run:
    """One charm on its way."""

    def __init__(self, top, folder, recipe, partner, principal):
        self.folder = top / folder
        self.recipe = recipe
        self.metadata = read(self.folder)
        self.name = recipe.get("name", self.metadata["name"])
        self.subordinate = bool(self.metadata.get("subordinate"))
        self.partner = partner if self.name != PARTNER else None
        self.cells = {"charm": self.name, "folder": folder, "revision": revision(self.folder)}
        self.broken = {}
        self.deployed = False
        self.principal = principal
        # The two endpoints between a subordinate and its principal.
        self.below = None

    def step(self, heading, do):
        if self.broken and (heading != "removal" or not self.deployed):
            self.cells[heading] = "–"
            return
        say(f"  {heading}")
        try:
            self.cells[heading] = do()
        except Refused as refusal:
            self.cells[heading] = f"refused: {shorten(str(refusal))}"
            if heading == "setup":
                self.broken = {self.name: (str(refusal), "")}

    def look(self):
        self.broken = settle(self.name)
        return told(self.name, self.broken)

    def setup(self):
        options = [word for pair in self.recipe.get("deploy", []) for word in ("--config", pair)]
        resources = [word for pair in self.recipe.get("resources", []) for word in ("--resource", pair)]
        started = time.monotonic()
        periapt("deploy", str(self.folder), self.name, "--trust", *options, *resources)
        self.deployed = True
        say(f"    deployed after {time.monotonic() - started:.0f} s")
        if self.subordinate:
            self.below = self.below_what()
            if self.below:
                periapt("integrate", *self.below)
        return self.look()

    def below_what(self):
        """The endpoints that give a subordinate its principal: juju-info, which every application has, or others."""
        for endpoint, its in (self.metadata.get("requires") or {}).items():
            if its.get("scope") == "container" and its["interface"] == "juju-info":
                return f"{self.name}:{endpoint}", f"{self.principal}:juju-info"
        if self.partner:
            for endpoint, other in opposite(self.metadata, PARTNERS, container=True):
                self.principal = self.partner
                return f"{self.name}:{endpoint}", f"{self.partner}:{other}"
        return None

    def config(self):
        settings = json.loads(periapt("config", self.name, "--format", "json"))["settings"]
        changes = self.recipe.get("config") or one_option(settings)
        if not changes:
            return "no option with a value"
        periapt("config", self.name, *changes)
        cell = self.look()
        names = ",".join(change.split("=", 1)[0] for change in changes)
        if not self.broken and not self.recipe.get("config"):
            periapt("config", self.name, "--reset", names)
            cell = self.look()
        return f"{names}: {cell}"

    def relations(self):
        wanted = self.recipe.get("relate", [])
        related = 0
        for endpoint, other in wanted:
            periapt("integrate", f"{self.name}:{endpoint}", other)
            related += 1
        if self.partner:
            for endpoint, other in opposite(self.metadata, PARTNERS):
                if related >= RELATED:
                    break
                if any(endpoint == its for its, _ in wanted):
                    continue
                try:
                    periapt("integrate", f"{self.name}:{endpoint}", f"{self.partner}:{other}")
                    related += 1
                except Refused:
                    pass
        return f"{related}: {self.look()}" if related else "none"

    def scale(self):
        if self.subordinate and not self.below:
            return "nothing here is a principal for it"
        who = self.principal if self.subordinate else self.name
        before = set(units_of(who))
        periapt("add-unit", who, "-n", "2")
        cell = self.look()
        added = sorted(set(units_of(who)) - before)
        if self.broken:
            for unit in added:
                periapt("remove-unit", unit, "--no-prompt", "--force")
            return cell
        periapt("remove-unit", *added, "--no-prompt")
        return f"{cell}; back: {self.look()}"

    def refresh(self):
        periapt("refresh", self.name, "--path", str(self.folder))
        return self.look()

    def actions(self):
        for words in self.recipe.get("actions", []):
            leader = sorted(units_of(self.name))[0]
            try:
                answer = json.loads(periapt("run", leader, *words, "--format", "json"))
                say(f"    {words}: {shorten(json.dumps(answer), 400)}")
                outcome = ", ".join(its["status"] for its in answer.values())
            except Refused as refusal:
                outcome = shorten(str(refusal))
            self.cells["refresh"] += f"; action {words[0]}: {outcome}"

    def removal(self):
        parted = ""
        if self.below and not self.broken:
            periapt("remove-relation", *self.below)
            settle(self.name)
            left = units_of(self.name)
            parted = f"parted, {len(left)} units left; " if left else "parted; "
        periapt("remove-application", self.name, "--no-prompt")
        passed = collections.Counter()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                periapt("wait", "--quiet", "--for", f"gone={self.name}", "--timeout", "2s", quiet=True)
                break
            except Refused:
                pass
            for unit, state in units_of(self.name).items():
                current, message = workload(state)
                if current == "error" and failures(unit) >= FAILURES:
                    passed[message.removeprefix("hook failed: ").strip('"')] += 1
                    say(f"    {unit}: {message}: {why_failed(unit)}")
                    periapt("resolved", "--no-retry", unit)
        else:
            periapt("remove-application", self.name, "--no-prompt", "--force", "--no-wait")
            periapt("wait", "--quiet", "--for", f"gone={self.name}", "--timeout", "60s")
            return parted + "only by force"
        hooks = ", ".join(f"`{hook}`" for hook in passed)
        return parted + (f"gone, {hooks} passed by" if passed else "gone")

    def all(self):
        say(self.cells["folder"])
        for heading in HEADINGS[3:]:
            self.step(heading, getattr(self, heading))
            if heading == "refresh" and not self.broken:
                self.actions()
        return self.cells


def one_option(settings):
    """An option to change and reset: any that has a value, and can have another."""
    for name, its in sorted(settings.items()):
        value = its.get("value")
        if its["type"] == "boolean" and value is not None:
            return [f"{name}={str(not value).lower()}"]
    for name, its in sorted(settings.items()):
        if its["type"] == "int" and its.get("value") is not None:
            return [f"{name}={its['value'] + 1}"]
    return []


def opposite(metadata, partners, container=False):
    """The endpoints that the partner has the other side of: those between all units, or those inside a container."""
    for ours, theirs in (("requires", "provides"), ("provides", "requires")):
        for endpoint, its in (metadata.get(ours) or {}).items():
            other = partners[theirs].get(its["interface"])
            if other and (its.get("scope") == "container") == container:
                yield endpoint, other


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def beside(folder, name):
    """Deploys what other charms are related to, unless it is there."""
    if name not in status()["applications"]:
        periapt("deploy", str(folder), name)
        settle(name)
    return name


def faults():
    """What must not be there after any run: agents that broke the lifecycle, a daemon that panicked."""
    found = [line for line in periapt("debug-log", "--replay", "--no-tail").splitlines() if "violation" in line.lower()]
    log = pathlib.Path(os.environ["PERIAPT_HOME"]) / "daemon.log"
    if log.is_file():
        found += [line for line in log.read_text(errors="replace").splitlines() if "panicked" in line]
    return found


def main():
    global PARTNERS
    top = pathlib.Path(os.environ["CHARMS_CHECKOUTS"]).resolve()
    recipes = tomllib.loads((HERE / "charms.toml").read_text())
    wanted = sys.argv[1:] or ["*"]
    chosen = [below for below in folders(top) if any(fnmatch.fnmatch(below, pattern) for pattern in wanted)]
    partner = None
    PARTNERS = {"provides": {}, "requires": {}}
    if (top / PARTNER).is_dir():
        metadata = read(top / PARTNER)
        for side, found in PARTNERS.items():
            for endpoint, its in metadata[side].items():
                found.setdefault(its["interface"], endpoint)
        partner = beside(top / PARTNER, "partner")
    principal = beside(top / PRINCIPAL, "principal") if (top / PRINCIPAL).is_dir() else partner
    print(row(HEADINGS) + "\n" + row("---" for _ in HEADINGS), flush=True)
    for below in chosen:
        try:
            cells = Run(top, below, recipes.get(below, {}), partner, principal).all()
        except (OSError, KeyError, ValueError, subprocess.TimeoutExpired, yaml.YAMLError) as fault:
            cells = {"charm": below, "setup": shorten(repr(fault))}
        print(row(cells.get(heading, "") for heading in HEADINGS), flush=True)
    found = faults()
    for line in found:
        say(f"FAULT {line}")
    return 1 if found else 0


if __name__ == "__main__":
    if not os.environ.get("CHARMS_CHECKOUTS"):
        print("skipped: CHARMS_CHECKOUTS names no folder of checkouts", file=sys.stderr)
        sys.exit(0)
    import yaml

    built = [os.environ.get("PERIAPT"), HERE / "../target/release/periapt", HERE / "../target/debug/periapt"]
    PROGRAM = next((str(pathlib.Path(path).resolve()) for path in built if path and os.access(path, os.X_OK)), None)
    if PROGRAM is None:
        sys.exit("no periapt: build it, or set PERIAPT")
    for variable in ("PERIAPT_MODEL", "JUJU_MODEL", "JUJU_CONTROLLER"):
        os.environ.pop(variable, None)
    kept = "PERIAPT_HOME" in os.environ
    if not kept:
        os.environ["PERIAPT_HOME"] = tempfile.mkdtemp(prefix="periapt-charms-")
    try:
        code = main()
    finally:
        if not kept:
            subprocess.run([PROGRAM, "daemon", "stop"], capture_output=True)
            shutil.rmtree(os.environ["PERIAPT_HOME"], ignore_errors=True)
    sys.exit(code)
