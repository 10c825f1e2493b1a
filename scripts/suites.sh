#!/usr/bin/env bash
# Suites that other people wrote for Juju, as PyPI has them, against the built program. Those that are on PyPI only in part,
# or want a checkout, are run by hand: conformance/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
venv=$target/suites/venv
export PERIAPT=${PERIAPT:-$target/debug/periapt}
[ -x "$PERIAPT" ] || cargo build --workspace --bins
# The environment and the sources belong to these very lists.
stamp=$(cat conformance/requirements.txt conformance/sources.txt | sha256sum)
if [ "$(cat "$target/suites/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$target/suites"
    mkdir -p "$target/suites/packages"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r conformance/requirements.txt
    "$venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary ops,charmlibs-rollingops --require-hashes \
        --dest "$target/suites/packages" -r conformance/sources.txt
    for package in "$target/suites/packages"/*.tar.gz; do tar --extract --file "$package" --directory "$target/suites"; done
    echo "$stamp" > "$target/suites/stamp"
fi
export PATH="$venv/bin:$PATH"

# suite NAME [PYTEST-ARGUMENT…]: runs conformance/NAME.sh and compares what it gave with what is expected.
suite() {
    local name=$1 results=$target/suites/$1.xml said=$target/suites/$1.txt
    shift
    rm -f "$results"
    ARGS="--junitxml=$results $*" bash "conformance/$name.sh" > "$said" 2>&1 || true
    python conformance/verdict.py "$results" "conformance/expected/$name.txt" || {
        tail -n 200 "$said"
        return 1
    }
}

export OPS_SOURCE=$target/suites/ops-3.9.0 OPERATOR_CHECKOUT=$target/suites/ops-3.9.0
export ROLLINGOPS_CHECKOUT=$target/suites/charmlibs_rollingops-1.1.5
# The units of rollingops write to /var/lib: each machine needs mounts of its own. It mostly waits, so it runs beside the others.
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    suite rollingops &
    rollingops=$!
else
    echo "skipped: rollingops needs root and the right to mount" >&2
fi
failed=()
for name in ops_main operator; do suite "$name" || failed+=("$name"); done
if [ -n "${rollingops-}" ]; then wait "$rollingops" || failed+=(rollingops); fi
[ ${#failed[@]} -eq 0 ] || { echo "suites that did not give what is expected: ${failed[*]}" >&2; exit 1; }
