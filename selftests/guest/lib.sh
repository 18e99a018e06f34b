# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by the scripts that boot guests and look at what they say, inside the virtual
# machine. Source it behind selftests/vm/lib.sh; it makes a directory $tmp, and $log is the
# file for what the guest prints.

tmp=$(mktemp -d /run/nyx-guest.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
log=$tmp/log

# guest STATUS COMMAND...: runs nyx-vmm; its input is $input, or nothing
guest()
{
	local want=$1 status=0
	shift
	"$@" <"${input:-/dev/null}" >"$log" 2>"${errors:-$tmp/stderr}" || status=$?
	[[ ${errors-} ]] || cat "$tmp/stderr" >>"$log"	# not amid the guest's lines
	sed -i 's/\r*$//' "$log"
	[[ ${NYX_GUEST_VERBOSE-} ]] && sed 's/^/# | /' "$log"
	((status == want)) || complain "ended with status $status, not $want"
}

complain() { complaints+=("# $*"); good=''; }
# told REGEX: the guest said so; told_times NUMBER REGEX: so many times
told() { grep -qE "^guest: $1" "$log" || complain "the guest does not say: $1"; }
told_times()
{
	local times
	times=$(grep -cE "^guest: $2" "$log") || true
	((times == $1)) || complain "the guest says $times times, not $1: $2"
}
not_told() { ! grep -E "^guest: $1" "$log" || complain "the guest says: $1"; }
quiet_kernel()
{
	not_told 'log .*(WARNING|BUG|Oops|Call Trace|lockup|nobody cared|\<stall|blocked for)'
}
disk() { head -c "$2" /dev/urandom >"$tmp/$1"; }
sum() { sha256sum "$tmp/$1" | cut -d' ' -f1; }

# fails STATUS REGEX OPTION...: nyx-vmm ends by itself, and says why in one line
fails()
{
	local want=$1 regex=$2 status=0
	shift 2
	# shellcheck disable=SC2154 # of the script that has the cases
	timeout "${limit:-60}" "$nyx_vmm" "$@" </dev/null >"$log" 2>&1 || status=$?
	((status == want)) || complain "$*: status $status, not $want"
	grep -qe "$regex" "$log" || complain "$*: says $(cat "$log")"
	(($(wc -l <"$log") == 1)) || complain "$*: more than one line"
}

# with_client FUNCTION STATUS WORDS OPTION...: a guest with slots, and a client beside it
with_client()
{
	local client
	"$1" "$tmp/control" >"$tmp/operated" 2>&1 &
	client=$!
	boot "${@:2}" --hotplug-slots 2 --control "$tmp/control"
	kill $client 2>/dev/null || true
	[[ $(tail -n1 "$tmp/operated") == 'all done' ]] ||
		complain "the client: $(tr '\n' ' ' <"$tmp/operated")"
	[[ ! -e $tmp/control ]] || complain "the socket is left"
}
# For that function. saw NUMBER LINE: waits until the guest has said so that often
saw() { until (($(grep -cs "guest: $2" "$log" || :) + 0 >= $1)); do sleep 0.2; done; }
ctl() { "$nyx_vmm" ctl "$1" device "${@:2}"; }

# run_cases NAME...: prints KTAP; a case is a function case_NAME, and may set $skip. All that
# there are stand in $all.
run_cases()
{
	local name number=0 failed=0 start good skip complaints
	echo KTAP version 1
	echo "1..$#"
	for name; do
		good=1 skip='' start=$SECONDS complaints=()
		# shellcheck disable=SC2154 # of the script that has the cases
		[[ $(type -t "case_$name") == function ]] || die "no case '$name'; there are: ${all[*]}"
		"case_$name" || complain "stopped"
		((++number))
		if [[ $good && $skip ]]; then
			echo "ok $number $name # SKIP $skip"
		elif [[ $good ]]; then
			echo "ok $number $name # $((SECONDS - start)) s"
		else
			[[ ${NYX_GUEST_VERBOSE-} ]] || sed 's/^/# | /' "$log"
			printf '%s\n' "${complaints[@]}"
			echo "not ok $number $name"
			((++failed))
		fi
	done
	((failed == 0))
}
