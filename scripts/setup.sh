#!/usr/bin/env bash
# Brings what the other scripts need and this machine lacks: a C compiler, and a Python that can make virtual environments.
# Sourced or run; does nothing the second time. Needs Rust (https://rustup.rs) to be there already.
set -euo pipefail

need=()
command -v cc >/dev/null || need+=(build-essential)
# The hook program is linked statically: the C library's archives come with its headers.
[ -e /usr/include/stdio.h ] || need+=(libc6-dev)
if ! python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    need+=(python3 python3-venv)
fi
if [ ${#need[@]} -gt 0 ]; then
    echo "installing: ${need[*]}"
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${need[@]}"
fi
command -v cargo >/dev/null || {
    echo "cargo is not on the PATH: install Rust from https://rustup.rs and run this again" >&2
    exit 1
}
