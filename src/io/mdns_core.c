/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mdns_core.c - mDNS by Avahi's core in this process. */
#include "io/mdns_convert.h"
#include "io/mdns_poll.h"

#include <stdlib.h>
#include <string.h>

struct core {
	AvahiPoll poll;
	AvahiServer *server;
	AvahiSServiceBrowser *browser;
	AvahiSEntryGroup *group; /* NULL: nothing was announced yet */
	unsigned clashes;        /* of the host's label */
};

static const char *why(struct fl_mdns *m)
{
	const struct core *c = m->link;
	return fl_avahi.strerror(fl_avahi.server_errno(c->server));
}

static void on_server(AvahiServer *s, AvahiServerState state, void *ctx)
{
	(void)s;
	(void)state;
	fl_mdns_poke(ctx);
}

static void on_group(AvahiServer *s, AvahiSEntryGroup *g, AvahiEntryGroupState state, void *ctx)
{
	(void)s;
	(void)g;
	(void)state;
	fl_mdns_poke(ctx);
}

/* NOLINTNEXTLINE(readability-function-size): Avahi's parameters */
static void on_browse(AvahiSServiceBrowser *b, AvahiIfIndex interface, AvahiProtocol protocol,
		      AvahiBrowserEvent event, const char *name, const char *type,
		      const char *domain, AvahiLookupResultFlags flags, void *ctx)
{
	(void)b;
	(void)type;
	(void)domain;
	(void)flags;
	fl_mdns_browsed(ctx, event, name, interface, protocol);
}

/* ---- life ---- */

static AvahiStringList *list_of(const struct fl_strlist *names)
{
	AvahiStringList *list = NULL;

	for (size_t i = 0; i < names->len; i++)
		list = fl_avahi.string_list_add(list, names->at[i]);
	return list;
}

/* Addresses and nothing else of this host, each on the interface it belongs to. */
static void configure(const struct fl_mdns *m, AvahiServerConfig *c)
{
	fl_avahi.server_config_init(c);
	if (m->cfg.host != NULL) {
		fl_avahi.free(c->host_name);
		c->host_name = fl_avahi.strdup(m->cfg.host);
	}
	if (m->interfaces.allow)
		c->allow_interfaces = list_of(&m->interfaces.names);
	else
		c->deny_interfaces = list_of(&m->interfaces.names);
	c->allow_point_to_point = m->interfaces.allow;
	c->use_ipv4 = c->use_ipv6 = 1;
	c->use_iff_running = 1; /* a cable that is pulled takes away what was heard through it */
	c->publish_hinfo = c->publish_workstation = c->publish_domain = 0;
	c->enable_wide_area = 0;
}

static void close_core(struct fl_mdns *m)
{
	struct core *c = m->link;

	if (c == NULL)
		return;
	if (c->server != NULL)
		fl_avahi.server_free(c->server);
	free(c);
	m->link = NULL;
}

static enum fl_err refused(const struct fl_mdns *m, int error, struct fl_fault *fault)
{
	switch (error) {
	case AVAHI_ERR_NO_MEMORY:
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	case AVAHI_ERR_INVALID_HOST_NAME:
		return fl_fault_set(fault, FL_ERR_INVALID, "%s is no label of a host for mDNS",
				    m->cfg.host != NULL ? m->cfg.host : "the host's name");
	case AVAHI_ERR_INVALID_SERVICE_TYPE:
		return fl_fault_set(fault, FL_ERR_INVALID, "%s is no type of a service for mDNS",
				    m->cfg.type);
	case AVAHI_ERR_NO_NETWORK:
		return fl_fault_set(fault, FL_ERR_IO,
				    "UDP port 5353 cannot be opened for mDNS: another program has "
				    "it for itself, or the network is not usable (a container "
				    "needs that of its host)");
	default:
		return fl_fault_set(fault, FL_ERR_IO, "mDNS cannot be started: %s",
				    fl_avahi.strerror(error));
	}
}

static bool browse(struct fl_mdns *m)
{
	struct core *c = m->link;

	if (c->browser != NULL)
		fl_avahi.s_service_browser_free(c->browser);
	c->browser = fl_avahi.s_service_browser_new(c->server, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC,
						    m->cfg.type, NULL, (AvahiLookupFlags)0,
						    on_browse, m);
	return c->browser != NULL;
}

static enum fl_err open_core(struct fl_mdns *m, struct fl_fault *fault)
{
	enum fl_err err = fl_avahi_load_core(fault);
	if (err != FL_OK)
		return err;

	struct core *c = calloc(1, sizeof *c);
	if (c == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	c->poll = fl_mdns_poll(m->loop);
	m->link = c;

	int error = AVAHI_OK;
	AvahiServerConfig config;
	configure(m, &config);
	c->server = fl_avahi.server_new(&c->poll, &config, on_server, m, &error);
	fl_avahi.server_config_free(&config);
	if (c->server != NULL && !browse(m))
		error = fl_avahi.server_errno(c->server);
	if (error == AVAHI_OK)
		return FL_OK;
	err = refused(m, error, fault);
	close_core(m);
	return err;
}

/* The host's label is another's. */
static void rename_host(struct fl_mdns *m, struct core *c)
{
	char *label = fl_mdns_other_label(m, fl_avahi.server_get_host_name(c->server),
					  fl_avahi.alternative_host_name, &c->clashes);

	if (label != NULL)
		(void)fl_avahi.server_set_host_name(c->server, label);
	fl_avahi.free(label);
}

static enum fl_mdns_health health(struct fl_mdns *m)
{
	struct core *c = m->link;

	if (m->failed)
		return FL_MDNS_FAILED;
	switch (fl_avahi.server_get_state(c->server)) {
	case AVAHI_SERVER_RUNNING:
		return FL_MDNS_RUNNING;
	case AVAHI_SERVER_FAILURE:
		return FL_MDNS_FAILED;
	case AVAHI_SERVER_COLLISION:
		rename_host(m, c);
		break;
	case AVAHI_SERVER_REGISTERING:
	case AVAHI_SERVER_INVALID:
		break;
	}
	return FL_MDNS_STARTING;
}

/* ---- announcement ---- */

static enum fl_mdns_publication publish(struct fl_mdns *m)
{
	struct core *c = m->link;

	if (c->group == NULL)
		c->group = fl_avahi.s_entry_group_new(c->server, on_group, m);
	if (c->group == NULL)
		return FL_MDNS_REFUSED;

	AvahiStringList *txt = fl_mdns_txt_list(m);
	int rc = fl_avahi.server_add_service_strlst(
		c->server, c->group, AVAHI_IF_UNSPEC, AVAHI_PROTO_UNSPEC, (AvahiPublishFlags)0,
		m->label, m->cfg.type, NULL, NULL, m->cfg.port, txt);
	fl_avahi.string_list_free(txt);
	if (rc == AVAHI_OK)
		rc = fl_avahi.s_entry_group_commit(c->group);
	return fl_mdns_group_error(rc);
}

static enum fl_mdns_publication published(struct fl_mdns *m)
{
	const struct core *c = m->link;
	return fl_mdns_group_state(fl_avahi.s_entry_group_get_state(c->group));
}

static bool update(struct fl_mdns *m)
{
	const struct core *c = m->link;
	AvahiStringList *txt = fl_mdns_txt_list(m);
	int rc = fl_avahi.server_update_service_txt_strlst(c->server, c->group, AVAHI_IF_UNSPEC,
							   AVAHI_PROTO_UNSPEC, (AvahiPublishFlags)0,
							   m->label, m->cfg.type, NULL, txt);

	fl_avahi.string_list_free(txt);
	return rc == AVAHI_OK;
}

static void withdraw(struct fl_mdns *m)
{
	const struct core *c = m->link;

	if (c->group != NULL)
		fl_avahi.s_entry_group_reset(c->group);
}

/* ---- entries ---- */

/* NOLINTNEXTLINE(readability-function-size): Avahi's parameters */
static void on_resolve(AvahiSServiceResolver *r, AvahiIfIndex interface, AvahiProtocol protocol,
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
	const struct core *c = m->link;

	e->resolver = fl_avahi.s_service_resolver_new(
		c->server, (AvahiIfIndex)e->interface, fl_mdns_protocol(e), e->instance,
		m->cfg.type, NULL, fl_mdns_protocol(e), AVAHI_LOOKUP_NO_ADDRESS, on_resolve, e);
	return e->resolver != NULL;
}

/* NOLINTNEXTLINE(readability-function-size): Avahi's parameters */
static void on_address(AvahiSRecordBrowser *b, AvahiIfIndex interface, AvahiProtocol protocol,
		       AvahiBrowserEvent event, AvahiRecord *record, AvahiLookupResultFlags flags,
		       void *ctx)
{
	struct fl_mdns_entry *e = ctx;
	struct fl_ip ip = { .family = e->ipv6 ? FL_IP_V6 : FL_IP_V4 };

	(void)b;
	(void)interface;
	(void)protocol;
	(void)flags;
	if (event != AVAHI_BROWSER_NEW && event != AVAHI_BROWSER_REMOVE)
		return;
	if (e->ipv6)
		memcpy(ip.b, record->data.aaaa.address.address, 16);
	else
		memcpy(ip.b, &record->data.a.address.address, 4);
	fl_mdns_address(e, &ip, event == AVAHI_BROWSER_REMOVE);
}

static bool ask_addresses(struct fl_mdns *m, struct fl_mdns_entry *e)
{
	const struct core *c = m->link;
	AvahiKey *key = fl_avahi.key_new(e->host, AVAHI_DNS_CLASS_IN,
					 e->ipv6 ? AVAHI_DNS_TYPE_AAAA : AVAHI_DNS_TYPE_A);

	if (key == NULL)
		return false;
	e->addresses = fl_avahi.s_record_browser_new(c->server, (AvahiIfIndex)e->interface,
						     fl_mdns_protocol(e), key,
						     AVAHI_LOOKUP_USE_MULTICAST, on_address, e);
	fl_avahi.key_unref(key);
	return e->addresses != NULL;
}

static void stop_addresses(struct fl_mdns_entry *e)
{
	if (e->addresses != NULL)
		fl_avahi.s_record_browser_free(e->addresses);
	e->addresses = NULL;
}

static void stop(struct fl_mdns_entry *e)
{
	stop_addresses(e);
	if (e->resolver != NULL)
		fl_avahi.s_service_resolver_free(e->resolver);
	e->resolver = NULL;
}

const struct fl_mdns_ops fl_mdns_core = {
	.kind = FL_MDNS_EMBEDDED,
	.open = open_core,
	.browse = browse,
	.close = close_core,
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
