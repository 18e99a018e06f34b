# SPDX-License-Identifier: GPL-2.0-only
# Out of a file of Linux: the functions that NAMES lists, as they are.
BEGIN { n = split(names, list, " "); for (i = 1; i <= n; i++) wanted[list[i]] = 1 }
/^[a-z]/ {
	text = match($0, /[a-z_]+\(/) && (substr($0, RSTART, RLENGTH - 1) in wanted) && !/;$/
}
text { print }
/^}/ { text = 0 }
