#!/bin/sh
# Stands for nginx in the gateway's container (`nginx.binary_path`): has the agent of the nginx container do what these
# command lines mean, with nginx's own words and exit codes.
#
#   -V, -v            what nginx says of itself
#   -t … -c FILE …    tests FILE, which the nginx container must see under the same path
#   -s quit           ends nginx, drained, and waits for that: prints drained, killed, none, or kept when the nginx
#                     container was not told to end and nginx therefore serves on
#   -s reopen         nginx opens its log files anew
#
# Exit 0 and 1 as nginx; 75: no verdict.
set -u

client=$(dirname -- "$0")/agent-client.sh

case "${1-} ${2-}" in
'-V ' | '-v ')
  # The gateway gives this ten seconds.
  AGENT_DEADLINE=6 exec "$client" run "$1"
  ;;
'-s quit'*) AGENT_DEADLINE=${AGENT_DEADLINE:-290} exec "$client" quit ;;
'-s reopen'*) exec "$client" reopen ;;
'-t '*) ;;
*)
  echo "agent-nginx: only -V, -v, -t, -s quit and -s reopen are understood, not: $*" >&2
  exit 75
  ;;
esac

# A folder made for one test may be private to this user, and nginx is another one of the same group.
before=
for argument; do
  shared=
  case $before in
  -p) shared=${argument%/} ;;
  -c) shared=$(dirname -- "$argument") ;;
  esac
  before=$argument
  # shellcheck disable=SC3067 # -O: dash, busybox, bash and ksh have it
  if [ -n "$shared" ] && [ -d "$shared" ] && [ -O "$shared" ]; then
    chmod g+rwx "$shared" || echo "agent-nginx: cannot share $shared" >&2
  fi
done

AGENT_DEADLINE=${AGENT_DEADLINE:-50} exec "$client" run "$@"
