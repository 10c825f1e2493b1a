#!/usr/bin/env bash
# Runs `test/test_main.py` of a source tree of ops, $OPS_SOURCE (the unpacked source package of ops 3.9.0, or a checkout of
# that version), inside an action of a unit: where a test writes a fake hook command that only has to succeed, or that says
# what this unit says too, the real one runs. See ops_main/real_commands.py for which, and README.md for what passes.
set -euo pipefail
. "$(dirname "$0")/common.sh"
source=$(checkout OPS_SOURCE)
[ -n "$source" ] || exit 0
prepare
own_copy "$source"
# The suite's fakes of relation-ids and relation-list, which stand in front of everything else.
rm -rf "$work/checkout/test/bin"

# charm NAME METADATA: a charm of shell hooks.
charm() {
    mkdir -p "$work/$1/hooks" "$work/$1/actions"
    printf 'name: %s\nsummary: s\ndescription: d\n%s\n' "$1" "$2" > "$work/$1/metadata.yaml"
    printf '#!/bin/sh\n' > "$work/$1/hooks/install"
    chmod +x "$work/$1/hooks/install"
}
charm main 'provides:
  db: {interface: db}
  db0: {interface: db}
  db1: {interface: db}
  db2: {interface: db}
  spare: {interface: db}
requires:
  mon: {interface: monitoring}
storage:
  disks: {type: filesystem, multiple: {range: 1-}}'
charm remote 'requires:
  db: {interface: db}
  other: {interface: db}
provides:
  mon: {interface: monitoring}'
charm remoteapp1 'requires:
  db: {interface: db}
  other: {interface: db}'
charm remoteapp2 'requires:
  db: {interface: db}'
printf 'suite: {}\n' > "$work/main/actions.yaml"
cat > "$work/main/actions/suite" <<'ACTION'
#!/usr/bin/env bash
. "$OPS_MAIN_WORK/settings"
# Each command with the context that it needs, because the suite makes environments of its own.
mkdir -p "$work/commands"
tools=$(dirname "$(command -v relation-ids)")
for tool in "$tools"/*; do
    printf '#!/bin/sh\nJUJU_CONTEXT_ID=%q JUJU_AGENT_SOCKET_ADDRESS=%q exec %q "$@"\n' \
        "$JUJU_CONTEXT_ID" "$JUJU_AGENT_SOCKET_ADDRESS" "$tool" > "$work/commands/${tool##*/}"
done
chmod +x "$work/commands"/*
for name in $(compgen -e | grep '^JUJU_'); do unset "$name"; done
export PATH="$work/commands:$path" PYTHONPATH="$here/ops_main" REAL_COMMANDS="$work/commands"
cd "$work/checkout"
# shellcheck disable=SC2086
python -m pytest test/test_main.py -p real_commands -p no:cacheprovider -q $arguments > "$work/said" 2>&1
echo $? > "$work/code"
ACTION
chmod +x "$work/main/actions/suite"
# What an action's process does not inherit.
printf '%s\n' "work=$(printf %q "$work")" "path=$(printf %q "$PATH")" "here=$(printf %q "$here")" \
    "arguments=$(printf %q "${ARGS:-}")" > "$work/settings"
sed -i "s|\$OPS_MAIN_WORK|$work|" "$work/main/actions/suite"

# The relations get the numbers that the suite's own fakes know: db:1 mon:2 db1:4 db2:5 db2:6, and no 0 and 3.
for name in main remote remoteapp1 remoteapp2; do periapt deploy "$work/$name" > /dev/null; done
periapt integrate main:spare remote:other
periapt integrate main:db remote:db
periapt integrate main:mon remote:mon
periapt integrate main:spare remoteapp1:other
periapt integrate main:db1 remoteapp1:db
periapt integrate main:db2 remoteapp1:db
periapt integrate main:db2 remoteapp2:db
periapt remove-relation main:spare remote:other
periapt remove-relation main:spare remoteapp1:other
periapt wait --timeout 120s > /dev/null
periapt run main/0 suite --wait 30m > /dev/null 2>&1 || true
cat "$work/said"
exit "$(cat "$work/code")"
