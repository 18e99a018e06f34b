# SPDX-License-Identifier: GPL-2.0-only
# Completion of nyxctl for fish. nyxctl itself knows what may come, from the same table by
# which it reads its command line: see userspace/nyxctl/complete.c.

function __nyxctl_complete
	set -l words (commandline -opc)
	set -l token (commandline -ct)
	set -l tool $words[1]

	set -e words[1]
	for line in (command $tool __describe $words "$token" 2>/dev/null)
		switch $line
			case ':file'
				# Behind "--option=", too.
				set -l path (string replace -r '^--[^=]*=' '' -- "$token")
				set -l option (string sub -l (math (string length -- "$token") - (string length -- "$path")) -- "$token")
				for line in (__fish_complete_path "$path")
					echo "$option$line"
				end
			case ':command'
				__fish_complete_command
			case '*'
				echo $line
		end
	end
end

complete -c nyxctl -f -a '(__nyxctl_complete)'
