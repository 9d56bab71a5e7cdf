# SPDX-License-Identifier: BSD-3-Clause
# bench/report.awk - from the rounds (flat JSON lines) and goals.tsv to one line a metric.
#
#   awk -f report.awk goals.tsv rounds.jsonl            the summary on stdout, as JSON to -v json=FILE
#   awk -f report.awk -v pick=TAG,SIDE,FIELD[,ROUND] rounds    the median of one field
#
# The ratio is the median of the ratios of pairs, that is of the rounds with one number. A spread of
# more than 15 % of it makes the result noisy; more than 10 % of a processor used by others in
# a round makes it disturbed, and where that was not measured a load average above 1.5 makes it
# loaded; a generator busier than two thirds makes a rate generator-bound.

BEGIN {
	FS = "\t"
	if (pick != "")
		split(pick, want, ",")
}

FILENAME ~ /\.tsv$/ {
	if ($0 !~ /^#/ && NF == 10)
		goal[++goals] = $0
	next
}

{
	delete v
	parse($0)
	key = v["tag"] SUBSEP v["side"] SUBSEP v["round"]
	if (v["round"] + 0 > rounds)
		rounds = v["round"] + 0
	for (name in v)
		value[key, name] = v[name]
}

END {
	if (pick != "") {
		n = 0
		for (r = 1; r <= rounds; r++)
			if ((want[4] == "" || want[4] == r) && (want[1], want[2], r, want[3]) in value)
				list[++n] = value[want[1], want[2], r, want[3]]
		if (n == 0)
			exit 1
		printf "%.6g\n", median(list, n)
		exit
	}
	if (json != "")
		printf "[" >json
	for (g = 1; g <= goals; g++)
		metric(goal[g])
	if (json != "")
		print "\n]" >json
}

# A flat object of numbers and of strings without commas.
function parse(line, parts, n, i, at, name) {
	sub(/^\{/, "", line)
	sub(/\}$/, "", line)
	n = split(line, parts, ",")
	for (i = 1; i <= n; i++) {
		at = index(parts[i], ":")
		name = substr(parts[i], 2, at - 3)
		v[name] = substr(parts[i], at + 1)
		gsub(/"/, "", v[name])
	}
}

function median(list, n, i, j, t) {
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
			t = list[j]
			list[j] = list[j - 1]
			list[j - 1] = t
		}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function most(a, b, name, x, y) {
	x = value[a, name] + 0
	y = value[b, name] + 0
	return x > y ? x : y
}

function metric(line, f, n, r, a, b, x, y, ours, theirs, ratio, mid, verdict, note, ok, shown, mark, name) {
	split(line, f, "\t")
	delete x
	delete y
	delete ratio
	delete mark
	n = 0
	note = ""
	for (r = 1; r <= rounds; r++) {
		a = f[2] SUBSEP f[4] SUBSEP r
		b = f[2] SUBSEP f[5] SUBSEP r
		if (f[6] == "budget")
			b = a
		if (!((a, f[3]) in value) || !((b, f[3]) in value))
			continue
		if (f[6] == "ratio" && value[b, f[3]] + 0 <= 0)
			continue
		n++
		x[n] = value[a, f[3]] + 0
		y[n] = value[b, f[3]] + 0
		ratio[n] = f[6] == "ratio" ? x[n] / y[n] : x[n]
		if (value[b, "stride"] + 0 > 1 && f[3] ~ /^(reduce|peers)_ms$/)
			mark["rival-reckoned"]
		if (!((a, "foreign") in value)) {
			if (most(a, b, "load") > 1.5)
				mark["loaded"]
		} else if (most(a, b, "foreign") > 0.1) {
			mark["disturbed"]
		}
		if (f[3] ~ /^peak|per_s$/ && most(a, a, "peak_generator_cpu") > 0.67)
			mark["generator-bound"]
		if (f[3] ~ /per_s$/ && most(a, a, "generator_cpu") > 0.67)
			mark["generator-bound"]
	}
	if (n == 0)
		return
	ours = median(x, n)
	theirs = median(y, n)
	mid = median(ratio, n) # sorts them
	if (n > 1 && mid > 0 && ratio[n] - ratio[1] > 0.15 * mid)
		mark["noisy"]
	for (name in mark)
		note = note " " name
	ok = f[7] == "low" ? mid <= f[9] : mid >= f[9]
	verdict = ok ? "goal met" : (f[7] == "low" ? mid <= f[8] : mid >= f[8]) ? "floor met" : "FLOOR MISSED"
	shown = (f[7] == "low" ? "<=" : ">=")
	printf "bench %s ours=%.4g rival=%.4g ratio=%.3g goal=%s%s unit=%s floor=%s%s range=%.3g..%.3g rounds=%d rival_is=%s verdict=\"%s%s\"\n", \
		f[1], ours, theirs, mid, shown, f[9], f[10], shown, f[8], ratio[1], ratio[n], n, f[5], verdict, note
	if (json != "")
		printf "%s\n{\"name\":\"%s\",\"ours\":%.6g,\"rival\":%.6g,\"rival_is\":\"%s\",\"ratio\":%.4g,\"min\":%.4g,\"max\":%.4g,\"rounds\":%d,\"better\":\"%s\",\"floor\":%s,\"goal\":%s,\"unit\":\"%s\",\"verdict\":\"%s%s\"}", \
			printed++ ? "," : "", f[1], ours, theirs, f[5], mid, ratio[1], ratio[n], n, f[7], f[8], f[9], f[10], verdict, note >json
}
