#!/bin/sh
# Asks two gateways the same questions and prints where their answers differ.
#
#   compare-answers.sh OLD NEW < questions
#
# OLD and NEW are ADDRESS:PORT (or ADDRESS:PORT of TLS with SCHEME=https). Each line of the input is a host and a path.
# Compared are the status, the place of a redirect and the type of the content. Exit code: 0 all alike, 1 not, 2 usage.
# Only GET is sent, without cookies or logins.
set -u

if [ $# -ne 2 ]; then
  echo "usage: $0 OLD NEW < questions" >&2
  exit 2
fi
scheme=${SCHEME:-http}

ask() { # ADDRESS:PORT HOST PATH
  curl --silent --insecure --globoff --path-as-is --output /dev/null --max-time "${SECONDS_EACH:-10}" --noproxy '*' \
    --connect-to "::$1" --write-out '%{http_code} %{redirect_url} %{content_type}' "$scheme://$2$3" ||
    printf ' (curl %s)' "$?"
}

asked=0
unlike=0
while read -r host path; do
  [ -n "$host" ] || continue
  case $host in
    '*.'*) host="any${host#\*}" ;;
  esac
  before=$(ask "$1" "$host" "${path:-/}")
  after=$(ask "$2" "$host" "${path:-/}")
  asked=$((asked + 1))
  if [ "$before" != "$after" ]; then
    unlike=$((unlike + 1))
    printf '%s%s\n  old: %s\n  new: %s\n' "$host" "${path:-/}" "$before" "$after"
  fi
done
printf '%s of %s answers differ\n' "$unlike" "$asked"
[ "$unlike" -eq 0 ]
