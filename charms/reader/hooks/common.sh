# shellcheck shell=sh
# Functions that several hooks use. Not a hook itself: no event has this name, so no agent ever runs it.
#
# `set -e` in each hook means: the first command that fails ends the hook with an error. The agent then drops what the
# hook has written (databags, state, ports), shows the unit in error, and runs the hook again later. So a hook must do
# no harm when it is run twice.

# Print the id of the relation with a ledger, or nothing. `relation-ids` prints one id a line; there is at most one here.
ledger_relation() {
    relation-ids ledger | head -n 1
}

# Print the first argument if it can be a host name or an IP address, else fail. What comes from a databag was written by
# another application: look at it before handing it to a command.
checked_host() {
    case $1 in
        '' | -* | *[!A-Za-z0-9.:-]*) return 1 ;;
    esac
    printf '%s\n' "$1"
}

# Print the first argument if it is a TCP port, else fail.
checked_port() {
    case $1 in
        '' | 0* | *[!0-9]* | ??????*) return 1 ;;
    esac
    [ "$1" -le 65535 ] && printf '%s\n' "$1"
}

# Print the first argument if it can be part of a request, else fail.
checked_word() {
    case $1 in
        '' | *[!A-Za-z0-9._-]*) return 1 ;;
    esac
    printf '%s\n' "$1"
}

# Open this unit's port, after closing the one of an earlier configuration.
open_our_port() {
    base=$(config-get port)
    old=$(state-get port)
    new=
    if [ "$base" -gt 0 ]; then
        # JUJU_UNIT_NAME is like `reader/3`.
        new=$((base + ${JUJU_UNIT_NAME##*/}))
    fi
    if [ "$new" = "$old" ]; then
        return
    fi
    if [ -n "$old" ]; then
        close-port "$old/tcp"
        state-delete port
    fi
    if [ -n "$new" ]; then
        # Another unit of the machine may have it already. That is no reason for an error.
        if open-port "$new/tcp"; then
            state-set port="$new"
        else
            juju-log -l WARNING "cannot open port $new"
        fi
    fi
}

# Say in one line how the unit is. Each hook that may change it ends with this.
set_our_status() {
    if [ -z "$(ledger_relation)" ]; then
        # Blocked: somebody must do something. Waiting: it will come by itself.
        status-set blocked 'integrate me with a ledger'
    elif [ -z "$(state-get host)" ]; then
        status-set waiting 'the ledger has not told its address yet'
    else
        status-set active "reads from $(state-get host) port $(state-get port-of-ledger)"
    fi
}
