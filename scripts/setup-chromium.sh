#!/bin/sh
# Makes sure that there is a Chromium to look at the debug pages with, and prints its path: the one on PATH, else
# the distribution's package, installed. What is there already is not looked up again: then no network is used.
#
# Messages go to stderr. Exit 69 with the reason when there is none and none can be had.
set -eu

root=$(cd -- "$(dirname -- "$0")/.." && pwd)
log=$root/.cache/apt-chromium.log

say() { echo "setup-chromium: $1" >&2; }

unavailable() {
  say "there is no chromium and $1; put one on PATH"
  exit 69
}

# Elsewhere a package of this name only installs a link to another shop's: so it must say its version.
found() {
  for name in chromium chromium-browser google-chrome-stable google-chrome; do
    if browser=$(command -v "$name") && "$browser" --version >/dev/null 2>&1; then
      echo "$browser"
      exit 0
    fi
  done
}

found
command -v apt-get >/dev/null || unavailable 'no apt-get to install it with'
[ "$(id -u)" = 0 ] || unavailable 'only root can install it'
mkdir -p "$root/.cache"

install_it() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -o Acquire::Retries=2 \
    install -y --no-install-recommends chromium >"$log" 2>&1
}

say 'installing the package chromium'
# The lists may be missing or old. A third party's source that does not answer must not stand in the way: the
# second attempt tells.
if ! install_it; then
  apt-get -qq update >&2 || true
  install_it || {
    cat "$log" >&2
    unavailable 'its package could not be installed'
  }
fi
found
unavailable 'what its package installs does not run'
