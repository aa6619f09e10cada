#!/bin/sh
# Installs the dependencies when package-lock.json is not the one they were installed from, and builds dist/
# when a source is newer than it. Needs the node of setup-node.sh first on PATH. A second run does nothing.
#   --no-build   dependencies only
set -eu

root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
stamp=.cache/deps.sha256

if [ ! -w "${HOME:-/nonexistent}" ]; then
  export npm_config_cache="$root/.cache/npm"
fi

# The file npm itself leaves behind is looked for too: an interrupted install has the folder but not this.
wanted=$(cat package.json package-lock.json .npmrc | sha256sum | cut -d ' ' -f 1)
if [ ! -f node_modules/.package-lock.json ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  if [ -f node_modules/.package-lock.json ] && [ ! -f "$stamp" ] &&
    [ node_modules/.package-lock.json -nt package-lock.json ] && npm ls --all >/dev/null 2>&1; then
    : # somebody ran npm ci by hand, and it fits
  else
    echo 'setup-deps: npm ci' >&2
    # With the node that npm came with: another one has another global npmrc, and the mirror or certificate
    # authority that the machine's owner put there would be lost.
    PATH=$(dirname -- "$(command -v npm)"):$PATH npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >&2
  fi
  mkdir -p .cache
  echo "$wanted" >"$stamp"
fi

if [ "${1:-}" != --no-build ]; then
  # Folders count as well as files: a deleted source changes only the folder's time.
  if [ ! -f dist/main.js ] ||
    [ -n "$(find src templates scripts/build.ts scripts/reload.sh "$stamp" -newer dist/main.js -print | head -n 1)" ]; then
    echo 'setup-deps: building dist/' >&2
    node scripts/build.ts
  fi
fi
