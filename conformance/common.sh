# Sourced by the scripts here: a home of its own, and `juju` and `charmcraft` in front of $PATH.
#
#   PERIAPT   the built program; without it target/release/periapt, then target/debug/periapt
#   ARGS      more arguments for pytest, such as "-k test_relation"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# checkout VARIABLE: the folder that the variable names. Ends the script with a message when it is not set.
checkout() {
    local folder=${!1:-}
    if [ -z "$folder" ]; then
        echo "skipped: $1 names no checkout" >&2
        exit 0
    fi
    (cd "$folder" && pwd) || exit 1
}

# prepare: makes the folder $work, which goes with the script, and its programs.
prepare() {
    local program=${PERIAPT:-}
    for built in "$here/../target/release/periapt" "$here/../target/debug/periapt"; do
        [ -n "$program" ] || { [ -x "$built" ] && program=$built; }
    done
    [ -x "$program" ] || { echo "no periapt: build it, or set PERIAPT" >&2; exit 1; }
    program=$(realpath "$program")
    command -v pytest > /dev/null || { echo "no pytest in PATH: activate an environment with the suite's needs" >&2; exit 1; }
    work=$(mktemp -d)
    trap finish EXIT
    mkdir "$work/bin"
    ln -s "$program" "$work/bin/juju"
    ln -s "$program" "$work/bin/periapt"
    # Nothing is kept of a build that would have to be cleaned.
    printf '#!/bin/sh\n[ "$1" = clean ] || exec periapt "$@"\n' > "$work/bin/charmcraft"
    chmod +x "$work/bin/charmcraft"
    export PATH="$work/bin:$PATH" PERIAPT_HOME="$work/home"
    unset PERIAPT_MODEL JUJU_MODEL JUJU_CONTROLLER
}

finish() {
    periapt daemon stop > /dev/null 2>&1 || true
    rm -rf "$work"
}

# offer_charm VARIABLE CHANNEL…: puts the charm in the folder that the variable names into the local charm store, so that
# a suite can deploy it by name. Without the folder the tests that need it fail, and this says so.
offer_charm() {
    local folder=${!1:-} channel
    if [ -z "$folder" ]; then
        echo "note: $1 names no checkout: tests that deploy this charm by its name fail" >&2
        return
    fi
    shift
    for channel in "$@"; do
        periapt publish "$folder" --channel "$channel"
    done
}

# own_copy FOLDER: a copy to run in, because suites pack their charms beside their sources.
own_copy() {
    cp --archive "$1" "$work/checkout"
    rm -rf "$work/checkout/.venv"
    # What an earlier run packed is not what this program packs.
    find "$work/checkout" -name '*.charm' -delete
}
