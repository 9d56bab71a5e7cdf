/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/names.h - given names of nodes: unique DNS labels made from hostnames.
 *
 * Source  docs/lifecycle.md 16 NM-1 to NM-4
 */
#ifndef FL_DOMAIN_STATE_NAMES_H
#define FL_DOMAIN_STATE_NAMES_H

#include "domain/state/record.h"

struct fl_state;

/*
 * A label of at most `max` (1..63) characters from what a machine calls itself: a trailing .local,
 * .localdomain or .lan dropped, lower case, blanks and . @ _ turned into hyphens, all else but
 * letters, digits and hyphens dropped, no hyphen at either end. "node" if nothing is left.
 */
void fl_name_sanitise(const char *hostname, size_t max, char out[static FL_NAME_MAX + 1]);

/* Lower-case letters, digits and inner hyphens, 1 to 63. */
bool fl_name_valid(const char *name);

/* Is `name` the label of that hostname, with or without a number against collisions? */
bool fl_name_is_from(const char *name, const char *hostname, size_t max);

/*
 * A free label for the hostname: the label itself, else with -1, -2, ... cut so that it fits.
 * A name held by node `self` counts as free. Few look-ups, however many nodes share a hostname.
 */
void fl_name_derive(const struct fl_state *s, const char *hostname, fl_node_id self,
		    char out[static FL_NAME_MAX + 1]);

#endif
