/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns_convert.c - what both ways to Avahi translate alike.
 *
 * Avahi keeps the strings of a TXT record backwards, and turns them round on the wire.
 */
#include "io/mdns_convert.h"

enum { STEPS_MOST = 8 };

AvahiStringList *fl_mdns_txt_list(const struct fl_mdns *m)
{
	AvahiStringList *list = NULL;

	for (size_t i = 0; i < m->txt_count; i++)
		list = fl_avahi.string_list_add_arbitrary(list, m->txt[i].ptr, m->txt[i].len);
	return list;
}

void fl_mdns_resolved_list(struct fl_mdns_entry *e, AvahiResolverEvent event, const char *host,
			   uint16_t port, const AvahiStringList *txt)
{
	struct fl_slice strings[FL_MDNS_TXT_STRINGS_MAX] = { 0 };
	size_t count = 0;

	if (event != AVAHI_RESOLVER_FOUND) {
		fl_mdns_resolved(e, NULL, 0, NULL, 0);
		return;
	}
	for (const AvahiStringList *s = txt; s != NULL; s = s->next)
		count++;
	/* Too many are told as that many, and refused for it. */
	size_t at = count;
	for (const AvahiStringList *s = txt; s != NULL; s = s->next)
		if (--at < FL_MDNS_TXT_STRINGS_MAX)
			strings[at] = fl_slice_of(s->text, s->size);
	fl_mdns_resolved(e, host, port, strings, count);
}

void fl_mdns_browsed(struct fl_mdns *m, AvahiBrowserEvent event, const char *instance,
		     AvahiIfIndex interface, AvahiProtocol protocol)
{
	switch (event) {
	case AVAHI_BROWSER_NEW:
	case AVAHI_BROWSER_REMOVE:
		fl_mdns_heard(m, instance, (uint32_t)interface, protocol == AVAHI_PROTO_INET6,
			      event == AVAHI_BROWSER_REMOVE);
		break;
	case AVAHI_BROWSER_FAILURE:
		m->failed = true;
		fl_mdns_poke(m);
		break;
	case AVAHI_BROWSER_CACHE_EXHAUSTED:
	case AVAHI_BROWSER_ALL_FOR_NOW:
		break;
	}
}

enum fl_mdns_publication fl_mdns_group_state(AvahiEntryGroupState state)
{
	switch (state) {
	case AVAHI_ENTRY_GROUP_ESTABLISHED:
		return FL_MDNS_ESTABLISHED;
	case AVAHI_ENTRY_GROUP_COLLISION:
		return FL_MDNS_CLASH;
	case AVAHI_ENTRY_GROUP_FAILURE:
		return FL_MDNS_REFUSED;
	case AVAHI_ENTRY_GROUP_UNCOMMITED:
	case AVAHI_ENTRY_GROUP_REGISTERING:
		break;
	}
	return FL_MDNS_PENDING;
}

enum fl_mdns_publication fl_mdns_group_error(int error)
{
	switch (error) {
	case AVAHI_OK:
		return FL_MDNS_PENDING;
	case AVAHI_ERR_COLLISION:
		return FL_MDNS_CLASH;
	default:
		return FL_MDNS_REFUSED;
	}
}

char *fl_mdns_other_label(struct fl_mdns *m, const char *label, char *(*next)(const char *),
			  unsigned *clashes)
{
	uint64_t steps = (*clashes)++ == 0 ? 1 : 1 + fl_rng_below(&m->rng, STEPS_MOST);
	char *other = next(label);

	while (other != NULL && --steps > 0) {
		char *further = next(other);
		fl_avahi.free(other);
		other = further;
	}
	return other;
}

void fl_mdns_next_label(struct fl_mdns *m)
{
	char *label =
		fl_mdns_other_label(m, m->label, fl_avahi.alternative_service_name, &m->clashes);

	if (label != NULL)
		(void)fl_str_copy(m->label, sizeof m->label, fl_slice_str(label));
	fl_avahi.free(label);
}
