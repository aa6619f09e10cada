#!/bin/sh
# Makes sure that there is a Helm to check the chart with, and prints its path: the one on PATH when it is new
# enough, else one that Go builds into .cache/helm, once (about a minute). What is there already is not looked up
# again: then no network is used.
#
# The modules come through Go's own proxy settings and are verified by its checksum database; Helm's own must
# besides have the hash below. Messages go to stderr. Exit 69 when there is neither Helm nor a Go to build it with,
# 1 when building fails.
set -eu

minimum=3.14.0
version=3.22.0
hash=h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU=
# Older ones cannot even read that Helm asks for a newer one.
go_minimum=1.21
root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache/helm
built=$cache/$version/helm

say() { echo "setup-helm: $1" >&2; }

fail() {
  say "$1"
  exit "${2:-1}"
}

at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

is_current() {
  have=$("$1" version --template '{{.Version}}' 2>/dev/null | sed -n 's/^v\([0-9][0-9.]*\).*/\1/p') || return 1
  [ -n "$have" ] && at_least "$minimum" "$have"
}

if helm=$(command -v helm) && is_current "$helm"; then
  echo "$helm"
  exit 0
fi
if [ -x "$built" ]; then
  echo "$built"
  exit 0
fi

remedy="put helm >= $minimum or go >= $go_minimum on PATH"
command -v go >/dev/null || fail "there is no helm >= $minimum and no go to build one with; $remedy" 69
go_version=$(go env GOVERSION | sed 's/^go//')
at_least "$go_minimum" "$go_version" ||
  fail "there is no helm >= $minimum and go $go_version is too old to build one; $remedy" 69

say "building helm $version into .cache/helm"
mkdir -p "$cache"
# Built beside and renamed, so that an interrupted or a second run leaves nothing half done.
new=$(mktemp -d "$cache/new.XXXXXX")
build=
clean_up() {
  if [ -n "$build" ]; then kill "$build" 2>/dev/null || true; fi
  # What Go fetched is read-only.
  chmod -R u+w "$new"
  rm -rf "$new"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ ! -w "${HOME:-/nonexistent}" ]; then
  export GOPATH="$new/go" GOCACHE="$new/go-build"
fi
# Nothing of this repository, and no settings for another build.
cd "$new"
CGO_ENABLED=0 GOFLAGS=-trimpath GOBIN=$new go install -ldflags '-s -w' "helm.sh/helm/v3/cmd/helm@v$version" >&2 &
build=$!
# In the background, because a shell that waits in the foreground hears no signal.
built_well=yes
wait "$build" || built_well=no
build=
[ $built_well = yes ] || fail "go could not build helm $version; its message is above. Or $remedy"
found=$(go version -m "$new/helm" | awk '$1 == "mod" { print $4 }')
[ "$found" = "$hash" ] ||
  fail "helm $version has the hash ${found:-none} instead of $hash: do not use it; look into the Go proxy"
mkdir -p "$cache/$version"
mv "$new/helm" "$built"
echo "$built"
