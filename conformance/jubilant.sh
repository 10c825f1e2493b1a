#!/usr/bin/env bash
# Runs the integration suite of a checkout of canonical/jubilant, $JUBILANT_CHECKOUT, unchanged.
# With $UBUNTU_CHARM (a checkout of the charm `ubuntu`) also the tests that deploy that by its name.
set -euo pipefail
. "$(dirname "$0")/common.sh"
source=$(checkout JUBILANT_CHECKOUT)
[ -n "$source" ] || exit 0
prepare
own_copy "$source"
offer_charm UBUNTU_CHARM latest/stable
cd "$work/checkout"
for charm in tests/integration/charms/*/; do
    (cd "$charm" && charmcraft pack)
done
# shellcheck disable=SC2086
pytest tests/integration -p no:cacheprovider -q ${ARGS:-}
