#!/usr/bin/env bash
# Builds Periapt once as it is released, and measures it against its goals, each beside its floor: a table on standard
# output. Arguments choose rows: hook-command dispatch deploy units commits simulator secrets status logs; `charm` measures
# a charm in Rust beside the same charm with ops. See README.md here.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

if [ "${1-}" = charm ]; then
    shift
    venv="${CARGO_TARGET_DIR:-$PWD/target}/charm-tests"
    [ -x "$venv/bin/pytest" ] || {
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check -r charms/ledger/tests/requirements.txt
    }
    # The charm as `periapt new` sets it up and `periapt pack` builds it: optimized as a whole, for this machine's own
    # target, with the C library in it.
    host="$(rustc -vV | sed -n 's/^host: //p')"
    CARGO_PROFILE_RELEASE_LTO=true CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
        cargo build --release --package bench-charm --target "$host" \
        --config "target.$host.rustflags=[\"-C\",\"target-feature=+crt-static\"]"
    BENCH_PYTHON="$venv/bin/python" BENCH_TARGET="$host" exec cargo bench --package periapt-charm --features testing --bench charm -- "$@"
fi
cargo bench --package periapt --bench goals -- "$@"
