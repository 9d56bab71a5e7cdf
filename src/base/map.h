/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/map.h - a hash map from fixed-size keys or strings to pointers.
 *
 * Open addressing with SipHash under a secret seed, because peers choose the keys.
 *
 * Memory  keys of fixed size are copied in; string keys (key_len 0) are borrowed from the value
 *         and must live as long as the entry. Values are never freed by the map.
 * Limits  grows by doubling; lookups and removals never allocate.
 */
#ifndef FL_BASE_MAP_H
#define FL_BASE_MAP_H

#include "base/err.h"

struct fl_map {
	size_t key_len, len, cap;
	uint64_t seed[2];
	uint8_t *slots;
};

/* key_len 1..64, or 0 for NUL-terminated string keys. `seed`: 16 random bytes. */
void fl_map_init(struct fl_map *m, size_t key_len, const uint8_t seed[16]);
void fl_map_done(struct fl_map *m);

/* The value, or NULL. */
void *fl_map_find(const struct fl_map *m, const void *key);

/* Sets key to a non-NULL value, replacing one that was there. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_map_put(struct fl_map *m, const void *key, void *value);

/* Removes and returns the value, or NULL if there was none. */
void *fl_map_take(struct fl_map *m, const void *key);

/* Walks in unspecified order: start with *at = 0; NULL at the end. No change while walking. */
void *fl_map_next(const struct fl_map *m, size_t *at);

#endif
