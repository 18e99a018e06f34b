#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: examples.sh [-v]
#
# Runs the programs and commands that the documentation shows: the programs of
# Documentation/examples compile without a warning, succeed and end with "done"; the sessions
# of README, of the tutorial, of the recipes, of the how-tos and of nyxctl's manual pages run,
# command by command, and print what the page shows. -v prints what they print.
#
# Needs the module, and libnyx.a and nyxctl in build/user (make lib cli) or $NYX_USER.
set -euo pipefail
cd "$(dirname "$0")/../.."
user=${NYX_USER:-$PWD/build/user} verbose=${1-}

[[ -e /dev/nyx-iommu ]] || { echo "SKIP: the module is not loaded"; exit 77; }
for need in libnyx.a nyxctl; do
	[[ -e $user/$need ]] || { echo "$user/$need is missing; make lib cli"; exit 1; }
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
# In a VM, selftests/vm/run has put build/user into PATH: see that it did
[[ ${NYX_VM-} && ! ${NYX_USER-} ]] || PATH=$user:$PATH
units() { nyxctl unit list -o raw --columns id; }
[[ ! $(units) ]] || { echo "SKIP: there are units already; run it in a VM"; exit 77; }

# passed NAME / failed NAME: with what was printed
passed()
{
	echo "$1: works"
	[[ $verbose != -v ]] || sed 's/^/  /' "$out/log"
}
failed()
{
	echo "$1: failed"
	sed 's/^/  /' "$out/log"
	bad=1
}

# ---- programs ---------------------------------------------------------------
for source in Documentation/examples/*.c; do
	if gcc -std=gnu11 -O1 -Wall -Wextra -Werror -Iuserspace/libnyx/include -Iuapi \
		-o "$out/program" "$source" "$user/libnyx.a" >"$out/log" 2>&1 &&
		"$out/program" >"$out/log" 2>&1 && [[ $(tail -n1 "$out/log") == "done" ]]; then
		passed "$source"
	else
		failed "$source"
	fi
done

# ---- sessions: lines that begin with "$ ", and those after them that begin with "> " -----
# The lines below them are their output, as far as a page shows it: "..." stands for anything,
# white space does not count, since long lines are broken, nor do times and ids of units.
flat()
{
	tr -d '[:space:]' | sed -E 's/[0-9.]+(ns|us|ms|[smhd])ago/(time)ago/g
		s/"[0-9-]{10}T[0-9:.]+Z"/"(time)"/g; s/\[[0-9-]{10}[0-9:.]+\]/[(time)]/g
		s/(_ns":)[0-9]+/\1(time)/g
		s/(created,id|FAULT-EVENTS)[0-9]+/\1(n)/g'
}
# like WANTED SEEN
like()
{
	local want=$1 seen=$2 skip=
	while [[ $want == *...* ]]; do
		[[ $seen == $skip"${want%%...*}"* ]] || return
		# shellcheck disable=SC2295 # $skip is a pattern
		seen=${seen#$skip"${want%%...*}"}
		want=${want#*...} skip='*'
	done
	[[ $seen == $skip"$want" ]]
}

# Accesses are there to be refused (1) or cut short (5), and so are some interrupts and
# attachments; nothing is wrong usage, or about something that is not there.
refusable='nyxctl (-u [a-z]+ )?(dma|device (attach|translate)|irq send|walk) '
session()
{
	local command wanted status
	while IFS= read -r -d '' command && IFS= read -r -d '' wanted; do
		printf '$ %s\n' "$command"
		status=0
		eval "$command" >"$out/said" 2>&1 || status=$?
		cat "$out/said"
		case $status in
		0) ;;
		1 | 5) [[ $command =~ $refusable ]] ;;
		*) false ;;
		esac || { echo "this ended with status $status"; return 1; }
		[[ $wanted ]] || continue
		like "$(flat <<<"$wanted")" "$(flat <"$out/said")" ||
			{ printf 'the page shows this instead:\n%s' "$wanted"; return 1; }
	done
}

# commands PAGE: each, with the lines that continue it, and a NUL; its output, and a NUL
commands()
{
	awk '
		function flush() { if (text) printf "%s%c%s%c", text, 0, wanted, 0; text = wanted = "" }
		text ~ /\\$/ && !wanted { sub(/^ +(> )?/, ""); text = text "\n" $0; next }
		/^    ?\$ / { flush(); sub(/^ +\$ /, ""); text = $0; next }
		/^    ?> / && text && !wanted { sub(/^ +> /, ""); text = text "\n" $0; next }
		/^   / && text { wanted = wanted $0 "\n"; next }
		{ flush() }
		END { flush() }' "$1"
}

alone()
{
	local status=0
	cd "$out/cwd" && prepare "$1" && session <"$out/lines" || status=1
	# The loop of nyxctl-event would go on in the next page
	# shellcheck disable=SC2046 # numbers
	kill $(jobs -p) 2>/dev/null || :
	wait
	return $status
}
end_units()
{
	local id
	for id in $(units); do nyxctl --quiet unit destroy "$id" --force || :; done
	rm -f /dev/shm/rom
}

# play NAME LINES [MANUAL]: in a shell of its own, since sessions set variables
play()
{
	mkdir "$out/cwd"
	if commands "$2" >"$out/lines" && [[ -s $out/lines ]] &&
		(alone "${3-}") >"$out/log" 2>&1; then
		passed "$1"
	else
		failed "$1"
	fi
	rm -rf "$out/cwd"
	end_units
}

# ---- what a manual page takes for granted ------------------------------------------------
nic=0000:03:00.0
a_unit() { nyxctl unit create vm1 && nyxctl memory add --memfd 64M; }
a_device() { a_unit && nyxctl device add "$nic"; }
a_domain() { a_device && nyxctl domain create net && nyxctl device attach "$nic" net; }

# prepare MANUAL: or the page makes its unit itself
prepare()
{
	local i entry
	export NYX_UNIT=vm1
	case $1 in
	'') NYX_UNIT=demo ;;
	nyxctl) echo data >file ;;
	nyxctl-device) a_unit ;;
	nyxctl-dma)
		head -c 2M /dev/urandom >picture.png
		a_domain && nyxctl map add net 0x10000000 0 16M ;;
	nyxctl-domain) a_unit ;;
	nyxctl-event)
		a_domain && nyxctl map add net 0xa0000000 0 1M --prot r || return
		while sleep 0.3; do
			nyxctl dma write "$nic" 0xa0000100 --data 00112233
		done >/dev/null 2>&1 &
		;;
	nyxctl-fault)
		a_domain && nyxctl map add net 0xa0000000 0 1M --prot r &&
			nyxctl map add net 0x12345000 0 4K || return
		nyxctl dma write "$nic" 0xa0000100 --data 00
		nyxctl map remove net 0x12345000 4K || return
		nyxctl dma read "$nic" 0x12345000 4
		nyxctl map add net 0x12345000 0 4K || return
		nyxctl dma read "$nic" 0x12346010 4 || :
		;;
	nyxctl-iotlb)
		a_unit && nyxctl domain create lazy --batched &&
			nyxctl map add lazy 0x10000000 0 16M ;;
	nyxctl-irq) a_device && nyxctl device add 0000:04:00.0 ;;
	nyxctl-map) a_domain && nyxctl domain create copy ;;
	nyxctl-memory) nyxctl unit create vm1 && truncate -s 1M /dev/shm/rom ;;
	nyxctl-module) nyxctl unit create vm1 && nyxctl unit create vm2 ;;
	nyxctl-page) a_domain ;;
	nyxctl-stat)
		a_domain && nyxctl map add net 0x10000000 0 4K || return
		for ((i = 0; i < 64; i++)); do
			nyxctl dma read "$nic" 0x10000000 4 --to /dev/null || return
		done
		;;
	nyxctl-unit) echo '#!/bin/sh' >test-my-device && chmod +x test-my-device ;;
	nyxctl-view | nyxctl-target | nyxctl-migrate) a_unit ;;
	nyxctl-walk)
		a_domain && nyxctl device assign 0000:06:00.0 unmanaged || return
		for entry in 0x10000:0310010000000000 0x11008:0320010000000000 \
			0x12010:0130010000000000 0x13018:0709400000000000; do
			nyxctl dma write 0000:06:00.0 "${entry%:*}" --data "${entry#*:}" || return
		done
		;;
	esac
}

for page in README Documentation/tutorial/demo.rst Documentation/howto/fault.rst \
	Documentation/howto/high-fault-rate.rst Documentation/howto/quarantine.rst \
	Documentation/howto/recipes.rst; do
	play "$page" "$page"
done

for page in Documentation/man/nyxctl*.1 Documentation/man/nyx-iommu.4; do
	name=${page##*/} name=${name%.?}
	# Only a guest makes registers say something; a host has other devices
	[[ $name != nyxctl-mmio && $name != nyxctl-vfio ]] || continue
	sed -n '/^\.SH EXAMPLES/,/^\.SH SEE/p' "$page" |
		sed -n '/^\.EX/,/^\.EE/{/^\./d; s/\\-/-/g; s/\\e$/\\/; s/^/   /; p}' >"$out/page"
	play "$page" "$out/page" "$name"
done
exit $bad
