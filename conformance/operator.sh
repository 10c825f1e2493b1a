#!/usr/bin/env bash
# Runs test/integration of a checkout of canonical/operator, $OPERATOR_CHECKOUT, unchanged. The tests of tracing need a
# Kubernetes cluster and are left out. With $ANY_CHARM (a checkout of any-charm) also what deploys that by its name.
set -euo pipefail
. "$(dirname "$0")/common.sh"
source=$(checkout OPERATOR_CHECKOUT)
[ -n "$source" ] || exit 0
prepare
own_copy "$source"
offer_charm ANY_CHARM latest/stable latest/beta
cd "$work/checkout"
# shellcheck disable=SC2086
pytest test/integration --ignore test/integration/test_tracing.py -p no:cacheprovider -q ${ARGS:-}
