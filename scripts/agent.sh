#!/bin/sh
# PID 1 of the nginx container: runs nginx for a gateway that lives in another container and shares one folder with
# this one. It answers what scripts/agent-client.sh asks:
#
#   run       nginx -t or nginx -V with the arguments that follow
#   version   nginx -V, and the modules that it could load
#   apply     scripts/reload.sh: starts nginx when none runs, else SIGHUP
#   reopen    SIGUSR1: nginx opens its log files anew
#   status    what runs here
#   quit      ends nginx, drained, once this container was told to end (`quit now`: in any case)
#
# nginx is started by the first `apply`; later, when this container was restarted or nginx died, from the last
# verified configuration. On TERM or QUIT it serves on until `quit` comes or AGENT_PATIENCE is over.
#
#   GATEWAY_FOLDER     the shared folder, /run/gateway by default
#   NGINX_BINARY       nginx by default
#   NGINX_CONFIG       the live nginx.conf, /etc/nginx/nginx.conf by default
#   NGINX_PREFIX       the gateway's state folder, `state` in the shared folder by default
#   AGENT_PATIENCE     seconds that nginx serves on after TERM without a word from the gateway; 45 by default
#   AGENT_DRAIN_LIMIT  seconds that nginx may take to end; 250 by default, more than its worker_shutdown_timeout
#   AGENT_TOLD_WITHIN  seconds in which the container is told to end too after `quit`; 10 by default
#   AGENT_LOG_LIMIT    MB at which a log that nobody takes away is cut, or removed if it is the one that requests are
#                      counted from; 64 by default
#
# A question is a folder agent/calls/ID with a file `arguments` (the verb, a limit in seconds, then one argument a
# line) and a line "ID BOOT" in the FIFO agent/questions-BOOT. `taken` says that it was read, `words` is what was said,
# `answer`, moved into place, the exit code. What is lost with an agent shows by BOOT, which is another one then.
set -u
umask 007

shared=${GATEWAY_FOLDER:-/run/gateway}
binary=${NGINX_BINARY:-nginx}
config=${NGINX_CONFIG:-/etc/nginx/nginx.conf}
prefix=${NGINX_PREFIX:-$shared/state}
patience=${AGENT_PATIENCE:-45}
drain_limit=${AGENT_DRAIN_LIMIT:-250}
log_limit=$((${AGENT_LOG_LIMIT:-64} * 1048576))

folder=$shared/agent
pid_file=$prefix/run/nginx.pid
error_log=$prefix/logs/error.log
scripts=$(dirname -- "$0")
reload_script=$scripts/reload.sh

# Within this many seconds of `quit` the container is told to end too; else the gateway alone is restarted.
told_within=${AGENT_TOLD_WITHIN:-10}
force_after=5

told=no # TERM or QUIT has come
told_at=
state=serving # serving, quitting, ended
quit_at=
quit_sent=
result=none
quits= # calls that wait for the end of nginx
quit_asked_at=
changing=0 # starts and reloads under way
start_at=0 # not before this is nginx started from the verified configuration
start_pause=1
logs_at=0

# First of all: PID 1 has no default action for signals.
trap 'told=yes' TERM QUIT INT

. "$scripts/agent-answers.sh"

say() {
  printf 'agent: %s\n' "$*" >&2
}

# Sets now, in seconds of the monotonic clock.
clock() {
  read -r now _ </proc/uptime
  now=${now%%.*}
}

# Sets master, a process that is proved to be an nginx master; false when there is none. A pid file that was lost is
# made again: without it a running nginx would be taken for a dead one.
find_master() {
  master=
  { read -r master <"$pid_file"; } 2>/dev/null
  case $master in '' | 0 | *[!0-9]*) ;; *) is_master "$master" && return 0 ;; esac
  master=
  if children_of $$; then
    for pid in $found; do
      if is_master "$pid"; then
        master=$pid
        { echo "$pid" >"$pid_file"; } 2>/dev/null
        return 0
      fi
    done
  fi
  return 1
}

# A dead process has an empty command line. The NUL bytes in it are dropped by read, and no newline ends it.
is_master() {
  title=
  { read -r title <"/proc/$1/cmdline"; } 2>/dev/null
  case $title in *'nginx: master process'*) return 0 ;; esac
  return 1
}

# Sets found to the nginx processes whose parent this is.
children_of() {
  found=
  for file in $(grep -l 'nginx: ' /proc/[0-9]*/cmdline 2>/dev/null); do
    parent=
    { read -r _ _ _ parent _ <"${file%/cmdline}/stat"; } 2>/dev/null
    file=${file#/proc/}
    if [ "$parent" = "$1" ] && [ "${file%/cmdline}" != "$1" ]; then found="$found ${file%/cmdline}"; fi
  done
  [ -n "$found" ]
}

# One at a time: two starts beside each other would fight for the ports.
reload() {
  (
    flock -w "$limit" 9 || exit 75
    change
  ) 9>"$folder/lock"
}

change() {
  NGINX_BINARY=$binary NGINX_CONFIG=$config NGINX_PREFIX=$prefix NGINX_PID=$pid_file NGINX_ERROR_LOG=$error_log \
    "$reload_script" 9>&-
}

restart() {
  limit=60
  (
    flock -w "$limit" 9 || exit 75
    # An `apply` may have come first.
    if find_master; then exit 0; fi
    if restore; then change; fi
  ) 9>"$folder/lock"
  code=$?
  if [ "$code" -ne 0 ]; then say "nginx could not be started from the last verified configuration ($code)"; fi
}

# Makes the verified text the live one; false where there is none that is whole. The live text may be a newer one that
# was never seen to work; the gateway brings it out again.
restore() {
  digest=$(sed -n 's/.*"sha256":"\([0-9a-f]\{64\}\)".*/\1/p' "$prefix/verified.json")
  actual=$(sha256sum <"$prefix/verified.conf")
  if [ "${actual%% *}" != "$digest" ]; then
    say "$prefix/verified.conf is not what verified.json says: nginx waits for the gateway"
    return 1
  fi
  live=$(readlink -f -- "$config") || return 1
  if ! cmp -s -- "$prefix/verified.conf" "$live"; then
    cp -- "$prefix/verified.conf" "$live.agent" && chmod 0644 "$live.agent" && mv -f -- "$live.agent" "$live" || return 1
  fi
  say 'starting nginx from the last verified configuration'
}

begin_quit() {
  state=quitting
  quit_at=$now
  quit_sent=
  result=none
}

# A step of serving: whether to end, to start nginx again, or to leave things as they are.
serve() {
  if [ "$told" = yes ]; then
    if [ -z "$told_at" ]; then
      told_at=$now
      say "told to end; nginx serves until the gateway says quit, at most for $patience s"
    fi
    if [ -n "$quits" ]; then
      begin_quit
    elif [ "$changing" -eq 0 ] && ! find_master; then
      begin_quit
    elif [ $((now - told_at)) -ge "$patience" ]; then
      say "no quit from the gateway within $patience s"
      begin_quit
    fi
    return
  fi
  if [ -n "$quits" ] && [ $((now - quit_asked_at)) -ge "$told_within" ]; then
    say 'only the gateway ends: nginx serves on'
    answer_quits kept
  fi
  if [ "$changing" -gt 0 ] || [ "$now" -lt "$start_at" ]; then return; fi
  if find_master; then
    start_pause=1
  elif [ -r "$prefix/verified.conf" ] && [ -r "$prefix/verified.json" ]; then
    start_at=$((now + start_pause))
    start_pause=$((start_pause < 30 ? start_pause * 2 : 30))
    changing=$((changing + 1))
    { restart 3>&-; echo changed >&3; } &
  fi
}

# A step towards the end of nginx: its master goes when its last worker has.
drain() {
  # Without a master, found are the workers that it left behind.
  if ! find_master && [ -z "$found" ] && [ "$changing" -eq 0 ]; then
    state=ended
    say "nginx ended: $result"
    answer_quits "$result"
    return
  fi
  if [ "$result" = none ]; then result=drained; fi
  if [ -n "$master" ] && [ "$quit_sent" != "$master" ]; then
    quit_sent=$master
    kill -CONT "$master"
    kill -QUIT "$master"
    poke_when_gone "$master" &
  elif [ -z "$master" ] && [ -n "$found" ] && [ "$quit_sent" != orphans ]; then
    quit_sent=orphans
    # Unquoted: one argument each.
    kill -QUIT $found
  fi
  if [ $((now - quit_at)) -lt "$drain_limit" ]; then return; fi
  if [ "$result" != killed ]; then
    result=killed
    say "nginx did not end within $drain_limit s: ended by force"
    kill -TERM ${master:-$found} 2>/dev/null
  elif [ $((now - quit_at)) -ge $((drain_limit + force_after)) ]; then
    children_of "${master:-$$}"
    kill -KILL $master $found 2>/dev/null
  fi
}

# Ends the wait at once and not with the next tick.
poke_when_gone() {
  while is_master "$1"; do sleep 0.1; done
  echo poke >&3
}

answer_quits() {
  for call in $quits; do answer "$call" 0 "$1"; done
  quits=
  quit_asked_at=
}

# The gateway takes the traffic log away long before it is this large. nginx appends: it goes on at the new end.
bound_logs() {
  for log in "$prefix"/logs/*.log; do
    size=$(stat -c %s -- "$log" 2>/dev/null) || continue
    if [ "$size" -gt "$log_limit" ]; then
      if { true >"$log"; } 2>/dev/null; then
        say "$log was cut at $size bytes: nobody took it away"
      fi
    fi
  done
  bound_traffic
}

# What the gateway counts requests from grows while it is away. A file that is cut would look like one that was read; one
# that is new does not, and so the gateway knows that something is missing.
bound_traffic() {
  log=$prefix/traffic/requests.log
  size=$(stat -c %s -- "$log" 2>/dev/null) || return
  if [ "$size" -gt "$log_limit" ] && find_master; then
    rm -f -- "$prefix"/traffic/requests*.log
    kill -USR1 "$master"
    say "$log was taken away at $size bytes: nobody read it"
  fi
}

tick() {
  # Reaps what was left to PID 1, and frees what the shell remembers of its own children.
  jobs >/dev/null
  if [ $((now - logs_at)) -ge 10 ]; then
    logs_at=$now
    bound_logs
    # Clients that were killed take nothing away.
    find "$folder/calls" -mindepth 1 -maxdepth 1 -mmin +15 -exec rm -rf {} + 2>/dev/null
  fi
}

leave() {
  rm -f -- "$folder/boot" "$questions"
  say 'ended'
  exit 0
}

mkdir -p "$folder" && chmod 2770 "$folder" || exit 73
rm -rf -- "$folder/boot" "$folder/calls" "$folder"/questions-*
mkdir "$folder/calls" && chmod 2770 "$folder/calls" || exit 73
read -r boot </proc/sys/kernel/random/uuid
questions=$folder/questions-$boot
mkfifo "$questions" || exit 73
# For reading and writing: opened for reading alone it would block until somebody writes, and end when nobody does.
exec 3<>"$questions"
echo "$boot" >"$folder/boot.new" && mv -f "$folder/boot.new" "$folder/boot" || exit 73

# Time passes by itself, also for a shell whose `read` knows no limit.
{
  trap '' TERM QUIT INT HUP
  while kill -0 $$ 2>/dev/null; do
    sleep 1
    echo tick >&3
  done
} &

clock
say "ready as $(id -u):$(id -g) in $folder"
while :; do
  id=
  if read -r id of_boot <&3; then
    case $id in
    tick) tick ;;
    poke) ;;
    changed) changing=$((changing - 1)) ;;
    *) take "$id" "$of_boot" ;;
    esac
  fi
  clock
  case $state in serving) serve ;; quitting) drain ;; esac
  if [ "$state" = ended ] && [ "$told" = yes ]; then leave; fi
done
