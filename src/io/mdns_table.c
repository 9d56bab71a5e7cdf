/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mdns_table.c - the entries, by key in a map and by change in a list. */
#include "io/mdns_table.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_MAX_BYTES = 255, /* of a domain name (RFC 1035 2.3.4), also as an instance's label */
	KEY_MAX = NAME_MAX_BYTES + 16,
	STRING_MAX = 255, /* the length before a string is one byte */
	TXT_MAX = 1300,   /* RFC 6763 6.2: what fits into one packet */
};

/* Interface and protocol have no blanks, so that no label can pass for a longer key. */
static bool make_key(char out[static KEY_MAX], const char *instance, uint32_t interface, bool ipv6)
{
	int n = snprintf(out, KEY_MAX, "%u %c %s", (unsigned)interface, ipv6 ? '6' : '4', instance);
	return n > 0 && n < KEY_MAX;
}

static struct fl_mdns_entry *free_entry(struct fl_mdns_entry *e)
{
	if (e == NULL)
		return NULL;
	free(e->key);
	free(e->host);
	free(e->txt);
	free(e);
	return NULL;
}

void fl_mdns_table_init(struct fl_mdns_table *t, const uint8_t seed[16])
{
	*t = (struct fl_mdns_table){ 0 };
	fl_map_init(&t->entries, 0, seed);
	fl_list_init(&t->changed);
}

void fl_mdns_table_done(struct fl_mdns_table *t)
{
	struct fl_mdns_entry *e;

	t->last = free_entry(t->last);
	for (size_t at = 0; (e = fl_map_next(&t->entries, &at)) != NULL;) {
		fl_list_del(&e->changed);
		free_entry(e);
	}
	fl_map_done(&t->entries);
	for (struct fl_list *it; (it = fl_list_pop(&t->changed)) != NULL;)
		free_entry(fl_list_entry(it, struct fl_mdns_entry, changed));
}

static void mark(struct fl_mdns_table *t, struct fl_mdns_entry *e)
{
	if (!fl_list_linked(&e->changed))
		fl_list_push(&t->changed, &e->changed);
}

static bool is_visible(const struct fl_mdns_entry *e)
{
	return !e->gone && e->host != NULL && e->port != 0 && e->addrs_count > 0;
}

static struct fl_mdns_entry *new_entry(const char *key)
{
	struct fl_mdns_entry *e = calloc(1, sizeof *e);

	if (e == NULL)
		return NULL;
	e->key = fl_str_dup(fl_slice_str(key));
	if (e->key == NULL)
		return free_entry(e);
	fl_list_init(&e->changed);
	fl_list_init(&e->queue);
	return e;
}

struct fl_mdns_entry *fl_mdns_table_add(struct fl_mdns_table *t, const char *instance,
					uint32_t interface, bool ipv6)
{
	char key[KEY_MAX];
	struct fl_mdns_entry *e = NULL;

	if (t->entries.len < FL_MDNS_SEEN_MAX && make_key(key, instance, interface, ipv6))
		e = new_entry(key);
	if (e == NULL || fl_map_put(&t->entries, e->key, e) != FL_OK) {
		t->dropped++;
		t->missed = true;
		return free_entry(e);
	}
	e->instance = e->key + strlen(e->key) - strlen(instance);
	e->interface = interface;
	e->ipv6 = ipv6;
	return e;
}

struct fl_mdns_entry *fl_mdns_table_find(const struct fl_mdns_table *t, const char *instance,
					 uint32_t interface, bool ipv6)
{
	char key[KEY_MAX];

	return make_key(key, instance, interface, ipv6) ? fl_map_find(&t->entries, key) : NULL;
}

void fl_mdns_table_remove(struct fl_mdns_table *t, struct fl_mdns_entry *e)
{
	fl_map_take(&t->entries, e->key);
	fl_list_del(&e->queue);
	e->gone = true;
	if (e->told) {
		mark(t, e);
		return;
	}
	fl_list_del(&e->changed);
	free_entry(e);
}

bool fl_mdns_txt_fits(const struct fl_slice *txt, size_t count)
{
	size_t sum = 0;

	if (count > FL_MDNS_TXT_STRINGS_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (txt[i].len > STRING_MAX)
			return false;
		sum += 1 + txt[i].len;
	}
	return sum <= TXT_MAX;
}

static bool same(const struct fl_mdns_entry *e, const char *host, uint16_t port,
		 const struct fl_slice *txt, size_t txt_count)
{
	if (e->host == NULL || strcmp(e->host, host) != 0 || e->port != port ||
	    e->txt_count != txt_count)
		return false;
	for (size_t i = 0; i < txt_count; i++)
		if (!fl_slice_eq(e->txt[i], txt[i]))
			return false;
	return true;
}

/* The strings lie behind the host in one piece of memory. */
static bool store(struct fl_mdns_entry *e, const char *host, const struct fl_slice *txt,
		  size_t txt_count)
{
	size_t size = strlen(host) + 1;
	for (size_t i = 0; i < txt_count; i++)
		size += txt[i].len;

	char *text = malloc(size);
	struct fl_slice *slices = calloc(txt_count + 1, sizeof *slices);
	if (text == NULL || slices == NULL) {
		free(text);
		free(slices);
		return false;
	}
	memcpy(text, host, strlen(host) + 1);
	char *at = text + strlen(host) + 1;
	for (size_t i = 0; i < txt_count; i++) {
		if (txt[i].len > 0)
			memcpy(at, txt[i].ptr, txt[i].len);
		slices[i] = fl_slice_of(at, txt[i].len);
		at += txt[i].len;
	}
	free(e->host);
	free(e->txt);
	e->host = text;
	e->txt = slices;
	e->txt_count = txt_count;
	return true;
}

static void forget(struct fl_mdns_entry *e)
{
	free(e->host);
	free(e->txt);
	e->host = NULL;
	e->txt = NULL;
	e->txt_count = e->addrs_count = 0;
}

void fl_mdns_table_hide(struct fl_mdns_table *t, struct fl_mdns_entry *e)
{
	forget(e);
	mark(t, e);
}

enum fl_err fl_mdns_table_set(struct fl_mdns_table *t, struct fl_mdns_entry *e, const char *host,
			      uint16_t port, const struct fl_slice *txt, size_t txt_count)
{
	if (same(e, host, port, txt, txt_count))
		return FL_OK;

	bool fits = strlen(host) <= NAME_MAX_BYTES && fl_mdns_txt_fits(txt, txt_count);
	bool moved = e->host == NULL || strcmp(e->host, host) != 0;
	if (!fits || !store(e, host, txt, txt_count)) {
		fl_mdns_table_hide(t, e);
		t->dropped++;
		return fits ? FL_ERR_NOMEM : FL_ERR_TOO_BIG;
	}
	e->port = port;
	if (moved)
		e->addrs_count = 0;
	mark(t, e);
	return FL_OK;
}

/* The order to dial in: link-local ones, which need the interface with them, are last. */
static int order(const struct fl_ip *a, const struct fl_ip *b)
{
	int la = fl_ip_is_link_local(a), lb = fl_ip_is_link_local(b);
	return la != lb ? la - lb : fl_ip_cmp(a, b);
}

/* 0.0.0.0 or ::, which a dial would take for this host. */
static bool is_unspecified(const struct fl_ip *addr)
{
	const struct fl_ip any = { .family = addr->family };

	return fl_ip_eq(addr, &any);
}

void fl_mdns_table_addr_add(struct fl_mdns_table *t, struct fl_mdns_entry *e,
			    const struct fl_ip *addr)
{
	size_t at = 0;

	if (is_unspecified(addr))
		return;
	while (at < e->addrs_count && order(&e->addrs[at], addr) < 0)
		at++;
	if (at < e->addrs_count && fl_ip_eq(&e->addrs[at], addr))
		return;
	if (e->addrs_count == FL_MDNS_ADDRS_MAX) {
		t->dropped++;
		return;
	}
	memmove(&e->addrs[at + 1], &e->addrs[at], (e->addrs_count - at) * sizeof *addr);
	e->addrs[at] = *addr;
	e->addrs_count++;
	mark(t, e);
}

void fl_mdns_table_addr_del(struct fl_mdns_table *t, struct fl_mdns_entry *e,
			    const struct fl_ip *addr)
{
	for (size_t i = 0; i < e->addrs_count; i++) {
		if (!fl_ip_eq(&e->addrs[i], addr))
			continue;
		e->addrs_count--;
		memmove(&e->addrs[i], &e->addrs[i + 1], (e->addrs_count - i) * sizeof *addr);
		mark(t, e);
		return;
	}
}

bool fl_mdns_table_next(struct fl_mdns_table *t, struct fl_mdns_seen *out, bool *out_gone)
{
	struct fl_list *it;

	t->last = free_entry(t->last);
	while ((it = fl_list_pop(&t->changed)) != NULL) {
		struct fl_mdns_entry *e = fl_list_entry(it, struct fl_mdns_entry, changed);
		bool visible = is_visible(e), tell = visible || e->told;

		e->told = visible;
		if (e->gone)
			t->last = e;
		if (!tell)
			continue;
		*out = (struct fl_mdns_seen){
			.instance = e->instance,
			.host = e->host != NULL ? e->host : "",
			.port = e->port,
			.interface = e->interface,
			.ipv6 = e->ipv6,
			.addrs = e->addrs,
			.addrs_count = e->addrs_count,
			.txt = e->txt,
			.txt_count = e->txt_count,
		};
		*out_gone = !visible;
		return true;
	}
	return false;
}

/* IPv4 before IPv6, link-local IPv4 last; link-local IPv6 says nothing without its interface. */
static int usefulness(const struct fl_ip *ip)
{
	if (!fl_ip_is_link_local(ip))
		return ip->family == FL_IP_V4 ? 3 : 2;
	return ip->family == FL_IP_V4 ? 1 : 0;
}

enum fl_err fl_mdns_table_lookup(const struct fl_mdns_table *t, const char *host, struct fl_ip *out)
{
	struct fl_slice wanted = fl_slice_str(host);
	const struct fl_mdns_entry *e;
	const struct fl_ip *best = NULL;

	if (wanted.len > 0 && host[wanted.len - 1] == '.')
		wanted.len--;
	for (size_t at = 0; (e = fl_map_next(&t->entries, &at)) != NULL;) {
		if (!is_visible(e) || !fl_str_ieq(fl_slice_str(e->host), wanted))
			continue;
		const struct fl_ip *ip = &e->addrs[0];
		if (usefulness(ip) > (best != NULL ? usefulness(best) : 0))
			best = ip;
	}
	if (best == NULL)
		return FL_ERR_NOT_FOUND;
	*out = *best;
	return FL_OK;
}
