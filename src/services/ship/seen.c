/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/seen.c - what mDNS hears, merged into one entry for each device.
 *
 * A device is heard on every interface and over both protocols, and each of these may go by itself:
 * the device is gone when the last one is. Addresses add up; what else the sights differ in is
 * taken from the latest.
 */
#include "services/ship/hub_impl.h"

#include "base/log.h"
#include "base/text.h"

#include <stdlib.h>

/* ---- sights ---- */

static struct fl_ship_sight *find(const struct fl_ship_hub *h, const struct fl_mdns_seen *s)
{
	fl_list_each(it, &h->sights)
	{
		struct fl_ship_sight *t = fl_list_entry(it, struct fl_ship_sight, in);
		if (t->interface == s->interface && t->ipv6 == s->ipv6 &&
		    strcmp(t->instance, s->instance) == 0)
			return t;
	}
	return NULL;
}

static void forget(struct fl_ship_hub *h, struct fl_ship_sight *t)
{
	fl_list_del(&t->in);
	h->sights_count--;
	free(t);
}

static struct fl_ship_sight *add(struct fl_ship_hub *h, const struct fl_mdns_seen *s)
{
	struct fl_ship_sight *t = h->sights_count < FL_MDNS_SEEN_MAX ? calloc(1, sizeof *t) : NULL;

	if (t == NULL)
		return NULL;
	t->interface = s->interface;
	t->ipv6 = s->ipv6;
	fl_str_copy(t->instance, sizeof t->instance, fl_slice_str(s->instance));
	fl_list_push(&h->sights, &t->in);
	h->sights_count++;
	return t;
}

/* A record that cannot be read is told of once: it is repeated every few minutes. */
static void read_txt(struct fl_ship_hub *h, struct fl_ship_sight *t, const struct fl_mdns_seen *s)
{
	struct fl_fault why = { "" };
	bool was_bad = t->bad;

	t->bad = fl_ship_txt_parse(s->txt, s->txt_count, &why, &t->txt) != FL_OK;
	if (!t->bad || was_bad)
		return;
	h->counts.bad_announcements++;
	fl_log_info("an announcement is ignored", FL_LS("instance", s->instance),
		    FL_LS("why", why.text));
}

static void note(struct fl_ship_hub *h, struct fl_ship_sight *t, const struct fl_mdns_seen *s)
{
	read_txt(h, t, s);
	fl_str_copy(t->host, sizeof t->host, fl_slice_str(s->host));
	t->port = s->port;
	t->order = ++h->sights_order;
	t->addrs_count = 0;
	for (size_t i = 0; i < s->addrs_count && i < FL_MDNS_ADDRS_MAX; i++)
		t->addrs[t->addrs_count++] = s->addrs[i];
}

void fl_ship_seen(void *ctx, const struct fl_mdns_seen *s, bool gone)
{
	struct fl_ship_hub *h = ctx;
	struct fl_ship_sight *t = find(h, s);

	if (gone) {
		if (t == NULL)
			return;
		forget(h, t);
	} else {
		if (t == NULL)
			t = add(h, s);
		if (t == NULL)
			return;
		note(h, t, s);
	}
	fl_loop_defer(h->loop, &h->resight);
}

/* ---- one entry for each device ---- */

/* 0 to 2 in the order of dialling, 3: not at all. */
static unsigned class_of(const struct fl_ip *ip)
{
	static const struct fl_ip any4 = { .family = FL_IP_V4 }, any6 = { .family = FL_IP_V6 };

	if (!fl_ip_is_set(ip) || fl_ip_eq(ip, &any4) || fl_ip_eq(ip, &any6))
		return 3;
	if (fl_ip_is_link_local(ip))
		return 2;
	return ip->family == FL_IP_V4 ? 0 : 1;
}

static void add_addr(struct fl_device_entry *e, const struct fl_ip *ip, uint32_t interface)
{
	/* Without the interface nobody could tell where a link-local address of IPv6 is. */
	bool scoped = ip->family == FL_IP_V6 && fl_ip_is_link_local(ip);
	struct fl_device_addr a = { .ip = *ip, .scope = scoped ? interface : 0 };

	if (e->addrs_count == FL_DEVICES_ADDRS_MAX || (scoped && interface == 0))
		return;
	for (size_t i = 0; i < e->addrs_count; i++)
		if (fl_ip_eq(&e->addrs[i].ip, ip) && e->addrs[i].scope == a.scope)
			return;
	e->addrs[e->addrs_count++] = a;
}

static void add_addrs(struct fl_device_entry *e, struct fl_ship_sight *const *group, size_t len)
{
	for (unsigned class = 0; class < 3; class ++)
		for (size_t i = 0; i < len; i++)
			for (size_t k = 0; k < group[i]->addrs_count; k++)
				if (class_of(&group[i]->addrs[k]) == class)
					add_addr(e, &group[i]->addrs[k], group[i]->interface);
}

/* By SKI, the latest first. */
static int by_ski(const void *a, const void *b)
{
	const struct fl_ship_sight *x = *(struct fl_ship_sight *const *)a;
	const struct fl_ship_sight *y = *(struct fl_ship_sight *const *)b;
	int order = fl_ski_cmp(&x->txt.ski, &y->txt.ski);

	return order != 0 ? order : x->order > y->order ? -1 : x->order < y->order;
}

static size_t merge(struct fl_ship_sight *const *all, size_t len, struct fl_device_entry *out)
{
	size_t count = 0;

	for (size_t from = 0, to; from < len; from = to) {
		const struct fl_ship_sight *latest = all[from];
		for (to = from + 1;
		     to < len && fl_ski_cmp(&all[to]->txt.ski, &latest->txt.ski) == 0;)
			to++;
		struct fl_device_entry *e = &out[count++];
		*e = (struct fl_device_entry){ .txt = latest->txt, .port = latest->port };
		fl_str_copy(e->instance, sizeof e->instance, fl_slice_str(latest->instance));
		fl_str_copy(e->host, sizeof e->host, fl_slice_str(latest->host));
		add_addrs(e, all + from, to - from);
	}
	return count;
}

static size_t gather(const struct fl_ship_hub *h, struct fl_ship_sight **out)
{
	size_t len = 0;

	fl_list_each(it, &h->sights)
	{
		struct fl_ship_sight *t = fl_list_entry(it, struct fl_ship_sight, in);
		if (!t->bad && fl_ski_cmp(&t->txt.ski, fl_ship_hub_ski(h)) != 0)
			out[len++] = t;
	}
	qsort(out, len, sizeof(struct fl_ship_sight *), by_ski);
	return len;
}

/* Once a tick, however much was heard in it. */
static void on_resight(void *ctx)
{
	struct fl_ship_hub *h = ctx;
	struct fl_ship_sight **all = calloc(h->sights_count + 1, sizeof(struct fl_ship_sight *));
	struct fl_device_entry *entries = calloc(h->sights_count + 1, sizeof *entries);
	enum fl_err err = FL_ERR_NOMEM;

	if (all != NULL && entries != NULL) {
		size_t count = merge(all, gather(h, all), entries);
		err = fl_devices_visible(h->devices, fl_loop_now(h->loop), entries, count);
	}
	if (err != FL_OK)
		fl_log_warn("what is seen in the network is not up to date",
			    FL_LS("why", fl_err_text(err)));
	free(all);
	free(entries);
	fl_ship_pump(h);
}

void fl_ship_seen_init(struct fl_ship_hub *h)
{
	fl_list_init(&h->sights);
	h->resight = (struct fl_deferred){ .fn = on_resight, .ctx = h };
}

void fl_ship_seen_done(struct fl_ship_hub *h)
{
	fl_deferred_cancel(&h->resight);
	fl_list_each(it, &h->sights) forget(h, fl_list_entry(it, struct fl_ship_sight, in));
}
