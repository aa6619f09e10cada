#!/bin/sh
# Makes sure that there is a Prometheus to check the alert rules and the dashboard with, and prints the paths of
# prometheus and promtool, each on its own line: those on PATH, else the distribution's package, unpacked into
# .cache/prometheus. It is never installed: an installation would start a service. What is there already is not
# looked up again: then no network is used.
#
# Messages go to stderr. Exit 69 with the reason when there is none and none can be had.
set -eu

root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache
folder=$cache/prometheus

say() { echo "setup-prometheus: $1" >&2; }

unavailable() {
  say "there is no prometheus with promtool and $1; put them on PATH"
  exit 69
}

# prints PROMETHEUS PROMTOOL where both run, and ends.
take() {
  if "$1" --version >/dev/null 2>&1 && "$2" --version >/dev/null 2>&1; then
    printf '%s\n%s\n' "$1" "$2"
    exit 0
  fi
}

if prometheus=$(command -v prometheus) && promtool=$(command -v promtool); then
  take "$prometheus" "$promtool"
fi
take "$folder/usr/bin/prometheus" "$folder/usr/bin/promtool"

for tool in apt-get dpkg-deb; do
  command -v $tool >/dev/null || unavailable "no $tool to fetch it with"
done
mkdir -p "$cache"
# Unpacked beside and renamed, so that an interrupted or a second run leaves nothing half done.
new=$(mktemp -d "$cache/prometheus.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# apt's sandbox user may not write into a private folder; the signatures are checked all the same.
download() {
  (cd "$new" && apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=2 download prometheus) >"$new/log" 2>&1
}

say 'unpacking the package prometheus into .cache/prometheus'
# The lists may be missing or old, and only root may renew them. A third party's source that does not answer must
# not stand in the way: the second attempt tells.
if ! download; then
  if [ "$(id -u)" = 0 ]; then apt-get -qq update >&2 || true; fi
  download || {
    cat "$new/log" >&2
    unavailable 'its package could not be fetched'
  }
fi
mkdir "$new/root"
for package in "$new"/*.deb; do
  dpkg-deb -x "$package" "$new/root" || unavailable 'its package could not be unpacked'
done
rm -rf "$folder"
mv "$new/root" "$folder"
take "$folder/usr/bin/prometheus" "$folder/usr/bin/promtool"
unavailable 'what its package holds does not run'
