# SPDX-License-Identifier: GPL-2.0-only
# Makes a table, or with json=1 the JSON, out of the lines "ROUND SIDE MODE LOAD WHAT VALUE"
# of `run`. Other variables from there, too.

function str(s) { gsub(/[\\"]/, "\\\\&", s); return "\"" s "\"" }
function fixed(x) { return sprintf(x < 10 ? "%.2f" : x < 100 ? "%.1f" : "%.0f", x) }

# The median of list[1..n]; sorts it
function median(list, n,    i, j, t)
{
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j] < list[j - 1]; j--) {
			t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
		}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# The figure of a load in a round, in the unit of its row
function value(round, side, mode, load, what,    p)
{
	p = round SUBSEP side SUBSEP mode SUBSEP load SUBSEP
	if (what == "ms")
		return v[p "us"] / 1e3
	if (what == "ms, the kernel's")
		return v[p "kernel_us"] / 1e3
	if (what == "MiB/s")
		return v[p "reads"] * 65536 / 1048576 / (v[p "ns"] / 1e9)
	return v[p (what == "interrupts/s" ? "irqs" : "reads")] / (v[p "ns"] / 1e9)
}

# Does nyx-vmm without an IOMMU take part?
function has_none() { return device == "nvme" }
function third(x) { return has_none() ? sprintf(" %9s", x) : "" }
function or_null(x) { return has_none() ? x : "null" }

function row(mode, load, unit, text, less,    r, own, other, none, ratios, a, b, c, m)
{
	for (r = 1; r <= rounds; r++) {
		own[r] = value(r, "nyx", mode, load, unit)
		other[r] = value(r, "qemu", mode, load, unit)
		none[r] = has_none() ? value(r, "none", mode, load, unit) : 0
		ratios[r] = less ? other[r] / own[r] : own[r] / other[r]
	}
	a = median(own, rounds); b = median(other, rounds); c = median(none, rounds)
	m = median(ratios, rounds)
	if (json)
		printf "%s\n    {\"mode\": %s, \"what\": %s, \"unit\": %s, \"nyx\": %.3f, \"peer\": %.3f, \"none\": %s, \"ratio\": %.3f, \"worst\": %.3f, \"best\": %.3f}",
			n++ ? "," : "", str(mode), str(text), str(unit), a, b, or_null(sprintf("%.3f", c)), m, ratios[1], ratios[rounds]
	else
		printf "%-7s %-32s %-17s %9s %9s%s %7.2f  %.2f..%.2f\n", mode, text, unit, fixed(a), fixed(b), third(fixed(c)), m, ratios[1], ratios[rounds]
}

# From the machine's start to the first read
function of_boot(mode, what, text,    a, b, c)
{
	a = v["count", "nyx", mode, "boot", what]; b = v["count", "qemu", mode, "boot", what]
	c = v["count", "none", mode, "boot", what] + 0
	if (json)
		printf "%s\n    {\"mode\": %s, \"load\": \"boot\", \"what\": %s, \"nyx\": %d, \"peer\": %d, \"none\": %s}",
			n++ ? "," : "", str(mode), str(text), a, b, or_null(c)
	else
		printf "%-7s %-14s %-35s %9d %9d%s\n", mode, "boot", text, a, b, third(c)
}

# The lines of the guest about its disk
function guests(mode,    a, b)
{
	a = v["count", "nyx", mode, "boot", "guest"]; b = v["count", "qemu", mode, "boot", "guest"]
	if (json)
		printf "%s\n    {\"mode\": %s, \"nyx\": %s, \"peer\": %s}",
			n++ ? "," : "", str(mode), str(a), str(b)
	else
		printf "%-7s %-32s %-17s %s\n", mode, "the disk's domain, interrupts", a, b
}

function per_read(side, mode, load, what,    p, zero)
{
	p = "count" SUBSEP side SUBSEP mode SUBSEP load SUBSEP
	zero = v["count", side, mode, "none", what]
	return (v[p what] - zero) / v[p "reads"]
}

function count(mode, load, what, text,    a, b, c)
{
	a = per_read("nyx", mode, load, what); b = per_read("qemu", mode, load, what)
	c = has_none() ? per_read("none", mode, load, what) : 0
	if (json)
		printf "%s\n    {\"mode\": %s, \"load\": %s, \"what\": %s, \"nyx\": %.3f, \"peer\": %.3f, \"none\": %s}",
			n++ ? "," : "", str(mode), str(load), str(text), a, b, or_null(sprintf("%.3f", c))
	else
		printf "%-7s %-14s %-35s %9.2f %9.2f%s\n", mode, load, text, a, b, third(sprintf("%.2f", c))
}

{ v[$1, $2, $3, $4, $5] = $6 }

END {
	split("lazy strict", modes, " ")
	split("seq-64K random-4K random-4K-x16 same-512", loads, " ")
	if (json) {
		printf "{\n  \"schema\": 1,\n  \"date\": %s,\n  \"commit\": %s,\n  \"cpu\": %s,\n", str(date), str(commit), str(cpu)
		printf "  \"iommu\": %s,\n  \"device\": %s,\n  \"kernel\": %s,\n  \"peer\": %s,\n", str(iommu), str(device), str(kernel), str(peer)
		printf "  \"accel\": %s,\n  \"load\": [%s],\n  \"rounds\": %d,\n  \"rows\": [", str(accel), load, rounds
	} else {
		printf "nyx-vmm --iommu %s beside QEMU and its %s, Linux %s: %s; the outer machine: %s\n", iommu, peer, kernel, cpu, accel
		printf "%s, commit %s, load average %s, medians of %d rounds; ratio: more is better for us\n", date, commit, load, rounds
		if (rounds)
			printf "%-7s %-32s %-17s %9s %9s%s %7s  %s\n", "mode", "what", "unit", "Nyx", "QEMU", third("none"), "ratio", "of single rounds"
	}
	for (i = 1; i <= 2 && rounds; i++) {
		row(modes[i], "boot", "ms", "start of the VMM to init", 1)
		row(modes[i], "boot", "ms, the kernel's", "start of the kernel to init", 1)
		row(modes[i], "seq-64K", "MiB/s", "64 KiB direct reads, in a row", 0)
		row(modes[i], "random-4K", "reads/s", "4 KiB random direct reads", 0)
		row(modes[i], "random-4K-x16", "reads/s", "the same, 16 at a time", 0)
		row(modes[i], "same-512", "interrupts/s", "512-byte reads, one each", 0)
	}
	if (json)
		printf "\n  ],\n  \"guests\": ["
	else
		printf "\n%-7s %-32s %-17s %s\n", "mode", "what the guest has", "Nyx", "QEMU"
	n = 0
	for (i = 1; i <= 2; i++)
		guests(modes[i])
	if (json)
		printf "\n  ],\n  \"counts\": ["
	else
		printf "\n%-7s %-14s %-35s %9s %9s%s\n", "mode", "load", "in all", "Nyx", "QEMU", third("none")
	n = 0
	for (i = 1; i <= 2; i++) {
		of_boot(modes[i], "tails", "writes to the queue's tail")
		of_boot(modes[i], "mmio_exits", "MMIO exits to the VMM")
		of_boot(modes[i], "exits", "exits of the guest")
		of_boot(modes[i], "ioctls", "ioctls besides KVM_RUN")
		if (device == "nvme") {
			of_boot(modes[i], "maps", "maps in the host's IOMMU")
			of_boot(modes[i], "unmaps", "unmaps there")
		}
	}
	if (!json)
		printf "\n%-7s %-14s %-35s %9s %9s%s\n", "mode", "load", "per read", "Nyx", "QEMU", third("none")
	for (i = 1; i <= 2; i++) {
		for (j = 1; j <= 4; j++) {
			count(modes[i], loads[j], "exits", "exits of the guest")
			count(modes[i], loads[j], "mmio_exits", "MMIO exits to the VMM")
			count(modes[i], loads[j], "tails", "writes to the queue's tail")
			count(modes[i], loads[j], "ioctls", "ioctls besides KVM_RUN")
			count(modes[i], loads[j], "calls", "system calls, all")
			if (device == "nvme") {
				count(modes[i], loads[j], "maps", "maps in the host's IOMMU")
				count(modes[i], loads[j], "unmaps", "unmaps there")
			}
		}
	}
	if (json)
		printf "\n  ]\n}\n"
}
