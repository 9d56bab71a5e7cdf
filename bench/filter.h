/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/filter.h - whom the packet filter of a node lets in.
 *
 * Only rules that open every port of the node's own address count; the union of their sources is
 * what the model compares.
 */
#ifndef FL_BENCH_FILTER_H
#define FL_BENCH_FILTER_H

#include "base/ipset.h"

struct filter {
	bool any; /* every source */
	struct fl_ipset from;
};

void filter_done(struct filter *f);

/* Reads a list of rules, or an object of named lists, in place of what was there. */
void filter_read(struct filter *f, struct fl_slice rules, const struct fl_ip *own);
void filter_read_named(struct filter *f, struct fl_slice lists, const struct fl_ip *own);

bool filter_admits(const struct filter *f, const struct fl_ip *source);

#endif
