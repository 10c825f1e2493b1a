#!/usr/bin/env bash
# Builds Periapt once as it is released, and measures it against its goals, each beside its floor: a table on standard
# output. Arguments choose rows: hook-command dispatch deploy units commits simulator. See README.md here.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/setup.sh

cargo bench --package periapt --bench goals -- "$@"
