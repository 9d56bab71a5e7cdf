/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/visible.c - which devices are seen in the network, and where one is dialled.
 */
#include "domain/devices/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int by_ski(const void *a, const void *b)
{
	const struct fl_device_entry *x = a, *y = b;

	return memcmp(x->txt.ski.b, y->txt.ski.b, sizeof x->txt.ski.b);
}

const struct fl_device_entry *fl_dev_seen(const struct fl_devices *d, const struct fl_ski *ski)
{
	size_t low = 0, high = d->seen_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = memcmp(d->seen[mid].txt.ski.b, ski->b, sizeof ski->b);
		if (order == 0)
			return &d->seen[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct fl_device_entry *fl_devices_visible_at(const struct fl_devices *d, size_t i)
{
	return i < d->seen_count ? &d->seen[i] : NULL;
}

/* Ourselves out, one of a kind, the limit kept. Gives how many are left. */
static size_t copy_entries(const struct fl_devices *d, const struct fl_device_entry *all,
			   size_t count, struct fl_device_entry *out)
{
	size_t kept = 0;

	for (size_t i = 0; i < count && kept < FL_DEVICES_VISIBLE_MAX; i++) {
		if (memcmp(all[i].txt.ski.b, d->cfg.own.b, sizeof d->cfg.own.b) == 0)
			continue;
		out[kept] = all[i];
		if (out[kept].addrs_count > FL_DEVICES_ADDRS_MAX)
			out[kept].addrs_count = FL_DEVICES_ADDRS_MAX;
		kept++;
	}
	if (kept == 0)
		return 0;
	qsort(out, kept, sizeof *out, by_ski);
	size_t last = 0;
	for (size_t i = 1; i < kept; i++)
		if (by_ski(&out[last], &out[i]) != 0)
			out[++last] = out[i];
	return last + 1;
}

static void tell_visible(struct fl_devices *d)
{
	static const struct fl_devices_effect what = { .kind = FL_DEVICES_TELL_VISIBLE };

	if (!d->visible_waits)
		d->visible_waits = fl_dev_emit(d, &what) == FL_OK;
}

enum fl_err fl_devices_visible(struct fl_devices *d, fl_time now, const struct fl_device_entry *all,
			       size_t count)
{
	struct fl_device_entry *seen = NULL;
	size_t kept = 0;

	if (fl_devices_is_ending(d))
		return FL_OK;
	if (count > 0) {
		size_t room = count < FL_DEVICES_VISIBLE_MAX ? count : FL_DEVICES_VISIBLE_MAX;
		seen = calloc(room, sizeof *seen);
		if (seen == NULL)
			return FL_ERR_NOMEM;
		kept = copy_entries(d, all, count, seen);
	}
	bool changed = kept != d->seen_count ||
		       (kept > 0 && memcmp(seen, d->seen, kept * sizeof *seen) != 0);
	free(d->seen);
	d->seen = seen;
	d->seen_count = kept;
	if (changed)
		tell_visible(d);
	for (size_t i = 0; i < d->count;) {
		struct fl_dev *v = d->at[i];
		fl_dev_limit_apply(d, now, v);
		if (v->record.trusted)
			fl_dev_attempt_consider(d, now, v);
		if (v->record.trusted || v->allow != 0)
			fl_dev_settle(d, now, v);
		i += i < d->count && d->at[i] == v; /* a stranger may be forgotten */
	}
	return FL_OK;
}

static void fixed_place(const struct fl_device_record *r, struct fl_device_entry *out)
{
	*out = (struct fl_device_entry){ .port = r->fixed_port };
	out->txt.ski = r->ski;
	fl_str_copy(out->txt.path, sizeof out->txt.path, fl_slice_str(r->fixed_path));
	fl_str_copy(out->txt.id, sizeof out->txt.id, fl_slice_str(r->ship_id));
	if (fl_ip_parse(fl_slice_str(r->fixed_host), &out->addrs[0].ip) == FL_OK)
		out->addrs_count = 1;
	else
		fl_str_copy(out->host, sizeof out->host, fl_slice_str(r->fixed_host));
}

bool fl_dev_place(const struct fl_devices *d, const struct fl_dev *v, struct fl_device_entry *out)
{
	if (v->record.fixed_host[0] != '\0') {
		fixed_place(&v->record, out);
		return true;
	}
	const struct fl_device_entry *seen = fl_dev_seen(d, &v->record.ski);
	if (seen != NULL)
		*out = *seen;
	return seen != NULL;
}
