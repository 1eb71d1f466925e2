#!/usr/bin/env bash
# SPDX-License-Identifier: EUPL-1.2
# own_etc.sh FOLDER CMD…   runs CMD with the names and the authority of the test: its own /etc/hosts, /etc/resolv.conf and
# bundle of certificates, in a mount namespace of its own. FOLDER holds xmpp-ca.pem.
set -euo pipefail
folder=$1/etc
mkdir -p "$folder"
bundle=/etc/ssl/certs/ca-certificates.crt
echo "127.0.0.1 localhost" >"$folder/hosts"
echo "nameserver 127.0.0.54" >"$folder/resolv.conf"
cat "$bundle" "$1/xmpp-ca.pem" >"$folder/bundle.$$"
mv "$folder/bundle.$$" "$folder/bundle"
shift
export OWN_ETC=$folder
exec unshare -m bash -c '
  mount --make-rprivate /
  mount --bind "$OWN_ETC/hosts" /etc/hosts
  mount --bind "$OWN_ETC/resolv.conf" "$(readlink -f /etc/resolv.conf)"
  mount --bind "$OWN_ETC/bundle" '"$bundle"'
  exec "$@"' -- "$@"
