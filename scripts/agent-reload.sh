#!/bin/sh
# The reload script of a gateway whose nginx lives in a container of its own (`nginx.reload_script`): same variables
# and exit codes as scripts/reload.sh, which the agent runs there.
set -u

for name in NGINX_CONFIG NGINX_PREFIX NGINX_PID; do
  eval "value=\${$name:-}"
  if [ -z "$value" ]; then
    echo "agent-reload: $name is not set" >&2
    exit 75
  fi
done

AGENT_DEADLINE=${AGENT_DEADLINE:-65} exec "$(dirname -- "$0")/agent-client.sh" apply \
  "$NGINX_CONFIG" "$NGINX_PREFIX" "$NGINX_PID" "${NGINX_ERROR_LOG:-}"
