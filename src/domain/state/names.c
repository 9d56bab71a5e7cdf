/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/state/names.c - labels from hostnames, and free ones among those taken. */
#include "domain/state/names.h"

#include <inttypes.h>
#include <stdio.h>

#include "domain/state/inner.h"

enum { SUFFIX_MAX = 24 }; /* '-' and a 64-bit number, with NUL */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The length without the suffixes that operating systems add on local networks. */
static size_t without_local_suffix(const char *name)
{
	static const char *const local[] = { ".localdomain", ".local", ".lan" };
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		size_t n = strlen(local[i]);
		if (len > n && fl_str_ieq(fl_slice_of(name + len - n, n), fl_slice_str(local[i])))
			return len - n;
	}
	return len;
}

void fl_name_sanitise(const char *hostname, size_t max, char out[static FL_NAME_MAX + 1])
{
	size_t in_len = without_local_suffix(hostname), len = 0;

	for (size_t i = 0; i < in_len && len < max; i++) {
		char c = lower(hostname[i]);
		if (c == ' ' || c == '.' || c == '@' || c == '_')
			c = '-';
		if (is_alnum(c) || (c == '-' && len > 0))
			out[len++] = c;
	}
	while (len > 0 && out[len - 1] == '-')
		len--;
	out[len] = '\0';
	if (len == 0)
		fl_str_copy(out, max + 1, fl_slice_str("node"));
}

bool fl_name_valid(const char *name)
{
	size_t len = strnlen(name, FL_NAME_MAX + 1);

	if (len == 0 || len > FL_NAME_MAX || name[0] == '-' || name[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(name[i]) && name[i] != '-')
			return false;
	return true;
}

/* base-number, with the base cut to fit and no double hyphen; number 0 is the base alone. */
static void numbered(const char *base, uint64_t number, size_t max,
		     char out[static FL_NAME_MAX + 1])
{
	char suffix[SUFFIX_MAX] = "";
	size_t len = strlen(base), tail = 0;

	if (number > 0)
		tail = (size_t)snprintf(suffix, sizeof suffix, "-%" PRIu64, number);
	if (len + tail > max)
		len = max - tail;
	while (len > 0 && tail > 0 && base[len - 1] == '-')
		len--;
	memcpy(out, base, len);
	memcpy(out + len, suffix, tail + 1);
}

bool fl_name_is_from(const char *name, const char *hostname, size_t max)
{
	char base[FL_NAME_MAX + 1], again[FL_NAME_MAX + 1];
	const char *hyphen = strrchr(name, '-');
	uint64_t number;

	fl_name_sanitise(hostname, max, base);
	if (strcmp(name, base) == 0)
		return true;
	if (hyphen == NULL || fl_u64_parse(fl_slice_str(hyphen + 1), &number) != FL_OK ||
	    number == 0 || number > FL_STATE_NODES_MAX * 2)
		return false;
	numbered(base, number, max, again);
	return strcmp(name, again) == 0;
}

/* Is base-number held by another node? Writes the name. */
static bool taken(const struct fl_state *s, const char *base, uint64_t number, fl_node_id self,
		  char out[static FL_NAME_MAX + 1])
{
	numbered(base, number, s->label_max, out);
	const struct fl_node *n = fl_state_node_by_name(s, out);
	return n != NULL && n->id != self;
}

void fl_name_derive(const struct fl_state *s, const char *hostname, fl_node_id self,
		    char out[static FL_NAME_MAX + 1])
{
	char base[FL_NAME_MAX + 1];
	uint64_t used = 0, free = 1;

	fl_name_sanitise(hostname, s->label_max, base);
	if (!taken(s, base, 0, self, out))
		return;
	while (taken(s, base, free, self, out)) {
		used = free;
		free *= 2;
	}
	/* Numbers are given in order: those taken lie together, but for gaps of deleted nodes. */
	while (free - used > 1) {
		uint64_t middle = used + (free - used) / 2;
		if (taken(s, base, middle, self, out))
			used = middle;
		else
			free = middle;
	}
	numbered(base, free, s->label_max, out);
}
