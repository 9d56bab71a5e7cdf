/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/allow.c - the file of node keys that may use a relay. */
#include "services/relay/allow.h"

#include "io/file.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct fl_node_key));
}

static enum fl_err add(struct fl_relay_allow *a, const struct fl_node_key *key)
{
	if (a->len == a->cap) {
		size_t cap = a->cap > 0 ? a->cap * 2 : 64;
		struct fl_node_key *grown = realloc(a->at, cap * sizeof *grown);
		if (grown == NULL)
			return FL_ERR_NOMEM;
		a->at = grown;
		a->cap = cap;
	}
	a->at[a->len++] = *key;
	return FL_OK;
}

static struct fl_slice take_line(struct fl_slice *rest)
{
	const uint8_t *end = memchr(rest->ptr, '\n', rest->len);
	struct fl_slice line = fl_slice_of(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);

	*rest = fl_slice_skip(*rest, line.len + (end != NULL));
	return fl_slice_trim(line);
}

static enum fl_err read_lines(const char *path, struct fl_slice rest, struct fl_fault *fault,
			      struct fl_relay_allow *a)
{
	struct fl_node_key key;

	for (unsigned n = 1; rest.len > 0; n++) {
		struct fl_slice line = take_line(&rest);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (fl_node_key_parse(line, &key) != FL_OK)
			return fl_fault_set(fault, FL_ERR_INVALID, "%s:%u: not a node key", path,
					    n);
		if (add(a, &key) != FL_OK)
			return fl_fault_set(fault, FL_ERR_NOMEM, "%s: out of memory", path);
	}
	return FL_OK;
}

enum fl_err fl_relay_allow_load(const char *path, struct fl_fault *fault,
				struct fl_relay_allow *out)
{
	struct fl_buf b = fl_buf_make(FL_RELAY_ALLOW_FILE_MAX);
	struct fl_relay_allow a = { 0 };

	enum fl_err err = fl_file_read(path, FL_RELAY_ALLOW_FILE_MAX, fault, &b);
	if (err == FL_OK)
		err = read_lines(path, fl_buf_slice(&b), fault, &a);
	fl_buf_done(&b);
	if (err != FL_OK) {
		fl_relay_allow_done(&a);
		return err;
	}
	if (a.len > 0)
		qsort(a.at, a.len, sizeof *a.at, compare);
	*out = a;
	return FL_OK;
}

void fl_relay_allow_done(struct fl_relay_allow *a)
{
	free(a->at);
	*a = (struct fl_relay_allow){ 0 };
}

bool fl_relay_allow_has(const struct fl_relay_allow *a, const struct fl_node_key *key)
{
	return a->len > 0 && bsearch(key, a->at, a->len, sizeof *a->at, compare) != NULL;
}
