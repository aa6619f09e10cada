#!/bin/sh
# Everything from nothing to traffic: Node.js, dependencies, build, an nginx beside the system's, two small example
# backends and the gateway on examples/manifests. Ctrl-C stops all of it.
#   --check   verify the answers instead of waiting, stop, and exit 0 or 1
#   --help
set -eu

root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

node=$(scripts/setup-node.sh)
PATH=$node:$PATH
export PATH
scripts/setup-deps.sh
QUICKSTART_NGINX=$(scripts/setup-nginx.sh current)
export QUICKSTART_NGINX
exec node scripts/quickstart.ts "$@"
