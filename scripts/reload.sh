#!/bin/sh
# The default reload script: starts nginx when none of ours is running, sends SIGHUP to its master when one is.
#
#   NGINX_BINARY       nginx, by name or path
#   NGINX_CONFIG       absolute path of the live nginx.conf
#   NGINX_PREFIX       state folder, given to nginx with -p; stale sockets are removed inside it only
#   NGINX_PID          the pid file that the config names
#   NGINX_ERROR_LOG    where nginx logs until it has read its config (-e); optional
#   NGINX_START_LIMIT  seconds a start may take, 60 by default: reading the config may resolve names, and
#                      binding a port is tried for 2.5 s
#
# Exit 0: started, or the signal is sent (whether the reload works, the error log and the traffic tell).
# Exit 1: nginx said no; what it said is on stderr. Exit 75: no verdict, for example it could not be run.
#
# There is no `nginx -t` here: the config was tested before it became the live one, and a reload by nginx's own
# command line would read it once more (650-800 ms at 5,000 servers).
set -u

start_limit=${NGINX_START_LIMIT:-60}

no_verdict() {
  echo "reload: $1" >&2
  exit 75
}

NGINX_ERROR_LOG=${NGINX_ERROR_LOG:-}
for name in NGINX_BINARY NGINX_CONFIG NGINX_PREFIX NGINX_PID; do
  eval "value=\${$name:-}"
  [ -n "$value" ] || no_verdict "$name is not set"
done
NGINX_PREFIX=${NGINX_PREFIX%/}

# The command line of a process on one line, with a space behind each argument; empty for one that is gone.
command_line() {
  { tr '\000' ' ' <"/proc/$1/cmdline"; } 2>/dev/null
}

# True for a master of ours that takes signals. A pid alone proves nothing: the file may be left over, `nginx -t`
# in a fresh folder writes an empty one, and the number may belong to another process by now. nginx replaces its
# command line by a title that ends with its arguments; started through a loader (ld.so) the title takes argv[0]'s
# place alone and the arguments follow.
is_ours() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  case "$(command_line "$1") " in
  "nginx: master process "*" -c $NGINX_CONFIG "*) ;;
  /*/ld-*" --argv0 nginx: master process "*" -c $NGINX_CONFIG "*) ;;
  *) return 1 ;;
  esac
  ! is_quitting "$1"
}

# A master that was told to quit closes its ports, drains, and ignores SIGHUP: then every worker is shutting
# down, while in a reload there is always one that is not. Kernels that do not list children: taken as running.
is_quitting() {
  ending=no
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    case $(command_line "$child") in
    *'nginx: worker process is shutting down'*) ending=yes ;;
    *'nginx: worker process'*) return 1 ;;
    esac
  done
  [ "$ending" = yes ]
}

# Sets master from the pid file; false when that does not lead to a master of ours.
read_pid_file() {
  master=
  if [ -r "$NGINX_PID" ]; then read -r master <"$NGINX_PID" || :; fi
  # kill takes -1 for every process there is: nothing but a number may ever come near it.
  case $master in '' | 0 | *[!0-9]*) master='' ;; esac
  is_ours "$master"
}

# Sets master, from the pid file or, where that is lost, empty or stale, from the process list: starting a second
# nginx beside a running one can only fail.
find_master() {
  read_pid_file && return 0
  for file in $(grep -l 'nginx: master process' /proc/[0-9]*/cmdline 2>/dev/null); do
    master=${file#/proc/}
    master=${master%/cmdline}
    is_ours "$master" && return 0
  done
  return 1
}

# True for a worker of ours whose master is gone. Its title does not name a config, so what proves it ours is
# that it holds our error log open.
is_orphan() {
  case $(command_line "$1") in
  'nginx: worker process'* | 'nginx: cache '*) ;;
  /*/ld-*' --argv0 nginx: worker process'* | /*/ld-*' --argv0 nginx: cache '*) ;;
  *) return 1 ;;
  esac
  parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 1
  case $(command_line "${parent:-0}") in *'nginx: master process'*) return 1 ;; esac
  [ -n "$NGINX_ERROR_LOG" ] || return 1
  for open in "/proc/$1/fd"/*; do
    # shellcheck disable=SC3013 # -ef: dash, busybox, bash and ksh have it
    [ "$open" -ef "$NGINX_ERROR_LOG" ] && return 0
  done
  return 1
}

# Workers survive a killed master and keep its ports: a new one could not bind them. They are told to finish
# what they carry; their ports are free when their title says so.
end_orphans() {
  orphans=
  for file in $(grep -l 'nginx: [wc]' /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=${file#/proc/}
    pid=${pid%/cmdline}
    if is_orphan "$pid"; then
      echo "reload: ending worker $pid, whose master is gone" >&2
      if kill -QUIT "$pid"; then orphans="$orphans $pid"; fi
    fi
  done
  for pid in $orphans; do
    tries=0
    while [ "$tries" -lt 40 ]; do
      case $(command_line "$pid") in '' | *'is shutting down'*) break ;; esac
      tries=$((tries + 1))
      pause
    done
  done
}

pause() {
  sleep 0.05 2>/dev/null || sleep 1
}

# A killed nginx leaves its unix sockets behind, and bind() fails on them although `nginx -t` passes. Called only
# while no nginx of ours listens. Links that lead out of the state folder are not followed.
remove_stale_sockets() {
  inside=$(cd -P -- "$NGINX_PREFIX" && pwd -P) || no_verdict "no state folder $NGINX_PREFIX"
  tr ';{}' '\n\n\n' <"$NGINX_CONFIG" | sed -n \
    -e 's/^[[:space:]]*listen[[:space:]]\{1,\}"unix:\([^"]*\)".*/\1/p' \
    -e "s/^[[:space:]]*listen[[:space:]]\{1,\}'unix:\([^']*\)'.*/\1/p" \
    -e "s/^[[:space:]]*listen[[:space:]]\{1,\}unix:\([^[:space:]\"']*\).*/\1/p" |
    while read -r socket; do
      case $socket in /*) ;; *) continue ;; esac
      [ -S "$socket" ] || continue
      folder=$(cd -P -- "$(dirname -- "$socket")" && pwd -P) || continue
      case $folder/ in "$inside"/*) rm -f -- "$socket" ;; esac
    done
}

start() {
  [ -r "$NGINX_CONFIG" ] || no_verdict "cannot read $NGINX_CONFIG"
  end_orphans
  remove_stale_sockets
  # Workers inherit it, and the usual soft limit of 1024 files is 500 proxied requests for each of them.
  ulimit -n "$(ulimit -H -n)" 2>/dev/null || :
  # To a file and not to our own stderr: where the config logs to stderr the daemon keeps it open, and whoever
  # waits for the end of our output would wait for ever.
  said=$NGINX_PREFIX/nginx-start.log
  true >"$said" || no_verdict "cannot write $said"
  set -- "$NGINX_BINARY" ${NGINX_ERROR_LOG:+-e "$NGINX_ERROR_LOG"} -p "$NGINX_PREFIX" -c "$NGINX_CONFIG"
  if command -v timeout >/dev/null; then set -- timeout -k 5 "$start_limit" "$@"; fi
  "$@" </dev/null >"$said" 2>&1
  code=$?
  cat "$said" >&2
  case $code in
  0) ;;
  1) exit 1 ;;
  124) no_verdict "$NGINX_BINARY did not go into the background within $start_limit s (is daemon off in the config?)" ;;
  126 | 127) no_verdict "$NGINX_BINARY could not be run" ;;
  *) no_verdict "$NGINX_BINARY ended with $code" ;;
  esac
  # The daemon writes its pid and title after the command has returned; without this wait a reload right behind
  # the start would not find it.
  tries=0
  while [ "$tries" -lt 100 ]; do
    read_pid_file && exit 0
    tries=$((tries + 1))
    pause
  done
  find_master && exit 0
  no_verdict "nginx started and was gone at once; its last words should be in ${NGINX_ERROR_LOG:-its error log}"
}

for attempt in 1 2 3; do
  find_master || start
  if kill -HUP "$master" 2>/dev/null; then exit 0; fi
  # It may have ended between look and signal; then the next round starts one.
  if is_ours "$master"; then no_verdict "not allowed to signal the nginx master $master: it runs as another user"; fi
done
no_verdict "no nginx master stayed long enough to be signalled ($attempt tries)"
