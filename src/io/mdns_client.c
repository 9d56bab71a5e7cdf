/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns_client.c - mDNS by Avahi's daemon.
 *
 * Its client library asks over D-Bus and waits for each answer, some tenths of a millisecond.
 * Filters are ours: the daemon serves its own interfaces.
 */
#include "io/mdns_convert.h"
#include "io/mdns_poll.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

struct client {
	AvahiPoll poll;
	AvahiClient *avahi;
	AvahiServiceBrowser *browser;
	AvahiEntryGroup *group;                  /* NULL: nothing was announced yet */
	AvahiIfIndex at[FL_MDNS_INTERFACES_MAX]; /* where it is announced */
	size_t at_count;
};

static const char *why(struct fl_mdns *m)
{
	const struct client *c = m->link;
	return fl_avahi.strerror(fl_avahi.client_errno(c->avahi));
}

static void on_client(AvahiClient *a, AvahiClientState state, void *ctx)
{
	(void)a;
	(void)state;
	fl_mdns_poke(ctx);
}

static void on_group(AvahiEntryGroup *g, AvahiEntryGroupState state, void *ctx)
{
	(void)g;
	(void)state;
	fl_mdns_poke(ctx);
}

/* NOLINTNEXTLINE(readability-function-size): Avahi's parameters */
static void on_browse(AvahiServiceBrowser *b, AvahiIfIndex interface, AvahiProtocol protocol,
		      AvahiBrowserEvent event, const char *name, const char *type,
		      const char *domain, AvahiLookupResultFlags flags, void *ctx)
{
	char device[IF_NAMESIZE];
	struct fl_mdns *m = ctx;

	(void)b;
	(void)type;
	(void)domain;
	(void)flags;
	/* One that has vanished has no name any more, and what was heard there is gone. */
	if (event == AVAHI_BROWSER_NEW && (if_indextoname((unsigned)interface, device) == NULL ||
					   !fl_mdns_interfaces_have(&m->interfaces, device)))
		return;
	fl_mdns_browsed(m, event, name, interface, protocol);
}

/* ---- life ---- */

static void close_client(struct fl_mdns *m)
{
	struct client *c = m->link;

	if (c == NULL)
		return;
	if (c->avahi != NULL)
		fl_avahi.client_free(c->avahi);
	free(c);
	m->link = NULL;
}

static bool browse(struct fl_mdns *m)
{
	struct client *c = m->link;

	if (c->browser != NULL)
		fl_avahi.service_browser_free(c->browser);
	c->browser =
		fl_avahi.service_browser_new(c->avahi, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
					     m->cfg.type, NULL, (AvahiLookupFlags)0, on_browse, m);
	return c->browser != NULL;
}

static enum fl_err open_client(struct fl_mdns *m, struct fl_fault *fault)
{
	enum fl_err err = fl_avahi_load_client(fault);
	if (err != FL_OK)
		return err;

	struct client *c = calloc(1, sizeof *c);
	if (c == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	c->poll = fl_mdns_poll(m->loop);
	m->link = c;

	int error = AVAHI_OK;
	c->avahi = fl_avahi.client_new(&c->poll, AVAHI_CLIENT_IGNORE_USER_CONFIG, on_client, m,
				       &error);
	if (c->avahi != NULL && !browse(m))
		error = fl_avahi.client_errno(c->avahi);
	if (error == AVAHI_OK)
		return FL_OK;
	close_client(m);
	return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
			    "Avahi's daemon does not answer (%s): start it (systemctl start "
			    "avahi-daemon), or set the backend to embedded",
			    fl_avahi.strerror(error));
}

static enum fl_mdns_health health(struct fl_mdns *m)
{
	const struct client *c = m->link;

	if (m->failed)
		return FL_MDNS_FAILED;
	switch (fl_avahi.client_get_state(c->avahi)) {
	case AVAHI_CLIENT_S_RUNNING:
		return FL_MDNS_RUNNING;
	case AVAHI_CLIENT_FAILURE:
		return FL_MDNS_FAILED;
	case AVAHI_CLIENT_S_REGISTERING: /* the daemon finds itself another host label */
	case AVAHI_CLIENT_S_COLLISION:
	case AVAHI_CLIENT_CONNECTING:
		break;
	}
	return FL_MDNS_STARTING;
}

/* ---- announcement ---- */

/* The interfaces there are now of those that are allowed. */
static void find_interfaces(const struct fl_mdns *m, struct client *c)
{
	c->at_count = 0;
	if (!m->interfaces.allow) {
		c->at[c->at_count++] = AVAHI_IF_UNSPEC;
		return;
	}
	for (size_t i = 0; i < m->interfaces.names.len && c->at_count < FL_MDNS_INTERFACES_MAX;
	     i++) {
		unsigned index = if_nametoindex(m->interfaces.names.at[i]);
		if (index != 0)
			c->at[c->at_count++] = (AvahiIfIndex)index;
	}
}

static enum fl_mdns_publication publish(struct fl_mdns *m)
{
	struct client *c = m->link;
	int rc = AVAHI_OK;

	if (c->group == NULL)
		c->group = fl_avahi.entry_group_new(c->avahi, on_group, m);
	if (c->group == NULL)
		return FL_MDNS_REFUSED;

	find_interfaces(m, c);
	AvahiStringList *txt = fl_mdns_txt_list(m);
	for (size_t i = 0; i < c->at_count && rc == AVAHI_OK; i++)
		rc = fl_avahi.entry_group_add_service_strlst(
			c->group, c->at[i], AVAHI_PROTO_UNSPEC, (AvahiPublishFlags)0, m->label,
			m->cfg.type, NULL, NULL, m->cfg.port, txt);
	fl_avahi.string_list_free(txt);
	if (rc == AVAHI_OK)
		rc = fl_avahi.entry_group_commit(c->group);
	return fl_mdns_group_error(rc);
}

static enum fl_mdns_publication published(struct fl_mdns *m)
{
	const struct client *c = m->link;
	return fl_mdns_group_state((AvahiEntryGroupState)fl_avahi.entry_group_get_state(c->group));
}

static bool update(struct fl_mdns *m)
{
	const struct client *c = m->link;
	AvahiStringList *txt = fl_mdns_txt_list(m);
	int rc = AVAHI_OK;

	for (size_t i = 0; i < c->at_count && rc == AVAHI_OK; i++)
		rc = fl_avahi.entry_group_update_service_txt_strlst(
			c->group, c->at[i], AVAHI_PROTO_UNSPEC, (AvahiPublishFlags)0, m->label,
			m->cfg.type, NULL, txt);
	fl_avahi.string_list_free(txt);
	return rc == AVAHI_OK;
}

static void withdraw(struct fl_mdns *m)
{
	const struct client *c = m->link;

	if (c->group != NULL)
		fl_avahi.entry_group_reset(c->group);
}

/* ---- entries ---- */

/* NOLINTNEXTLINE(readability-function-size): Avahi's parameters */
static void on_resolve(AvahiServiceResolver *r, AvahiIfIndex interface, AvahiProtocol protocol,
		       AvahiResolverEvent event, const char *name, const char *type,
		       const char *domain, const char *host, const AvahiAddress *a, uint16_t port,
		       AvahiStringList *txt, AvahiLookupResultFlags flags, void *ctx)
{
	(void)r;
	(void)interface;
	(void)protocol;
	(void)name;
	(void)type;
	(void)domain;
	(void)a;
	(void)flags;
	fl_mdns_resolved_list(ctx, event, host, port, txt);
}

static bool resolve(struct fl_mdns *m, struct fl_mdns_entry *e)
{
	const struct client *c = m->link;

	e->resolver = fl_avahi.service_resolver_new(
		c->avahi, (AvahiIfIndex)e->interface, fl_mdns_protocol(e), e->instance, m->cfg.type,
		NULL, fl_mdns_protocol(e), AVAHI_LOOKUP_NO_ADDRESS, on_resolve, e);
	return e->resolver != NULL;
}

/* NOLINTNEXTLINE(readability-function-size): Avahi's parameters */
static void on_address(AvahiRecordBrowser *b, AvahiIfIndex interface, AvahiProtocol protocol,
		       AvahiBrowserEvent event, const char *name, uint16_t class, uint16_t type,
		       const void *rdata, size_t size, AvahiLookupResultFlags flags, void *ctx)
{
	struct fl_mdns_entry *e = ctx;
	struct fl_ip ip = { .family = e->ipv6 ? FL_IP_V6 : FL_IP_V4 };

	(void)b;
	(void)interface;
	(void)protocol;
	(void)name;
	(void)class;
	(void)type;
	(void)flags;
	if (event != AVAHI_BROWSER_NEW && event != AVAHI_BROWSER_REMOVE)
		return;
	if (size != fl_ip_width(&ip) / 8u)
		return;
	memcpy(ip.b, rdata, size);
	fl_mdns_address(e, &ip, event == AVAHI_BROWSER_REMOVE);
}

static bool ask_addresses(struct fl_mdns *m, struct fl_mdns_entry *e)
{
	const struct client *c = m->link;

	e->addresses = fl_avahi.record_browser_new(c->avahi, (AvahiIfIndex)e->interface,
						   fl_mdns_protocol(e), e->host, AVAHI_DNS_CLASS_IN,
						   e->ipv6 ? AVAHI_DNS_TYPE_AAAA : AVAHI_DNS_TYPE_A,
						   AVAHI_LOOKUP_USE_MULTICAST, on_address, e);
	return e->addresses != NULL;
}

static void stop_addresses(struct fl_mdns_entry *e)
{
	if (e->addresses != NULL)
		fl_avahi.record_browser_free(e->addresses);
	e->addresses = NULL;
}

static void stop(struct fl_mdns_entry *e)
{
	stop_addresses(e);
	if (e->resolver != NULL)
		fl_avahi.service_resolver_free(e->resolver);
	e->resolver = NULL;
}

const struct fl_mdns_ops fl_mdns_client = {
	.kind = FL_MDNS_AVAHI,
	.open = open_client,
	.browse = browse,
	.close = close_client,
	.health = health,
	.why = why,
	.next_label = fl_mdns_next_label,
	.publish = publish,
	.published = published,
	.update = update,
	.withdraw = withdraw,
	.resolve = resolve,
	.ask_addresses = ask_addresses,
	.stop_addresses = stop_addresses,
	.stop = stop,
};
