#!/bin/sh
# All tests with all set-up, on a fresh machine too: Node.js, dependencies, build, two nginx, Helm, Chromium,
# Prometheus; then format, lint, types, tests. Arguments are paths of tests: then only those run, without the checks
# before them. The last line is `N passed, N failed`.
set -eu

root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

# The set-up is told apart from the tests: a machine without a network fails here and not in the middle.
node=$(scripts/setup-node.sh)
PATH=$node:$PATH
export PATH
scripts/setup-deps.sh
scripts/setup-nginx.sh >/dev/null
# Tests of modules that the distribution does not have are skipped, and say so.
scripts/setup-nginx.sh modules >/dev/null || true
# 69: there is neither helm nor go to build it with; the chart's tests then say that they are skipped.
scripts/setup-helm.sh >/dev/null || [ $? -eq 69 ]
# 69: they are not here and cannot be installed (no root, no network); the tests that need them say that they are
# skipped.
scripts/setup-chromium.sh >/dev/null || [ $? -eq 69 ]
scripts/setup-prometheus.sh >/dev/null || [ $? -eq 69 ]

if [ $# -eq 0 ]; then
  failed=
  check() {
    name=$1
    shift
    echo "$name"
    "$@" || failed="$failed, $name"
  }
  check format node_modules/.bin/prettier --check --log-level warn .
  check lint node_modules/.bin/oxlint --type-aware --deny-warnings
  check types node_modules/.bin/tsc --noEmit
  if [ -n "$failed" ]; then
    # In the form of the tests' own last line: who reads only that must see a failure.
    echo "the tests were not run: failed${failed#,}"
    echo "0 passed, 1 failed"
    exit 1
  fi
fi
exec node scripts/run-tests.ts "$@"
