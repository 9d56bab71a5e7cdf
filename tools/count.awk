# SPDX-License-Identifier: BSD-3-Clause
# tools/count.awk - adds up a JSON log of Meson: prints "PASSED FAILED SKIPPED", then a line for each
# case that failed or was skipped.
#
# A line of the log is a program. Each TAP line that it printed is a case, a program without any is
# one. Cases that were announced and never reported failed: the program died or left before. So did
# a program that failed after the last of its cases passed (a sanitizer's finding, a leak).

function field(name, s) {
	s = $0
	if (!sub(".*\"" name "\": \"", "", s))
		return ""
	sub(/".*/, "", s)
	return s
}

{
	program = field("name")
	sub(/.* \/ /, "", program)
	result = field("result")
	text = $0
	sub(/.*"stdout": "/, "\\n", text)
	sub(/", "stderr": ".*/, "", text)
	n = split(text, line, /\\n/)
	plan = ok = bad = skip = 0
	for (i = 1; i <= n; i++) {
		if (line[i] ~ /^1\.\.[0-9]+$/)
			plan += substr(line[i], 4)
		else if (line[i] ~ /^(not )?ok [0-9]+.*# SKIP/) {
			skip++
			note[notes++] = "skipped: " program ": " line[i]
		} else if (line[i] ~ /^ok [0-9]/)
			ok++
		else if (line[i] ~ /^not ok [0-9]/) {
			bad++
			note[notes++] = "failed: " program ": " line[i]
		}
	}
	lost = plan - ok - bad - skip
	if (lost > 0) {
		bad += lost
		note[notes++] = "failed: " program ": " lost " cases were not reported (" result ")"
	} else if (result == "SKIP" && ok + bad + skip == 0) {
		skip = 1
		note[notes++] = "skipped: " program
	} else if (result != "OK" && result != "SKIP" && bad == 0) {
		bad = 1
		note[notes++] = "failed: " program ": " result
	} else if (ok + bad + skip == 0)
		ok = 1
	passed += ok
	failed += bad
	skipped += skip
}

END {
	print passed + 0, failed + 0, skipped + 0
	for (i = 0; i < notes; i++)
		print note[i]
}
