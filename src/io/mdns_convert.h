/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mdns_convert.h - between our strings, states and labels and Avahi's, for both ways to it. */
#ifndef FL_IO_MDNS_CONVERT_H
#define FL_IO_MDNS_CONVERT_H

#include "io/mdns_avahi.h"
#include "io/mdns_impl.h"

/* m->txt as Avahi keeps it, for it to free. */
AvahiStringList *fl_mdns_txt_list(const struct fl_mdns *m);

/* See fl_mdns_resolved. */
void fl_mdns_resolved_list(struct fl_mdns_entry *e, AvahiResolverEvent event, const char *host,
			   uint16_t port, const AvahiStringList *txt);

void fl_mdns_browsed(struct fl_mdns *m, AvahiBrowserEvent event, const char *instance,
		     AvahiIfIndex interface, AvahiProtocol protocol);

/* What a group's state, or an error of a call that publishes, says. */
enum fl_mdns_publication fl_mdns_group_state(AvahiEntryGroupState state);
enum fl_mdns_publication fl_mdns_group_error(int error);

/*
 * Another label than one that clashed: `next` is Avahi's function for the next one. The first time
 * it is that, then one of the next. Of two that probe for a label at once each may lose it over one
 * protocol, by the order of their addresses: in step they would try and lose all that follow.
 * `clashes` counts them. The caller frees it with Avahi's free; NULL: no memory.
 */
char *fl_mdns_other_label(struct fl_mdns *m, const char *label, char *(*next)(const char *),
			  unsigned *clashes);

/* Makes m->label the one to try after it. */
void fl_mdns_next_label(struct fl_mdns *m);

static inline AvahiProtocol fl_mdns_protocol(const struct fl_mdns_entry *e)
{
	return e->ipv6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET;
}

#endif
