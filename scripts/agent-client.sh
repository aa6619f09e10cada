#!/bin/sh
# Asks the agent of the nginx container (scripts/agent.sh, which says how a question travels):
#
#   agent-client.sh version|status|reopen       agent-client.sh run -t|-V ARGUMENT…
#   agent-client.sh quit [now]                  agent-client.sh apply CONFIG PREFIX PID_FILE ERROR_LOG
#
#   GATEWAY_FOLDER   the shared folder, /run/gateway by default
#   AGENT_AWAY       seconds to wait for an agent that is not there; 8 by default
#   AGENT_DEADLINE   seconds that nginx may take, 50 by default; the answer is waited for three seconds longer
#
# Exit 0: done. Exit 1: nginx said no, in the words on stderr. Exit 75: no verdict, for the reason on stderr: no agent,
# no answer in time, or another agent by now, with which the question was lost.
set -u
umask 007

folder=${GATEWAY_FOLDER:-/run/gateway}/agent
away=${AGENT_AWAY:-8}
limit=${AGENT_DEADLINE:-50}
deadline=$((limit + 3))
# An agent reads its questions at once, whatever it does besides.
taken_within=5
call=
writer=

no_verdict() {
  echo "agent-client: $1" >&2
  exit 75
}

# Sets now, in seconds of the monotonic clock, from the file that costs no process to read.
clock() {
  read -r now _ </proc/uptime
  now=${now%%.*}
}

# Sets boot; empty when no agent is there.
read_boot() {
  boot=
  { read -r boot <"$folder/boot"; } 2>/dev/null
  case $boot in *[!0-9a-f-]*) boot='' ;; esac
  [ -n "$boot" ]
}

clean() {
  if [ -n "$writer" ]; then kill "$writer" 2>/dev/null; fi
  if [ -n "$call" ]; then rm -rf -- "$call"; fi
}
trap clean EXIT
trap 'exit 75' TERM INT HUP

# The other side of the folder is the one that strangers reach: links are not followed, nor is more read than 4 MB.
print_words() {
  if [ -f "$call/words" ]; then
    dd if="$call/words" iflag=nofollow,nonblock bs=64k count=64 status=none
  fi
}

case ${1-} in
run | version | status | apply | reopen | quit) ;;
*)
  echo "usage: agent-client.sh version|status|reopen|quit [now]|run ARGUMENT…|apply CONFIG PREFIX PID_FILE ERROR_LOG" >&2
  exit 64
  ;;
esac
verb=$1
shift
newline='
'
for argument; do
  case $argument in *"$newline"*) no_verdict 'an argument contains a line end' ;; esac
done

clock
asked=$now
until read_boot; do
  clock
  if [ $((now - asked)) -ge "$away" ]; then
    no_verdict "no agent in $folder for $away s: does the nginx container run?"
  fi
  sleep 0.1
done
asked_boot=$boot

call=$(mktemp -d "$folder/calls/XXXXXXXXXXXX") || no_verdict "cannot write in $folder/calls"
# mktemp makes it private; the agent is another user of the same group.
chmod 2770 "$call" || no_verdict "cannot share $call"
{
  printf '%s\n%s\n' "$verb" "$limit"
  if [ $# -gt 0 ]; then printf '%s\n' "$@"; fi
} >"$call/arguments" || no_verdict "cannot write $call/arguments"

# Opened for reading and writing, because opening a FIFO that nobody reads blocks for ever, as does writing into a
# full one: therefore in the background.
printf '%s %s\n' "${call##*/}" "$boot" 1<>"$folder/questions-$boot" 2>/dev/null &
writer=$!

clock
asked=$now
pause=0.01
rounds=0
until [ -f "$call/answer" ]; do
  clock
  if ! read_boot || [ "$boot" != "$asked_boot" ]; then
    # It answers before it leaves.
    if [ -f "$call/answer" ]; then break; fi
    no_verdict 'the agent ended before it answered'
  fi
  if [ $((now - asked)) -ge "$taken_within" ] && [ ! -e "$call/taken" ]; then
    no_verdict "the agent did not take the question within $taken_within s"
  fi
  if [ $((now - asked)) -ge "$deadline" ]; then
    no_verdict "no answer within $deadline s"
  fi
  sleep "$pause"
  rounds=$((rounds + 1))
  case $rounds in 20) pause=0.05 ;; 100) pause=0.2 ;; esac
done

code=
{ read -r code <"$call/answer"; } 2>/dev/null
case $verb in
run | apply) print_words >&2 ;;
*) if [ "$code" = 0 ]; then print_words; else print_words >&2; fi ;;
esac
case $code in
0 | 1 | 75) exit "$code" ;;
*) no_verdict 'the answer is not one' ;;
esac
