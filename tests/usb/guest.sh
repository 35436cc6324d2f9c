#!/usr/bin/env bash
# In the guest: our rules in udev's place, the kernel's virtual USB host, then the tests.
set -euo pipefail
tree=$1
eval "set -- $(cat "$2")"  # the words given to run.sh
export HOME=/root
groupadd --force --system pos-agent
mkdir -p /run/udev/rules.d
cp "$tree/systemd/99-pos-agent.rules" /run/udev/rules.d/
/lib/systemd/systemd-udevd --daemon
modprobe dummy_hcd num=6
modprobe --all libcomposite usb_f_hid usb_f_acm usb_f_printer evdev usbhid hid-generic cdc-acm usblp
mount -t configfs configfs /sys/kernel/config 2>/dev/null || true
cd "$tree"
# Plugins and the other suites' conftest would be imported for minutes at this speed, for nothing.
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
exec .venv/bin/python -B -u -m pytest -p pytest_timeout -p no:cacheprovider --noconftest --override-ini addopts= \
  --timeout=120 --durations=10 -v tests/usb "$@"
