#!/usr/bin/env bash
# Make (once) and bring up to date the Debian system that tests/system boots: $1 is the cache directory.
# Root, systemd-nspawn and mmdebstrap are needed. The first run takes minutes, later ones half a minute.
set -euo pipefail

cache=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root=$cache/rootfs
wheels=$cache/wheels
mkdir -p "$cache"

# Two runs at a time would install over each other.
exec 9>"$cache/lock"
flock 9

if [ ! -e "$root/usr/bin/systemctl" ]; then
  # Finished under another name, so that an interrupted run leaves nothing that looks complete.
  rm -rf "$root.new"
  mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv,dbus,udev,python3,python3-venv \
    bookworm "$root.new"
  mv "$root.new" "$root"
fi

# Packages are fetched out here, where pip is configured and the network is; inside there is neither.
stamp=$(sha256sum <"$here/requirements.lock")
if [ "$(cat "$wheels/.lock-hash" 2>/dev/null)" != "$stamp" ]; then
  rm -rf "$wheels"
  "$here/.venv/bin/python" -m pip download --quiet --disable-pip-version-check --require-hashes \
    --only-binary=:all: --python-version 3.11 --requirement "$here/requirements.lock" --dest "$wheels"
  printf '%s\n' "$stamp" >"$wheels/.lock-hash"
fi

# The installer itself runs inside, as on a till; over an older installation it is an upgrade.
systemd-nspawn --quiet --directory="$root" --register=no --keep-unit --console=pipe --private-network \
  --bind-ro="$here:/run/pos-agent-source" --bind-ro="$wheels:/run/wheels" \
  --setenv=PIP_NO_INDEX=1 --setenv=PIP_FIND_LINKS=/run/wheels \
  /bin/bash /run/pos-agent-source/systemd/install.sh
