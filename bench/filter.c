/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/filter.c - see filter.h. */
#include "filter.h"

#include "js.h"
#include "util.h"

void filter_done(struct filter *f)
{
	fl_ipset_done(&f->from);
	f->any = false;
}

/* "a", "a/len" or "a-b". */
static bool read_range(struct fl_slice text, struct fl_range *out)
{
	const uint8_t *dash = text.len ? memchr(text.ptr, '-', text.len) : NULL;
	struct fl_prefix p;
	if (dash) {
		size_t at = (size_t)(dash - text.ptr);
		return fl_ip_parse(fl_slice_of(text.ptr, at), &out->first) == FL_OK &&
		       fl_ip_parse(fl_slice_skip(text, at + 1), &out->last) == FL_OK &&
		       out->first.family == out->last.family &&
		       fl_ip_cmp(&out->first, &out->last) <= 0;
	}
	if (fl_ip_parse(text, &out->first) == FL_OK) {
		out->last = out->first;
		return true;
	}
	if (fl_prefix_parse(text, &p) != FL_OK)
		return false;
	*out = fl_range_of(&p);
	return true;
}

/* {"First":0,"Last":65535} */
static bool all_ports(struct fl_slice object)
{
	struct js j = js_over(object);
	struct fl_slice key;
	int64_t first = -1, last = -1;
	if (js_enter(&j, '{'))
		while (js_key(&j, &key)) {
			int64_t n = js_int(js_value(&j));
			if (fl_slice_is(key, "First"))
				first = n;
			else if (fl_slice_is(key, "Last"))
				last = n;
		}
	return first == 0 && last == 65535;
}

static bool holds(struct fl_slice text, const struct fl_ip *own)
{
	struct fl_range r, host;
	struct fl_prefix p = fl_prefix_host(own);
	if (fl_slice_is(text, "*"))
		return true;
	host = fl_range_of(&p);
	return read_range(text, &r) && fl_range_covers(&r, &host);
}

static bool opens(struct fl_slice targets, const struct fl_ip *own)
{
	struct js j = js_over(targets), o;
	struct fl_slice key;
	bool any = false;
	if (!js_enter(&j, '['))
		return false;
	while (js_item(&j)) {
		bool ip = false, ports = false;
		o = js_over(js_value(&j));
		if (js_enter(&o, '{'))
			while (js_key(&o, &key)) {
				struct fl_slice value = js_value(&o);
				if (fl_slice_is(key, "IP"))
					ip = holds(js_text(value), own);
				else if (fl_slice_is(key, "Ports"))
					ports = all_ports(value);
			}
		any |= ip && ports;
	}
	return any;
}

static void add_sources(struct filter *f, struct fl_slice list)
{
	struct js j = js_over(list);
	struct fl_range r;
	if (!js_enter(&j, '['))
		return;
	while (js_item(&j)) {
		struct fl_slice text = js_text(js_value(&j));
		if (fl_slice_is(text, "*"))
			f->any = true;
		else if (!read_range(text, &r))
			bench_die("a filter has the source '%.*s'", (int)text.len,
				  (const char *)text.ptr);
		else if (fl_ipset_add(&f->from, &r) != FL_OK)
			bench_die("out of memory");
	}
}

static void add_rules(struct filter *f, struct fl_slice rules, const struct fl_ip *own)
{
	struct js j = js_over(rules), o;
	struct fl_slice key;
	if (!js_enter(&j, '['))
		return;
	while (js_item(&j)) {
		struct fl_slice sources = { 0 }, targets = { 0 };
		o = js_over(js_value(&j));
		if (js_enter(&o, '{'))
			while (js_key(&o, &key)) {
				struct fl_slice value = js_value(&o);
				if (fl_slice_is(key, "SrcIPs"))
					sources = value;
				else if (fl_slice_is(key, "DstPorts"))
					targets = value;
			}
		if (targets.len > 0 && opens(targets, own))
			add_sources(f, sources);
	}
}

void filter_read(struct filter *f, struct fl_slice rules, const struct fl_ip *own)
{
	filter_done(f);
	add_rules(f, rules, own);
}

void filter_read_named(struct filter *f, struct fl_slice lists, const struct fl_ip *own)
{
	struct js j = js_over(lists);
	struct fl_slice key;
	filter_done(f);
	if (js_enter(&j, '{'))
		while (js_key(&j, &key))
			add_rules(f, js_value(&j), own);
}

bool filter_admits(const struct filter *f, const struct fl_ip *source)
{
	return f->any || fl_ipset_has(&f->from, source);
}
