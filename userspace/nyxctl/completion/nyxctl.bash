# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of nyxctl for bash. nyxctl itself knows what may come, from the same
# table by which it reads its command line: see userspace/nyxctl/complete.c.

_nyxctl()
{
	local words cword cur i candidates

	# Colons are part of the name of a device, not the end of a word.
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : cur words cword
	else
		words=("${COMP_WORDS[@]}")
		cword=$COMP_CWORD
		cur=${words[cword]}
	fi

	COMPREPLY=()
	mapfile -t candidates < <("${words[0]}" __complete "${words[@]:1:cword}" 2>/dev/null)
	for i in "${!candidates[@]}"; do
		case ${candidates[i]} in
		:file)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		:command)
			mapfile -t COMPREPLY < <(compgen -c -- "$cur" | sort -u)
			return
			;;
		*)
			COMPREPLY+=("${candidates[i]}")
			;;
		esac
	done
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}

complete -F _nyxctl nyxctl
