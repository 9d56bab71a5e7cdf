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

/* Makes m->label the one to try after it. */
void fl_mdns_next_label(struct fl_mdns *m);

static inline AvahiProtocol fl_mdns_protocol(const struct fl_mdns_entry *e)
{
	return e->ipv6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET;
}

#endif
