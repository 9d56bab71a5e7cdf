/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/fold.h - a client's view, folded from messages as the stock client does it.
 *
 * Written from docs/protocol/control.md 5.5 alone and over another JSON library interface than
 * the writers use, with all the quirks: entries become patches when only some fields differ,
 * absent lists do not clear, stale disco patches are dropped. It also fails on anything that
 * crashes or confuses a real client.
 */
#ifndef FL_TEST_FOLD_H
#define FL_TEST_FOLD_H

#include "../base/table.h"

#include <jansson.h>

struct fold {
	json_t *node, *peers, *profiles; /* the latter two by decimal id */
	json_t *settings;                /* DERPMap, DNSConfig, Domain, ... as last sent */
	json_t *pings;                   /* every PingRequest, in order */
	size_t messages, keepalives;
	size_t entries; /* of peers that changed */
};

void fold_init(struct fold *f);
void fold_done(struct fold *f);

/* Applies one message; fails the test when a client would not survive it. */
void fold_apply(struct fold *f, struct fl_slice json);

/* Fails unless `got`, built from deltas, shows what `want`, a fresh full map, shows. */
void fold_assert_same(const struct fold *got, const struct fold *want);

#endif
