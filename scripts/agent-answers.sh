# What the agent answers to the questions of scripts/agent-client.sh; a part of scripts/agent.sh, read in by it.
# shellcheck shell=sh disable=SC2154 # the variables are the agent's

# answer CALL CODE [WORDS]. A client that gave up and took its call away is no fault.
answer() {
  {
    if [ $# -eq 3 ]; then printf '%s\n' "$3" >>"$folder/calls/$1/words"; fi
    printf '%s\n' "$2" >"$folder/calls/$1/answer.new" && mv -f -- "$folder/calls/$1/answer.new" "$folder/calls/$1/answer"
  } 2>/dev/null
}

# take ID BOOT: one question. What takes time happens in the background: a foreground child would delay a trap.
take() {
  case $1 in '' | *[!A-Za-z0-9]*) return ;; esac
  if [ "$2" != "$boot" ] || [ ! -f "$folder/calls/$1/arguments" ]; then return; fi
  { true >"$folder/calls/$1/taken"; } 2>/dev/null
  verb=
  limit=
  argument=
  { { read -r verb && read -r limit && read -r argument; } <"$folder/calls/$1/arguments"; } 2>/dev/null
  case $limit in '' | *[!0-9]*) limit=60 ;; esac
  case $verb in
  run) answer_run "$1" 3>&- & ;;
  version) answer_version "$1" 3>&- & ;;
  status) answer_status "$1" 3>&- & ;;
  reopen)
    if find_master && kill -USR1 "$master"; then answer "$1" 0; else answer "$1" 75 'agent: nginx does not run'; fi
    ;;
  apply)
    if [ "$state" = quitting ]; then
      answer "$1" 75 'agent: nginx is draining, this container ends'
    else
      state=serving
      changing=$((changing + 1))
      { answer_apply "$1" 3>&-; echo changed >&3; } &
    fi
    ;;
  quit)
    quits="$quits $1"
    quit_asked_at=${quit_asked_at:-$now}
    if [ "$argument" = now ]; then begin_quit; fi
    ;;
  *) answer "$1" 75 "agent: unknown question: $verb" ;;
  esac
}

answer_run() {
  call=$1
  set --
  {
    read -r _
    read -r _
    while IFS= read -r argument; do set -- "$@" "$argument"; done
  } <"$folder/calls/$call/arguments"
  case ${1-} in
  -t | -V | -v) bounded "$call" "$@" ;;
  *) answer "$call" 75 'agent: only nginx -t, -V and -v are run on request' ;;
  esac
}

# bounded CALL ARGUMENT…: runs nginx until its end or the limit and answers with what came of it.
bounded() {
  call=$1
  shift
  timeout -k 2 "$limit" "$binary" "$@" </dev/null >"$folder/calls/$call/words" 2>&1
  code=$?
  case $code in
  0 | 1) answer "$call" "$code" ;;
  124) answer "$call" 75 "agent: $binary did not end within $limit s and was ended" ;;
  125 | 126 | 127) answer "$call" 75 "agent: $binary could not be run" ;;
  *) answer "$call" 75 "agent: $binary ended with $code" ;;
  esac
}

answer_version() {
  said=$folder/calls/$1/words
  timeout -k 2 "$limit" "$binary" -V </dev/null >"$said" 2>&1
  code=$?
  modules=$(sed -n "s/^configure arguments:.*--modules-path=\([^ ']*\).*/\1/p" "$said")
  for module in "${modules:-/usr/lib/nginx/modules}"/*.so; do
    if [ -e "$module" ]; then printf 'module: %s\n' "$module"; fi
  done >>"$said"
  case $code in
  0) answer "$1" 0 ;;
  *) answer "$1" 75 "agent: $binary -V ended with $code" ;;
  esac
}

answer_status() {
  workers=0
  draining=0
  if find_master && children_of "$master"; then
    for pid in $found; do
      { read -r title <"/proc/$pid/cmdline"; } 2>/dev/null
      case $title in
      *'nginx: worker process is shutting down'*) draining=$((draining + 1)) ;;
      *'nginx: worker process'*) workers=$((workers + 1)) ;;
      esac
    done
  fi
  answer "$1" 0 "boot=$boot
state=$state
told_to_end=$told
nginx=${master:-none}
workers=$workers
draining_workers=$draining"
}

# differs NAME THEIRS OURS: true, with the reason in reason, when the two containers were set up differently.
differs() {
  if [ "$2" = "$3" ]; then return 1; fi
  reason="agent: $1 is \"$2\" for the gateway and \"$3\" in the nginx container: make them alike"
}

answer_apply() {
  their_config=
  their_prefix=
  their_pid=
  {
    read -r _
    read -r _
    IFS= read -r their_config
    IFS= read -r their_prefix
    IFS= read -r their_pid
    IFS= read -r error_log
  } <"$folder/calls/$1/arguments"
  if differs 'the live nginx.conf (nginx.config_path, NGINX_CONFIG)' "$their_config" "$config" ||
    differs 'the state folder (nginx.state_dir, NGINX_PREFIX)' "${their_prefix%/}" "$prefix" ||
    differs 'the pid file' "$their_pid" "$pid_file"; then
    answer "$1" 75 "$reason"
    return
  fi
  if is_stopped; then
    answer "$1" 75 "agent: the nginx master $master is stopped; continue it with SIGCONT"
    return
  fi
  reload >"$folder/calls/$1/words" 2>&1
  code=$?
  case $code in 0 | 1 | 75) answer "$1" "$code" ;; *) answer "$1" 75 "agent: the start of nginx ended with $code" ;; esac
}

# A stopped master takes no signal until it continues; then it would take all at once.
is_stopped() {
  process=
  find_master && { read -r _ _ process _ <"/proc/$master/stat"; } 2>/dev/null
  case $process in T | t) return 0 ;; esac
  return 1
}
