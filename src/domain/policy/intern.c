/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/intern.c - equal bytes get one number. */
#include "base/sip.h"
#include "domain/policy/diff_parts.h"

#include <stdlib.h>

/* Those who write policies are trusted, and the same input must give the same output. */
static const uint64_t seed[2] = { 0x6661697266616972, 0x6c6561646c656164 };

void fl_intern_done(struct fl_intern *t)
{
	free(t->at);
	free(t->slots);
	*t = (struct fl_intern){ .arena = t->arena };
}

static size_t place_of(const struct fl_intern *t, struct fl_slice bytes)
{
	size_t at = fl_sip_hash(seed, bytes.ptr, bytes.len) & (t->slots_cap - 1);

	while (t->slots[at] != 0 && !fl_slice_eq(t->at[t->slots[at] - 1], bytes))
		at = (at + 1) & (t->slots_cap - 1);
	return at;
}

static bool grow(struct fl_intern *t)
{
	uint32_t cap = t->cap > 0 ? t->cap * 2 : 16;
	struct fl_slice *at = realloc(t->at, cap * sizeof *at);

	if (at == NULL)
		return false;
	t->at = at;
	uint32_t *slots = calloc((size_t)cap * 2, sizeof *slots);
	if (slots == NULL)
		return false;
	free(t->slots);
	t->slots = slots;
	t->slots_cap = (size_t)cap * 2;
	t->cap = cap;
	for (uint32_t i = 0; i < t->len; i++)
		t->slots[place_of(t, t->at[i])] = i + 1;
	return true;
}

bool fl_intern(struct fl_intern *t, const void *bytes, size_t len, uint32_t *out, bool *out_fresh)
{
	const struct fl_slice wanted = fl_slice_of(bytes, len);

	if (t->len == t->cap && !grow(t))
		return false;
	size_t at = place_of(t, wanted);
	bool fresh = t->slots[at] == 0;
	if (fresh) {
		uint8_t *copy = fl_arena_array(t->arena, len > 0 ? len : 1, 1);
		if (copy == NULL)
			return false;
		if (len > 0)
			memcpy(copy, bytes, len);
		t->at[t->len++] = fl_slice_of(copy, len);
		t->slots[at] = t->len;
	}
	*out = t->slots[at] - 1;
	if (out_fresh != NULL)
		*out_fresh = fresh;
	return true;
}
