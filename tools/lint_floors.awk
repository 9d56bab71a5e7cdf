# SPDX-License-Identifier: BSD-3-Clause
# tools/lint_floors.awk - the rules. Input: a list of files, one path a line.
#
#   floors    src/ includes go to the own folder and to floors below, by their path from src/
#   cycles    no file includes itself through others; folders of one floor depend one way only
#   outside   base, wire, proto and domain include no header of a clock, descriptor or thread
#   source    every header of wire/ and proto/ names a document, and the section that it names exists
#   spdx      the first lines name the licence
#   size      files up to 900 lines, lines of C up to 100 columns (a tab goes to the next eighth)
#   calls     no unbounded string functions and no alloca
#   build     the compiler refuses arrays of variable length

BEGIN {
	LINES_MAX = 900
	COLUMNS_MAX = 100
	SPDX_WITHIN = 3 # lines
	count = split("base crypto wire proto domain store io services embed cli", names, " ")
	for (i = 1; i <= count; i++)
		rank[names[i]] = i
	pure["base"] = pure["wire"] = pure["proto"] = pure["domain"] = 1
	outside = "^(pthread|threads|time|unistd|fcntl|poll|signal|netdb|uv|sys/(time|socket|stat|epoll|" \
		"poll|eventfd|timerfd|random|uio|mman|types)|netinet/.*|arpa/inet|net/.*)\\.h$"
	banned = "(strcpy|strcat|strncat|stpcpy|sprintf|vsprintf|gets|alloca)"
	findings = files = 0
}

{
	known[$0] = 1
	path[++files] = $0
}

END {
	for (f = 1; f <= files; f++)
		check_file(path[f])
	check_cycles()
	check_folders()
	check_build()
	if (findings > 0)
		printf "lint_floors: %d findings in %d files\n", findings, files
	else
		printf "lint_floors: %d files are clean\n", files
	exit findings > 0
}

function finding(file, line, text) {
	printf "%s:%d: %s\n", file, line, text
	findings++
}

function floor_of(file, parts) {
	return split(file, parts, "/") > 2 && parts[1] == "src" ? parts[2] : ""
}

function folder_of(file) {
	sub(/\/[^\/]*$/, "", file)
	return file
}

# One pass over a file. Markdown is only looked up, not checked.
function check_file(file, line, n, is_c, spdx) {
	if (file ~ /\.md$/)
		return
	is_c = file ~ /\.[ch]$/
	in_comment = has_source = spdx = n = 0
	while ((getline line < file) > 0) {
		n++
		if (n <= SPDX_WITHIN && line ~ /SPDX-License-Identifier: BSD-3-Clause/)
			spdx = 1
		if (is_c)
			check_c_line(file, n, line)
	}
	close(file)
	if (!spdx)
		finding(file, 1, "no licence line; begin with SPDX-License-Identifier: BSD-3-Clause")
	if (n > LINES_MAX)
		finding(file, n, n " lines, more than " LINES_MAX "; split it by concept")
	if (file ~ /^src\/(wire|proto)\/.*\.h$/ && !has_source)
		finding(file, 1, "no Source line; name the section it follows, as in" \
			" \"Source  docs/protocol/control.md 1.6\"")
}

function check_c_line(file, n, line, code) {
	if (columns(line) > COLUMNS_MAX)
		finding(file, n, columns(line) " columns, more than " COLUMNS_MAX "; run make fmt or break it")
	if (file ~ /^src\/(wire|proto)\/.*\.h$/ && line ~ /(^|[ *])Source  +[^ ]/)
		check_source(file, n, line)
	if (!in_comment && file ~ /^src\// && line ~ /^[ \t]*#[ \t]*include[ \t]/)
		check_include(file, n, line)
	if (in_comment || line ~ /\/\*/ || line ~ banned) {
		code = code_of(line)
		if (code ~ ("(^|[^A-Za-z0-9_])" banned "[ \t]*\\("))
			finding(file, n, "a call without a bound; use fl_buf, fl_str_copy or snprintf")
	}
}

# The width on a screen: characters, not bytes, and tabs to the next eighth column.
function columns(line, parts, n, i, width) {
	if (length(line) * 8 <= COLUMNS_MAX)
		return 0
	gsub(/[\200-\277]/, "", line) # the second and later bytes of UTF-8
	n = split(line, parts, "\t")
	for (i = 1; i < n; i++)
		width += 8 * int(length(parts[i]) / 8) + 8
	return width + length(parts[n])
}

# The line without comments and with empty strings; keeps in_comment for the next line.
function code_of(line, out, c) {
	while (line != "") {
		if (in_comment) {
			if (!match(line, /\*\//))
				return out
			line = substr(line, RSTART + 2)
			in_comment = 0
		} else if (!match(line, /\/\*|\/\/|"|'/)) {
			return out line
		} else {
			out = out substr(line, 1, RSTART - 1)
			c = substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
			if (c == "//")
				return out
			if (c == "/*")
				in_comment = 1
			else
				line = after_quote(line, c)
		}
	}
	return out
}

# What follows the end of a string or character that has just begun.
function after_quote(line, quote) {
	if (quote == "\"")
		match(line, /^([^"\\]|\\.)*"/)
	else
		match(line, /^([^'\\]|\\.)*'/)
	return RLENGTH > 0 ? substr(line, RLENGTH + 1) : ""
}

function check_include(file, n, line, target, floor, other) {
	floor = floor_of(file)
	if (line ~ /</) {
		target = line
		sub(/^[^<]*</, "", target)
		sub(/>.*$/, "", target)
		if (floor in pure && target ~ outside)
			finding(file, n, floor "/ has no clock, descriptor or thread, but includes <" target \
				">; take what it gives as an argument")
		return
	}
	target = line
	if (!sub(/^[^"]*"/, "", target) || !sub(/".*$/, "", target)) {
		finding(file, n, "an include that cannot be read; write #include \"floor/file.h\"")
		return
	}
	if (!(("src/" target) in known)) {
		finding(file, n, "\"" target "\" is not a file of src/; include by the path from src/")
		return
	}
	other = floor_of("src/" target)
	if (!(floor in rank) || !(other in rank)) {
		finding(file, n, "\"" (floor in rank ? other : floor) "\" is not a floor; move the file into one")
		return
	}
	if (rank[other] > rank[floor])
		finding(file, n, floor "/ may not use " other "/, which is above it; pass what is needed" \
			" down as an argument or move the file")
	note_edge(file, n, "src/" target)
}

function note_edge(from, n, to) {
	edge_to[from, ++edges[from]] = to
	edge_line[from, edges[from]] = n
}

# The document and each section number directly behind it must exist.
function check_source(file, n, line, doc, rest, words, count, i, number) {
	has_source = 1
	if (!match(line, /docs\/[A-Za-z0-9_.\/-]+\.md/)) {
		finding(file, n, "the Source names no document; name one below docs/")
		return
	}
	doc = substr(line, RSTART, RLENGTH)
	rest = substr(line, RSTART + RLENGTH)
	if (!(doc in known)) {
		finding(file, n, doc " does not exist; correct the Source or write the document")
		return
	}
	read_headings(doc)
	count = split(rest, words, /[ ,]+/)
	for (i = 1; i <= count; i++) {
		number = words[i]
		if (number == "" || number == "and" || number == "to")
			continue
		sub(/[.;]+$/, "", number)
		if (number !~ /^[0-9]+(\.[0-9]+)*$/)
			return
		if (!((doc, number) in heading))
			finding(file, n, doc " has no section " number "; correct the Source")
		if (words[i] ~ /;$/)
			return
	}
}

function read_headings(doc, line, parts) {
	if (doc in headings_read)
		return
	headings_read[doc] = 1
	while ((getline line < doc) > 0) {
		if (line !~ /^#+ /)
			continue
		split(line, parts, " ")
		sub(/\.$/, "", parts[2])
		heading[doc, parts[2]] = 1
	}
	close(doc)
}

# Depth first; a file met again while it is being visited closes a cycle.
function check_cycles(f) {
	for (f = 1; f <= files; f++)
		if (path[f] in edges && !(path[f] in state))
			visit(path[f], path[f])
}

function visit(file, trail, i, to) {
	state[file] = "open"
	for (i = 1; i <= edges[file]; i++) {
		to = edge_to[file, i]
		if (!(to in state))
			visit(to, trail " > " to)
		else if (state[to] == "open")
			finding(file, edge_line[file, i], "an include cycle: " trail " > " to \
				"; move what both need into a third file")
	}
	state[file] = "done"
}

# Two folders of one floor may not lean on each other. Files directly in a floor belong to no folder.
function check_folders(f, i, from, to) {
	for (f = 1; f <= files; f++) {
		for (i = 1; i <= edges[path[f]] + 0; i++) {
			from = folder_of(path[f])
			to = folder_of(edge_to[path[f], i])
			if (from != to && floor_of(path[f]) == floor_of(edge_to[path[f], i]) && !((from, to) in leans)) {
				leans[from, to] = path[f]
				leans_line[from, to] = edge_line[path[f], i]
				lean_from[++lean_count] = from
				lean_to[lean_count] = to
			}
		}
	}
	for (i = 1; i <= lean_count; i++) {
		from = lean_from[i]
		to = lean_to[i]
		if ((to, from) in leans && from < to && from ~ /^src\/.*\/.*/ && to ~ /^src\/.*\/.*/)
			finding(leans[from, to], leans_line[from, to], from " and " to \
				" use each other (also " leans[to, from] ":" leans_line[to, from] \
				"); let one of them do without")
	}
}

function check_build(line, found) {
	while ((getline line < "meson.build") > 0)
		if (line ~ /'-Wvla'/)
			found = 1
	if (!found)
		finding("meson.build", 1, "arrays of variable length are not refused; add '-Wvla' to the warnings")
}
