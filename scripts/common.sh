# shellcheck shell=bash
# Shared by the set-up scripts; sourced, never run. Callers have `set -euo pipefail`.

# Everything a script does is said; prose goes to stderr, so that stdout stays data.
say() { printf '%s\n' "==> $*" >&2; }
fail() {
    printf '%s\n' "error: $1" >&2
    shift
    (($# == 0)) || printf '       %s\n' "$@" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages, if that is possible here without asking anyone; otherwise fails quietly.
apt_install() {
    [[ $EUID -eq 0 ]] && have apt-get || return 1
    say "installing with apt-get: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "$@" >&2 && return 0
    # A fresh machine has no package lists, or stale ones.
    apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends "$@" >&2
}
