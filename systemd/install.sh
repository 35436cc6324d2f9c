#!/usr/bin/env bash
# Install pos-agent as system services: program, units, device rules, users and directories. Run it again to upgrade:
# settings, keys and books stay as they are. Nothing is enabled or started here, because enrolment comes first.
#
#   sudo systemd/install.sh                    on this machine
#   sudo DESTDIR=/mnt/image systemd/install.sh into an image that has the same Python as this machine
#
# PYTHON names another interpreter (3.11 or newer). pip's own configuration decides where packages come from.
set -euo pipefail
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_tree=$(dirname "$here")
destination=${DESTDIR:-}
destination=${destination%/}
python=${PYTHON:-python3}
program=/opt/pos-agent

say() { printf 'pos-agent install: %s\n' "$*"; }
fail() { printf 'pos-agent install: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || fail "only root can install services; use sudo"
case $destination in '' | /*) ;; *) fail "DESTDIR must be an absolute path" ;; esac
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed; set PYTHON"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "Python lacks venv: apt install python3-venv"
# An interpreter in somebody's home is not there for a service with ProtectHome.
case $(readlink -f "$("$python" -c 'import sys; print(sys.executable)')") in
  /root/* | /home/*) fail "$python lives in a home directory, where services may not look; set PYTHON=/usr/bin/python3" ;;
esac

say "program in $destination$program"
# A virtual environment remembers its own path, so it is made where it will be found; an image is then given a copy.
if [ -n "$destination" ]; then
  stage=$(mktemp -d)
  trap 'rm -rf "$stage"' EXIT
  environment=$stage/pos-agent
else
  environment=$program
fi
[ -x "$environment/bin/python" ] || "$python" -m venv "$environment"
pip=("$environment/bin/python" -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet --require-hashes --requirement "$source_tree/requirements.lock"
# The tree is copied first: building in place would leave build/ and egg-info, owned by root, in somebody's checkout.
tree=$(mktemp -d)
trap 'rm -rf "$tree" "${stage:-}"' EXIT
tar --create --file - --directory "$source_tree" \
  --exclude=__pycache__ --exclude='*.egg-info' pyproject.toml README.md LICENSE agent drivers sync |
  tar --extract --file - --directory "$tree" --no-same-owner
"${pip[@]}" install --quiet --no-deps --no-build-isolation --force-reinstall "$tree"
# Before a running service is restarted into it: does it start at all?
"$environment/bin/python" -I -m agent --help >/dev/null || fail "the installed program does not start"
if [ -n "$destination" ]; then
  # Scripts of the copy start the interpreter of the staging directory until their first line is put right.
  grep --recursive --files-with-matches --binary-files=without-match --fixed-strings "$environment" "$environment" |
    xargs --no-run-if-empty sed --in-place "s|$environment|$program|g"
  mkdir -p "$destination/opt"
  rm -rf "$destination$program.new"
  cp -a "$environment" "$destination$program.new"
  rm -rf "$destination$program"
  mv "$destination$program.new" "$destination$program"
fi
for page in operations tap; do
  install -D --mode=644 "$source_tree/docs/$page.md" "$destination$program/share/doc/$page.md"
done
install -D --mode=644 "$here/tap.example.toml" "$destination$program/share/doc/tap.example.toml"

say "command $destination/usr/local/bin/pos-agent"
mkdir -p "$destination/usr/local/bin"
ln --symbolic --force --no-target-directory "$program/bin/pos-agent" "$destination/usr/local/bin/pos-agent"

say "units pos-agent.service, pos-agent-tap.service and pos-agent-hq.service"
for unit in pos-agent.service pos-agent-tap.service pos-agent-hq.service; do
  install -D --mode=644 "$here/$unit" "$destination/usr/lib/systemd/system/$unit"
done

say "device rules, users and directories"
install -D --mode=644 "$here/99-pos-agent.rules" "$destination/usr/lib/udev/rules.d/99-pos-agent.rules"
install -D --mode=644 "$here/sysusers.conf" "$destination/usr/lib/sysusers.d/pos-agent.conf"
install -D --mode=644 "$here/tmpfiles.conf" "$destination/usr/lib/tmpfiles.d/pos-agent.conf"
# An empty image has no user database yet: its own first boot makes users and directories from the same two files.
if [ -z "$destination" ] || [ -e "$destination/etc/passwd" ]; then
  root=(--root="${destination:-/}")
  systemd-sysusers "${root[@]}" pos-agent.conf
  systemd-tmpfiles "${root[@]}" --create pos-agent.conf
fi

if [ -e "$destination/etc/pos-agent/agent.toml" ]; then
  say "kept $destination/etc/pos-agent/agent.toml"
else
  say "example configuration as $destination/etc/pos-agent/agent.toml"
  install -D --mode=644 "$here/agent.example.toml" "$destination/etc/pos-agent/agent.toml"
fi

if [ -z "$destination" ] && [ -d /run/systemd/system ]; then
  say "telling systemd and udev"
  systemctl daemon-reload
  if udevadm control --reload 2>/dev/null; then
    udevadm trigger --subsystem-match=tty --subsystem-match=hidraw --subsystem-match=input --subsystem-match=usbmisc
  fi
  for unit in pos-agent pos-agent-tap pos-agent-hq; do
    if systemctl --quiet is-active "$unit"; then say "restarting $unit"; systemctl restart "$unit"; fi
  done
fi
say "done. A till: edit /etc/pos-agent/agent.toml, then"
say "  runuser -u pos-agent -- pos-agent enrol CODE && systemctl enable --now pos-agent"
