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
#
# A rival that fell short of its deadline: what it had not reached by then stands in FIELD_over, so
# the ratio is an upper bound; what it has in a round that names a shortfall ("short") is of those
# nodes that it served; without either there is no rival figure and no verdict.
#
# A row of goals.tsv with @ in its name and tag stands for every number of nodes in the rounds,
# unless a row with that number in its name says otherwise. How its figures grow with the number of
# nodes follows the metrics: the slope of the logarithms.

BEGIN {
	FS = "\t"
	if (pick != "")
		split(pick, want, ",")
}

FILENAME ~ /\.tsv$/ {
	if ($0 !~ /^#/ && NF == 10) {
		goal[++goals] = $0
		row[$1] = $0
	}
	next
}

{
	delete v
	parse($0)
	key = v["tag"] SUBSEP v["side"] SUBSEP v["round"]
	if (v["round"] + 0 > rounds)
		rounds = v["round"] + 0
	if (v["nodes"] + 0 > 0)
		add_size(v["nodes"] + 0)
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
		metrics(goal[g])
	if (json != "")
		print "\n]" >json
	for (g = 1; g <= goals; g++)
		growth(goal[g])
}

# Ascending, each once.
function add_size(n, i) {
	for (i = sizes; i > 0 && size[i] > n; i--)
		;
	if (i > 0 && size[i] == n)
		return
	for (i = ++sizes; i > 1 && size[i - 1] > n; i--)
		size[i] = size[i - 1]
	size[i] = n
}

function for_size(text, n) {
	gsub(/@/, n, text)
	return text
}

function metrics(line, f, i, name) {
	split(line, f, "\t")
	if (f[1] !~ /@/) {
		if (!done[f[1]]++)
			metric(line)
		return
	}
	for (i = 1; i <= sizes; i++) {
		name = for_size(f[1], size[i])
		if (!done[name]++)
			metric(name in row ? row[name] : for_size(line, size[i]))
	}
}

# The exponent of one side, and the numbers of nodes that it is from.
function slope(tag, field, side, i, r, k, n, m, list, key, x, y, sx, sy, sxx, sxy, from) {
	for (i = 1; i <= sizes; i++) {
		n = 0
		for (r = 1; r <= rounds; r++) {
			key = for_size(tag, size[i]) SUBSEP side SUBSEP r
			if ((key, field) in value && !((key, "short") in value))
				list[++n] = value[key, field] + 0
		}
		if (n == 0 || (m = median(list, n)) <= 0)
			continue
		x = log(size[i])
		y = log(m)
		k++
		sx += x
		sy += y
		sxx += x * x
		sxy += x * y
		from = from (from == "" ? "" : "+") size[i]
	}
	if (k < 2)
		return "none"
	return sprintf("%.2f nodes=%s", (k * sxy - sx * sy) / (k * sxx - sx * sx), from)
}

function growth(line, f, ours, theirs) {
	split(line, f, "\t")
	if (f[1] !~ /@/ || (ours = slope(f[2], f[3], f[4])) == "none")
		return
	theirs = f[6] == "budget" ? "" : "; " f[5] ": exponent=" slope(f[2], f[3], f[5])
	printf "growth %s ours: exponent=%s%s\n", f[1], ours, theirs
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

# The rival's figure of a round into `figure`; whether there is one. Notes bounds and shortfalls.
function rival_figure(b, field) {
	if ((b, "short") in value)
		why = value[b, "short"]
	if ((b, field) in value) {
		if ((b, "short") in value)
			mark["rival-partial"]
		figure = value[b, field] + 0
		return 1
	}
	if ((b, field "_over") in value) {
		mark["rival-not-done"]
		bound = 1
		figure = value[b, field "_over"] + 0
		return 1
	}
	return 0
}

function judge_round(f, a, b) {
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

function within(x, limit, better) {
	return limit != "-" && (better == "low" ? x + 0 <= limit + 0 : x + 0 >= limit + 0)
}

function verdict_of(f, mid) {
	if (within(mid, f[9], f[7]))
		return "goal met"
	if (within(mid, f[8], f[7]))
		return "floor met"
	if (f[8] == "-")
		return "goal missed"
	return bound ? "undecided" : "FLOOR MISSED"
}

function metric(line, f, n, r, a, b, x, y, alone, ours, theirs, ratio, mid, note, nodes, name, min, max) {
	split(line, f, "\t")
	delete mark
	n = alone = bound = 0
	why = note = nodes = ""
	for (r = 1; r <= rounds; r++) {
		a = f[2] SUBSEP f[4] SUBSEP r
		b = f[6] == "budget" ? a : f[2] SUBSEP f[5] SUBSEP r
		if (!((a, f[3]) in value))
			continue
		nodes = value[a, "nodes"]
		if (!rival_figure(b, f[3])) {
			if ((b, "short") in value)
				x[++alone] = value[a, f[3]] + 0
			continue
		}
		if (f[6] == "ratio" && figure <= 0)
			continue
		n++
		x[n] = value[a, f[3]] + 0
		y[n] = figure
		ratio[n] = f[6] == "ratio" ? x[n] / y[n] : x[n]
		judge_round(f, a, b)
	}
	if (n == 0 && alone == 0)
		return
	ours = median(x, n ? n : alone)
	theirs = mid = min = max = "none"
	if (n > 0) {
		theirs = sprintf("%.6g", median(y, n))
		mid = sprintf("%.4g", median(ratio, n)) # sorts them
		min = ratio[1]
		max = ratio[n]
		if (n > 1 && mid + 0 > 0 && max - min > 0.15 * mid)
			mark["noisy"]
	}
	for (name in mark)
		note = note " " name
	print_metric(f, nodes, ours, theirs, mid, min, max, n, (n ? verdict_of(f, mid) : "no rival figure") note)
}

function limit_text(f, limit) {
	return limit == "-" ? "none" : (f[7] == "low" ? "<=" : ">=") limit
}

function print_metric(f, nodes, ours, theirs, mid, min, max, n, verdict, range) {
	range = n ? sprintf(" range=%.3g..%.3g", min, max) : ""
	printf "bench %s%s ours=%.4g rival=%s ratio=%s goal=%s unit=%s floor=%s%s rounds=%d rival_is=%s verdict=\"%s\"%s\n", \
		f[1], (nodes + 0 > 1 ? " n=" nodes : ""), ours, n ? (bound ? ">=" : "") sprintf("%.4g", theirs) : "none", \
		n ? (bound ? "<=" : "") sprintf("%.3g", mid) : "none", limit_text(f, f[9]), f[10], \
		limit_text(f, f[8]), range, n, f[5], verdict, why == "" ? "" : " rival_short=\"" why "\""
	if (json == "")
		return
	printf "%s\n{\"name\":\"%s\",\"nodes\":%s,\"ours\":%.6g,\"rival\":%s,\"rival_is\":\"%s\",\"ratio\":%s,\"min\":%s,\"max\":%s,\"bound\":%s,\"rounds\":%d,\"better\":\"%s\",\"floor\":%s,\"goal\":%s,\"unit\":\"%s\",\"verdict\":\"%s\",\"rival_short\":\"%s\"}", \
		printed++ ? "," : "", f[1], nodes == "" ? "null" : nodes, ours, n ? theirs : "null", f[5], \
		n ? mid : "null", n ? sprintf("%.4g", min) : "null", n ? sprintf("%.4g", max) : "null", \
		bound ? "true" : "false", n, f[7], f[8] == "-" ? "null" : f[8], f[9], f[10], verdict, why >json
}
