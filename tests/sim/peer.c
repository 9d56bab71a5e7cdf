/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/peer.c - interned peers, and what patches and entries make of them. */
#include "frame.h"

#include <stdlib.h>
#include <string.h>

static struct {
	const struct peer **slots;
	size_t len, cap;
} known;

static uint64_t hash_of(const struct peer *p)
{
	return scan_hash(1, fl_slice_of((const uint8_t *)p, sizeof *p));
}

static void insert(const struct peer **slots, size_t cap, const struct peer *p)
{
	size_t i = hash_of(p) & (cap - 1);

	while (slots[i] != NULL)
		i = (i + 1) & (cap - 1);
	slots[i] = p;
}

static void grow(void)
{
	size_t cap = known.cap > 0 ? 2 * known.cap : 1024;
	const struct peer **slots = calloc(cap, sizeof *slots);

	if (slots == NULL)
		abort();
	for (size_t i = 0; i < known.cap; i++)
		if (known.slots[i] != NULL)
			insert(slots, cap, known.slots[i]);
	free(known.slots);
	known.slots = slots;
	known.cap = cap;
}

const struct peer *peer_intern(const struct peer *p)
{
	if (2 * (known.len + 1) > known.cap)
		grow();
	size_t i = hash_of(p) & (known.cap - 1);
	for (; known.slots[i] != NULL; i = (i + 1) & (known.cap - 1))
		if (memcmp(known.slots[i], p, sizeof *p) == 0)
			return known.slots[i];
	struct peer *copy = malloc(sizeof *copy);
	if (copy == NULL)
		abort();
	*copy = *p;
	known.slots[i] = copy;
	known.len++;
	return copy;
}

static bool has(uint64_t bits, enum peer_field f)
{
	return (bits & (UINT64_C(1) << f)) != 0;
}

static void set(struct peer *p, enum peer_field f, uint64_t v)
{
	p->has |= UINT64_C(1) << f;
	p->field[f] = v;
}

static void clear(struct peer *p, enum peer_field f)
{
	p->has &= ~(UINT64_C(1) << f);
	p->field[f] = 0;
}

/* A disco key beside an old "offline" makes clients drop the whole patch. */
static bool is_stale(const struct peer *was, const struct patch *p)
{
	if (!has(p->has, PEER_DISCO) || p->field[PEER_ONLINE] != 1 || !has(p->has, PEER_SEEN))
		return false;
	return !has(was->has, PEER_SEEN) || p->field[PEER_SEEN] <= was->field[PEER_SEEN];
}

static void apply(struct peer *out, const struct patch *p)
{
	for (int f = 0; f < PEER_FIELDS; f++) {
		if (!has(p->has, (enum peer_field)f))
			continue;
		bool zero = p->field[f] == 0;
		if ((f == PEER_DERP || f == PEER_CAP) && zero)
			continue;
		if ((f == PEER_SEEN || f == PEER_EXPIRY) && zero)
			clear(out, (enum peer_field)f);
		else
			set(out, (enum peer_field)f, p->field[f]);
	}
}

const struct peer *peer_patched(const struct peer *was, const struct patch *p)
{
	struct peer out = *was;

	if (is_stale(was, p))
		return was;
	apply(&out, p);
	return peer_intern(&out);
}

const struct peer *peer_changed(const struct peer *was, const struct peer *now)
{
	struct patch p = { .id = now->id };

	if (was->rest != now->rest)
		return now;
	for (int i = 0; i < PEER_FIELDS; i++) {
		enum peer_field f = (enum peer_field)i;
		bool both = f == PEER_ONLINE || f == PEER_SEEN;
		if (!has(now->has, f) || (both && !has(was->has, f)))
			continue;
		if (has(was->has, f) && was->field[f] == now->field[f])
			continue;
		p.has |= UINT64_C(1) << f;
		p.field[f] = now->field[f];
	}
	if (has(was->has, PEER_EXPIRY) && !has(now->has, PEER_EXPIRY))
		p.has |= UINT64_C(1) << PEER_EXPIRY;
	return peer_patched(was, &p);
}

const char *peer_field_name(enum peer_field f)
{
	static const char *const names[PEER_FIELDS] = {
		[PEER_KEY] = "Key",        [PEER_EXPIRY] = "KeyExpiry",
		[PEER_DISCO] = "DiscoKey", [PEER_ENDPOINTS] = "Endpoints",
		[PEER_DERP] = "HomeDERP",  [PEER_CAP] = "Cap",
		[PEER_CAPMAP] = "CapMap",  [PEER_ONLINE] = "Online",
		[PEER_SEEN] = "LastSeen",
	};
	return names[f];
}

/* What shows nowhere: when one online was seen, a home region that cannot go, no endpoints. */
static bool shows(const struct peer *got, const struct peer *want, enum peer_field f)
{
	uint64_t a = got->field[f], b = want->field[f];

	if (f == PEER_SEEN && want->field[PEER_ONLINE] == 2)
		return false;
	if (f == PEER_DERP && !has(want->has, f))
		return false;
	if (f != PEER_ENDPOINTS && has(got->has, f) != has(want->has, f))
		return true;
	return a != b;
}

const char *peer_differs(const struct peer *got, const struct peer *want)
{
	if (got == want)
		return NULL;
	if (got->id != want->id || got->rest != want->rest || got->user != want->user)
		return "what no patch can carry";
	for (int f = 0; f < PEER_FIELDS; f++)
		if (shows(got, want, (enum peer_field)f))
			return peer_field_name((enum peer_field)f);
	return NULL;
}

const char *self_differs(const struct peer *got, const struct peer *want)
{
	static const enum peer_field own[] = { PEER_ENDPOINTS, PEER_DERP, PEER_DISCO, PEER_CAP };
	struct peer as = *got;

	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		as.field[own[i]] = want->field[own[i]];
		as.has &= ~(UINT64_C(1) << own[i]);
		as.has |= want->has & (UINT64_C(1) << own[i]);
	}
	return peer_differs(&as, want);
}
