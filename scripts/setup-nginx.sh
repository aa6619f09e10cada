#!/bin/sh
# Makes sure that there are two nginx to test with, and prints the path of each on its own line, the system's
# first:
#
#   system   the one on PATH; else the distribution's package, installed (as root, or with a sudo that asks
#            nothing) without its service, or unpacked into .cache/nginx-system
#   current  the one on PATH when it is at least 1.29; else a newer Debian suite's, unpacked into
#            .cache/nginx-current with the libraries it was built for, beside the system and not into it
#
# With an argument, `system`, `current` or `modules`, it does only that one; `modules` is the system's nginx with
# ModSecurity and brotli out of its distribution's packages, unpacked into .cache/nginx-modules. What is there already is not looked up again:
# then no network is used. Unpacking needs apt-get, dpkg-deb and Debian's keyring, but no root: packages come
# through a private apt state, from the mirror that the system's own apt sources name, verified by their signature.
#
#   NGINX_CURRENT_SUITES   suites to look in, in this order (default: forky sid)
#   DEBIAN_KEYRING         keyring the suites must be signed with (default: the system's)
#
# Messages go to stderr. Exit 1 with the remedy when one of them cannot be had.
set -eu

current_minimum=1.29.0
suites=${NGINX_CURRENT_SUITES:-forky sid}
root=$(cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache
keyring=${DEBIAN_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
# The folder of nginx is not on PATH for everybody.
PATH=$PATH:/usr/sbin:/sbin

say() { echo "setup-nginx: $1" >&2; }

fail() {
  say "$1"
  exit 1
}

# version_of BINARY: prints 1.30.6, or fails when it does not run.
version_of() {
  "$1" -v 2>&1 | sed -n 's|^nginx version: [^/]*/\([0-9.]*\).*|\1|p' | grep .
}

at_least() {
  [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

is_current() {
  current_version=$(version_of "$1" 2>/dev/null) && at_least "$current_minimum" "$current_version"
}

# --- A private apt: its own sources, lists and packages, nothing of the system's is written ---------------

scratch=
policy=
clean_up() {
  if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
  if [ -n "$policy" ]; then as_root rm -f "$policy"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

open_scratch() {
  if [ -n "$scratch" ]; then return; fi
  for tool in apt-get apt-cache dpkg-deb; do
    command -v $tool >/dev/null || fail "there is no $tool here to fetch an nginx with; put nginx >= $current_minimum on PATH, or name the binaries to test with in TEST_NGINX_BINARIES"
  done
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/apt.XXXXXX")
  mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/debs"
  : >"$scratch/status"
}

# The user of apt's sandbox cannot reach a folder inside a private home; the signatures are checked all the same.
private_apt() {
  apt_tool=$1
  shift
  "$apt_tool" -q -o Dir::Etc::SourceList="$scratch/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$scratch/lists" -o Dir::State::status="$scratch/status" -o Dir::Cache="$scratch/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=2 -o APT::Update::Error-Mode=any -o APT::Sandbox::User=root "$@"
}

codename() {
  (. /etc/os-release && echo "${VERSION_CODENAME:-}")
}

# Lines of "URI suite" in the system's sources that carry its own release; third parties may be among them.
own_sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -v own="$(codename)" '$3 == "main" && ($2 == own || $2 == own "-updates" || $2 == own "-security") &&
      !/^cdrom:/ && !seen[$1 " " $2]++ { print $1, $2 }'
}

# use_suites "URI suite"...: fetches and verifies their package lists. False when one of them fails.
use_suites() {
  : >"$scratch/sources.list"
  for entry in "$@"; do
    echo "deb [signed-by=$keyring target=Packages] ${entry% *} ${entry#* } main" >>"$scratch/sources.list"
  done
  private_apt apt-get update >"$scratch/update.log" 2>&1
}

# A suite signed with a key that came after this system: its keyring package is fetched from a suite that the
# keys at hand do verify, so that the trust is handed on and never assumed.
renew_keyring() {
  mirror=$1
  for from in "$(codename)" "$(codename)-updates" stable; do
    use_suites "$mirror $from" || continue
    fetch "$scratch/keyring" debian-archive-keyring || continue
    for found in "$scratch"/keyring/usr/share/keyrings/debian-archive-keyring.[gp][pg][gp]; do
      if [ -f "$found" ] && ! cmp -s "$found" "$keyring"; then
        say "took newer archive keys from $from"
        keyring=$found
        return 0
      fi
    done
  done
  return 1
}

# fetch FOLDER PACKAGE...: downloads the packages and unpacks them there.
fetch() {
  into=$1
  shift
  rm -rf "$scratch/debs" "$into"
  mkdir -p "$scratch/debs" "$into"
  (cd "$scratch/debs" && private_apt apt-get download "$@") >"$scratch/download.log" 2>&1 || return 1
  for deb in "$scratch"/debs/*.deb; do
    dpkg-deb -x "$deb" "$into" || return 1
  done
}

# The packages an unpacked nginx needs: itself and, from there, libraries only. The rest of its dependencies
# (debconf, init scripts) serves an installation.
nginx_packages() {
  private_apt apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances nginx libnginx-mod-stream |
    awk '
      /^[^ ]/ { package = $1; next }
      { dependencies[package] = dependencies[package] " " $NF }
      END {
        count = split("nginx libnginx-mod-stream nginx-common", queue, " ")
        for (i = 1; i <= count; i++) wanted[queue[i]] = 1
        for (i = 1; i <= count; i++) {
          print queue[i]
          if (queue[i] == "nginx-common") continue
          many = split(dependencies[queue[i]], names, " ")
          for (j = 1; j <= many; j++)
            if (names[j] ~ /^(lib|zlib)/ && !(names[j] in wanted)) { wanted[names[j]] = 1; queue[++count] = names[j] }
        }
      }'
}

# unpack FOLDER: nginx of the suites in use, with its libraries and a wrapper, into FOLDER.
unpack() {
  folder=$1
  new=$scratch/new
  rm -rf "$new"
  mkdir -p "$new"
  # shellcheck disable=SC2046
  fetch "$new/root" $(nginx_packages) || {
    cat "$scratch/download.log" >&2
    return 1
  }
  loader=$(cd "$new/root" && find . -name 'ld-linux*.so.*' | head -n 1)
  libraries=$(cd "$new/root" && find . -name 'libc.so.6' | head -n 1)
  [ -n "$loader" ] && [ -n "$libraries" ] || fail "the unpacked libc6 has no loader: $new"
  write_wrapper "$new/nginx" "${loader#./}" "$(basename "$(dirname "$libraries")")"
  version_of "$new/nginx" >/dev/null || fail "the unpacked nginx does not run: $("$new/nginx" -v 2>&1)"
  rm -rf "$folder"
  mv "$new" "$folder"
}

# The wrapper starts nginx through its own loader, so that not one library of the system is mixed in. argv[0] is
# the wrapper again: an upgrade of the binary in flight executes argv[0]. Where it says how it was built, the
# folders for modules and mime.types are the unpacked ones: that is where a reader of `-V` must look for them.
# A process title has only the room of argv[0] here ("nginx: worker process is shutting down" needs 38 bytes), so
# that path is made longer where the folder's is short.
#   write_wrapper PATH LOADER TRIPLET: older suites keep some libraries in lib/TRIPLET, newer ones none.
write_wrapper() {
  cat >"$1" <<EOF
#!/bin/sh
self=\$(readlink -f -- "\$0") || exit 127
root=\${self%/*}/root
while [ \${#self} -lt 80 ]; do self=/.\$self; done
run() {
  exec "\$root/$2" --argv0 "\$self" --library-path "\$root/lib/$3:\$root/usr/lib/$3" "\$root/usr/sbin/nginx" "\$@"
}
for argument; do
  if [ "\$argument" = -V ]; then
    said=\$(run "\$@" 2>&1)
    code=\$?
    printf '%s\n' "\$said" | sed "s|--modules-path=|&\$root|; s|--conf-path=|&\$root|" >&2
    exit \$code
  fi
done
run "\$@"
EOF
  chmod 755 "$1"
}

# --- The two ------------------------------------------------------------------------------------------------

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

has_stream() {
  folder=$("$1" -V 2>&1 | tr ' ' '\n' | sed -n 's/^--modules-path=//p')
  [ -f "$folder/ngx_stream_module.so" ] || "$1" -V 2>&1 | tr ' ' '\n' | grep -qx -- --with-stream
}

# Installs without starting: port 80 may be somebody's, and the tests start their own.
install_packages() {
  had_nginx=$(command -v nginx || true)
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root sh -c 'cat >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d'
    policy=/usr/sbin/policy-rc.d
  fi
  mkdir -p "$cache"
  apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 \
      install -y --no-install-recommends "$@" >"$cache/apt-install.log" 2>&1
  }
  # The lists may be missing or old. A third party's source that does not answer must not stand in the way: the
  # second attempt tells.
  installed=0
  if ! apt_install "$@"; then
    as_root apt-get -qq update >&2 || true
    apt_install "$@" || {
      cat "$cache/apt-install.log" >&2
      installed=1
    }
  fi
  # Nor at the next boot. (Not by systemctl: where it is missing the service is enabled all the same.)
  if [ -z "$had_nginx" ] && [ $installed = 0 ]; then
    as_root update-rc.d nginx disable >/dev/null 2>&1 ||
      say 'could not disable nginx.service: it starts with the machine'
  fi
  if [ -n "$policy" ]; then
    as_root rm -f "$policy"
    policy=
  fi
  return $installed
}

setup_system() {
  if system=$(command -v nginx) && has_stream "$system"; then
    return
  fi
  if [ -x "$cache/nginx-system/nginx" ] && version_of "$cache/nginx-system/nginx" >/dev/null; then
    system=$cache/nginx-system/nginx
    return
  fi
  if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    say "installing the distribution's nginx (its service stays off)"
    if install_packages nginx libnginx-mod-stream && system=$(command -v nginx); then
      has_stream "$system" || say "warning: $system has no stream module; what needs it cannot be tested on it"
      return
    fi
    say 'it could not be installed; unpacking it instead'
  fi
  if [ -n "$system" ]; then
    say "warning: $system has no stream module; what needs it cannot be tested on it"
    return
  fi
  say "unpacking the distribution's nginx into .cache/nginx-system"
  open_scratch
  own_sources >"$scratch/own"
  [ -s "$scratch/own" ] || fail "apt's sources name no Debian release; put an nginx on PATH"
  set --
  while read -r entry; do set -- "$@" "$entry"; done <"$scratch/own"
  use_suites "$@" || {
    cat "$scratch/update.log" >&2
    fail 'the package lists could not be fetched; put an nginx on PATH'
  }
  unpack "$cache/nginx-system" || fail 'the packages could not be fetched; put an nginx on PATH'
  system=$cache/nginx-system/nginx
}

setup_current() {
  for current in "$(command -v nginx || true)" "$cache/nginx-current/nginx"; do
    if [ -n "$current" ] && is_current "$current"; then
      return
    fi
  done
  open_scratch
  # The security archive has no other suites; where two mirrors carry the release, the second is asked next.
  own_sources | awk -v own="$(codename)" '$2 == own { print $1 }' >"$scratch/mirrors"
  [ -s "$scratch/mirrors" ] || fail "apt's sources name no Debian release; put nginx >= $current_minimum on PATH, or name the binaries to test with in TEST_NGINX_BINARIES"
  for suite in $suites; do
    while read -r mirror; do
      use_suites "$mirror $suite" ||
        { grep -q -e NO_PUBKEY -e EXPKEYSIG -e 'not signed' "$scratch/update.log" &&
          renew_keyring "$mirror" && use_suites "$mirror $suite"; } || continue
      offered=$(private_apt apt-cache show --no-all-versions nginx | sed -n 's/^Version: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p')
      at_least "$current_minimum" "${offered:-0}" || continue
      say "unpacking nginx $offered of $suite into .cache/nginx-current"
      if unpack "$cache/nginx-current"; then
        current=$cache/nginx-current/nginx
        return
      fi
    done <"$scratch/mirrors"
  done
  cat "$scratch/update.log" >&2
  fail "none of the suites $suites could be fetched with nginx >= $current_minimum; put one on PATH, or name the binaries to test with in TEST_NGINX_BINARIES"
}

# The system's nginx started with modules that its own packages bring, which are not installed.
setup_modules() {
  modules=$cache/nginx-modules/nginx
  if [ -x "$modules" ]; then return; fi
  binary=$(command -v nginx) || fail 'there is no nginx of the system for modules'
  folder=$("$binary" -V 2>&1 | tr ' ' '\n' | sed -n 's/^--modules-path=//p')
  open_scratch
  own_sources >"$scratch/own"
  [ -s "$scratch/own" ] || fail "apt's sources name no Debian release"
  set --
  while read -r entry; do set -- "$@" "$entry"; done <"$scratch/own"
  use_suites "$@" || fail 'the package lists could not be fetched'
  fetch "$scratch/new/root" libnginx-mod-http-modsecurity libmodsecurity3 libfuzzy2 libgeoip1 liblua5.3-0 \
    libmaxminddb0 libyajl2 libxml2 libcurl3-gnutls libnginx-mod-http-brotli-filter libbrotli1 || {
    cat "$scratch/download.log" >&2
    fail 'the packages of modules could not be fetched'
  }
  libraries=$(cd "$scratch/new/root" && dirname "$(find . -name 'libmodsecurity.so.3' | head -n 1)")
  cat >"$scratch/new/nginx" <<EOF
#!/bin/sh
root=\$(dirname -- "\$(readlink -f -- "\$0")")/root
LD_LIBRARY_PATH=\$root/$libraries
export LD_LIBRARY_PATH
for argument; do
  if [ "\$argument" = -V ]; then
    said=\$($binary "\$@" 2>&1)
    code=\$?
    printf '%s\n' "\$said" | sed "s|--modules-path=|&\$root|" >&2
    exit \$code
  fi
done
exec $binary "\$@"
EOF
  chmod 755 "$scratch/new/nginx"
  [ -d "$scratch/new/root$folder" ] || fail "the packages have no folder $folder"
  rm -rf "$cache/nginx-modules"
  mv "$scratch/new" "$cache/nginx-modules"
}

system=
current=
modules=
case ${1:-both} in
system) setup_system ;;
current) setup_current ;;
modules) setup_modules ;;
both)
  setup_system
  setup_current
  ;;
*) fail "unknown argument $1: system, current, modules or none" ;;
esac
for found in "$system" "$current" "$modules"; do
  if [ -n "$found" ]; then echo "$found"; fi
done
