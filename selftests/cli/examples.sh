#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# usage: examples.sh [-v]
#
# What the documentation shows works: the programs of Documentation/examples compile
# without a warning, succeed and end with "done"; the sessions of README, of the tutorial,
# of the recipes and of some how-tos run, command by command. -v prints what they print.
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
# Accesses are there to be refused (1) or cut short (5), and so are some attachments; nothing
# is wrong usage, or about something that is not there.
session()
{
	local command status
	while read -r -d '' command; do
		printf '$ %s\n' "$command"
		status=0
		eval "$command" || status=$?
		case $status in
		0) continue ;;
		1 | 5) [[ $command =~ nyxctl\ (-u\ [a-z]+\ )?(dma|device\ (attach|translate))\  ]] &&
			continue ;;
		esac
		echo "this ended with status $status"
		return 1
	done
}

# commands PAGE: each, with the lines that continue it, and a NUL
commands()
{
	awk '
		/^    ?\$ / { if (text) printf "%s%c", text, 0; sub(/^ +\$ /, ""); text = $0; next }
		/^    ?> / && text { sub(/^ +> /, ""); text = text "\n" $0; next }
		text { printf "%s%c", text, 0; text = "" }
		END { if (text) printf "%s%c", text, 0 }' "$1"
}

for page in README Documentation/tutorial/demo.rst Documentation/howto/high-fault-rate.rst \
	Documentation/howto/quarantine.rst Documentation/howto/recipes.rst; do
	mkdir "$out/cwd"
	# In a shell of its own: they set variables
	if commands "$page" >"$out/lines" && [[ -s $out/lines ]] &&
		(cd "$out/cwd" && unset NYX_UNIT && export NYX_UNIT=demo &&
			session <"$out/lines") >"$out/log" 2>&1; then
		passed "$page"
	else
		failed "$page"
	fi
	rm -rf "$out/cwd"
done
exit $bad
