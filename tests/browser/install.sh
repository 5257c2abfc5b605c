#!/usr/bin/env bash
# Installs what the tests in a browser need, if it is missing: Chromium with ChromeDriver (Debian packages), and
# axe-core, which is kept in target/browser.
set -euo pipefail
cd "$(dirname "$0")/../.."
axe_version=4.10.3
axe_sha256=880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb

missing() {
	echo "make test-browser needs $1. Install it, and try again." >&2
	exit 1
}

if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
	command -v apt-get >/dev/null || missing "Chromium and ChromeDriver"
	as_root=
	[ "$(id -u)" = 0 ] || as_root="sudo -n"
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	{ $as_root apt-get update && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends \
		chromium chromium-driver; } >"$log" 2>&1 || { cat "$log" >&2; missing "Chromium and ChromeDriver"; }
fi

mkdir -p target/browser
is_right() { echo "$axe_sha256  target/browser/axe.min.js" | sha256sum --check --status 2>/dev/null; }
if ! is_right; then
	command -v npm >/dev/null || missing "npm"
	(cd target/browser && npm pack --silent "axe-core@$axe_version" >/dev/null &&
		tar xzOf "axe-core-$axe_version.tgz" package/axe.min.js >axe.min.js && rm "axe-core-$axe_version.tgz")
	is_right || { echo "axe-core $axe_version is not the file that was expected" >&2; exit 1; }
fi
