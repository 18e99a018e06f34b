# SPDX-License-Identifier: GPL-2.0-only
# Makes a table, or with json=1 the JSON, out of the lines that measure.h describes,
# each with its environment in front. Variables from the runner: see there.

function ns(ps) { return ps == "-" || ps == 0 ? "-" : fixed(ps / 1000) }
function fixed(x) { return sprintf(x < 100 ? "%.2f" : x < 10000 ? "%.1f" : "%.0f", x) }
function num(ps) { return ps == "-" || ps == 0 ? "null" : sprintf("%.3f", ps / 1000) }
function str(s) { gsub(/[\\"]/, "\\\\&", s); return s == "-" ? "null" : "\"" s "\"" }

BEGIN {
	FS = "\t"
	if (json) {
		printf "{\n  \"schema\": 1,\n  \"date\": %s,\n  \"commit\": %s,\n  \"cpu\": %s,\n", str(date), str(commit), str(cpu)
		printf "  \"pinned_to\": %d,\n  \"clock\": \"thread CPU time\",\n  \"load\": %s,\n  \"cores\": %d,\n  \"seed\": %s,\n  \"reps\": %d,\n  \"rows\": [", pin, load, cores, seed, reps
	} else {
		printf "Nyx benchmarks: %s, pinned to CPU %d, thread CPU time\n", cpu, pin
		printf "%s, commit %s, load average %s, seed %s, median of %d repetitions\n", date, commit, load, seed, reps
		print "N: user space, the module's own files. U: User Mode Linux, one CPU: atomics have no lock prefix."
		print "ratio = time of the peer / ours"
		line = "%-4s %-3s %-62s %9s %9s  %-31s %10s %7s %9s %6s  %s\n"
		printf line, "id", "env", "operation", "ns", "min", "peer", "ns", "ratio", "target", "ratio", "met"
	}
}

$2 == "row" {
	env = $1; id = $3; variant = $4; own = $5; min = $6; peer = $7; other = $8
	target = $10; want = $11; note = NF >= 12 ? $12 : "-"
	ratio = other != "-" && own > 0 ? other / own : 0
	met = ""
	if (target > 0)
		met = own <= target ? "yes" : "no"
	if (want > 0 && met != "no")
		met = ratio * 100 >= want ? "yes" : "no"
	if (json) {
		printf "%s\n    {\"id\": %s, \"env\": %s, \"variant\": %s, \"ns\": %s, \"min_ns\": %s, \"peer\": %s, \"peer_ns\": %s, \"ratio\": %s, \"target_ns\": %s, \"target_ratio\": %s, \"met\": %s, \"note\": %s}",
			n++ ? "," : "", str(id), str(env), str(variant), num(own), num(min), str(peer), num(other),
			ratio ? sprintf("%.3f", ratio) : "null", num(target),
			(want > 0 ? sprintf("%.2f", want / 100) : "null"),
			met == "" ? "null" : met == "yes" ? "true" : "false", str(note)
		next
	}
	same = (env id variant) == last
	last = env id variant
	printf line, same ? "" : id, same ? "" : env, same ? "" : variant, same ? "" : ns(own), same ? "" : ns(min),
		peer == "-" ? "" : peer, ns(other) == "-" ? "" : ns(other), ratio ? sprintf("%.2f", ratio) : "",
		ns(target) == "-" ? "" : ns(target), (want > 0 ? sprintf("%.2f", want / 100) : ""), note == "-" ? met : met note
	if (met == "yes") hit++
	if (met == "no") miss++
}

# As nyx_footprint prints it, in one field: # size WHAT CPUS BYTES PERCPU
split($2, size, " ") == 6 && size[2] == "size" {
	sizes = sizes (sizes ? (json ? ",\n    " : "\n") : "") \
		(json ? sprintf("{\"what\": %s, \"cpus\": %d, \"bytes\": %d, \"percpu\": %d}", str(size[3]), size[4], size[5], size[6]) \
		      : sprintf("%-20s %9d bytes, of these for each of %d possible CPUs %d", size[3], size[5], size[4], size[6]))
}

$2 == "skip" {
	skips = skips (skips ? (json ? ",\n    " : "\n") : "") \
		(json ? sprintf("{\"id\": %s, \"env\": %s, \"what\": %s, \"reason\": %s}", str($3), str($1), str($4), str($5)) \
		      : sprintf("skipped: %s %s %s: %s", $3, $1, $4, $5))
}

END {
	if (json) {
		printf "\n  ],\n  \"sizes\": [%s],\n  \"skipped\": [%s]\n}\n", sizes, skips
	} else {
		if (sizes) print sizes
		if (skips) print skips
		printf "%d targets met, %d missed\n", hit, miss
	}
}
