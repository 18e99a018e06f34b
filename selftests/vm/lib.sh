# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by the scripts of the test harness. Source it, do not run it.

NYX_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NYX_CACHE=${NYX_CACHE:-$HOME/.cache/nyx}
# shellcheck disable=SC2034
readonly NYX_TOP NYX_CACHE
# An ordinary user's lacks modprobe and depmod
[[ :$PATH: == *:/usr/sbin:* ]] || PATH=$PATH:/usr/sbin:/sbin

# Progress goes to stderr: stdout belongs to the result of each script.
say() { echo "${0##*/}: $*" >&"${say_fd:-2}"; }
die() { say "$@"; exit 1; }

# The comment at the head of the calling script is its --help text.
usage() { sed -n '3,/^[^#]/{/^#/!q; s/^# \{0,1\}//p}' "$0"; }

# with_lock FILE CMD...: one caller at a time; the others wait for its result.
with_lock()
{
	local lock=$1
	shift
	mkdir -p "$(dirname "$lock")"
	# The commands under the lock must not inherit it: a daemon they leave
	# behind would hold it for ever.
	exec {lock_fd}>"$lock"
	if ! flock -n "$lock_fd"; then
		say "waiting for another run that holds $lock"
		flock "$lock_fd"
	fi
	# Plainly, not as a condition: set -e must keep its meaning inside
	"$@" {lock_fd}>&-
	exec {lock_fd}>&-
}
