#!/usr/bin/env bash
# The main job: builds Periapt, deploys the two example charms, relates them, and shows what happened. They are left
# running; see the last lines for what to try next.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

cargo build --release --bin periapt --bin periapt-hook
PATH="${CARGO_TARGET_DIR:-$PWD/target}/release:$PATH"

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

# A second run finds the applications there: it upgrades them in place.
if periapt show-application ledger >/dev/null 2>&1; then
    say periapt refresh ledger --path ./charms/ledger
    say periapt refresh reader --path ./charms/reader
else
    say periapt deploy ./charms/ledger
    say periapt deploy ./charms/reader
    say periapt integrate ledger reader
fi
say periapt wait --timeout 5m
say periapt run ledger/leader put key=greeting value=hello
say periapt run reader/leader read key=greeting
say periapt status --relations
say periapt tail --last 25 --no-follow

cat <<'EOF'

The model keeps running. Put target/release on your PATH and try:
  periapt add-unit ledger -n 2        three ledgers, one primary
  periapt config ledger warmup=10     a ledger that defers until its server answers: watch it with `periapt tail`
  periapt why ledger/0                what a unit waits for, and until when
  periapt destroy-model default       all of it away again
  periapt daemon stop                 the daemon ends; the next command starts it where it was
EOF
