#!/usr/bin/env bash
# Runs the peer tests of a source tree of charmlibs-rollingops, $ROLLINGOPS_CHECKOUT (the folder with its pyproject.toml,
# from a checkout or from its source package). Those with etcd need a charm that is a snap and are left out.
set -euo pipefail
. "$(dirname "$0")/common.sh"
source=$(checkout ROLLINGOPS_CHECKOUT)
[ -n "$source" ] || exit 0
prepare
own_copy "$source"
cd "$work/checkout"
# A source package lacks the links from its test charms to the library.
for charm in tests/integration/charms/{k8s,machine}; do
    mkdir -p "$charm/library"
    for part in src pyproject.toml README.md; do
        [ -e "$charm/library/$part" ] || ln -sfn "../../../../../$part" "$charm/library/$part"
    done
done
export CHARMLIBS_SUBSTRATE=machine
# Each unit writes to /var/lib/charm-rolling-ops.
export PERIAPT_NAMESPACES=full
(cd tests/integration && bash pack.sh)
# shellcheck disable=SC2086
pytest tests/integration/test_peer_rolling_ops.py -p no:cacheprovider -q ${ARGS:-}
