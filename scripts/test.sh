#!/usr/bin/env bash
# Every test: formatting, lints, the Rust tests, the Python tests of the example charms, other people's suites. Sets up what
# it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

export CARGO_TERM_COLOR=never
# A whole run gains nothing from what incremental builds keep, which is gigabytes.
export CARGO_INCREMENTAL=0
cargo fmt --all --check
cargo clippy --workspace --all-targets --quiet -- -D warnings

# Whole-process tests run the programs as a user has them.
cargo build --workspace --bins
if command -v cargo-nextest >/dev/null; then
    cargo nextest run --workspace --no-fail-fast
else
    cargo test --workspace --no-fail-fast
fi

# The library's documentation is full of examples; they hold.
cargo test --quiet --package periapt-charm --package periapt-pebble --features periapt-charm/testing,periapt-pebble/client,periapt-pebble/fake --doc

# The example charms' own tests, with ops from PyPI.
venv="${CARGO_TARGET_DIR:-$PWD/target}/charm-tests"
[ -x "$venv/bin/pytest" ] || {
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r charms/ledger/tests/requirements.txt
}
"$venv/bin/pytest" -q charms/ledger/tests charms/reader/tests

# What other people wrote for Juju, from PyPI.
bash scripts/suites.sh
