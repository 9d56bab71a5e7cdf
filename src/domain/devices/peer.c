/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/peer.c - the records: one for each device that is wanted, connected or was here a
 * moment ago.
 */
#include "domain/devices/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/prim.h"

/* Where its record is, or would go. */
static size_t place_of(const struct fl_devices *d, const struct fl_ski *ski, bool *out_found)
{
	size_t low = 0, high = d->count;

	*out_found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = memcmp(d->at[mid]->record.ski.b, ski->b, sizeof ski->b);
		if (order == 0) {
			*out_found = true;
			return mid;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct fl_dev *fl_dev_find(const struct fl_devices *d, const struct fl_ski *ski)
{
	bool found;
	size_t i = place_of(d, ski, &found);

	return found ? d->at[i] : NULL;
}

void fl_dev_free(struct fl_devices *d, struct fl_dev *v)
{
	bool found;
	size_t i = place_of(d, &v->record.ski, &found);
	struct fl_list none;

	if (found) {
		memmove(&d->at[i], &d->at[i + 1], (d->count - i - 1) * sizeof(struct fl_dev *));
		d->count--;
	}
	fl_list_init(&none);
	fl_registry_forget(d->registry, &v->record.ski, &none);
	fl_wipe(v->pin, sizeof v->pin);
	free(v->gone);
	free(v);
}

bool fl_device_record_is_kept(const struct fl_device_record *r)
{
	return r->trusted || r->name[0] != '\0';
}

void fl_device_record_distrust(struct fl_device_record *r)
{
	r->trusted = r->has_pin_sha = false;
	r->fixed_host[0] = r->fixed_path[0] = '\0';
	r->fixed_port = 0;
	fl_wipe(r->key_pin, sizeof r->key_pin);
}

/* Until when it is remembered how often it came and how often it guessed. */
static fl_time remembered_until(const struct fl_dev *v)
{
	fl_time until = v->upgrades > 0 ? v->minute + FL_MIN : 0;

	return v->pin_busy_until > until ? v->pin_busy_until : until;
}

static bool is_idle(const struct fl_dev *v)
{
	return !fl_device_record_is_kept(&v->record) && fl_list_empty(&v->links) &&
	       v->attempt == FL_DEV_IDLE;
}

/* Whoever shows a list of devices takes it off. Without memory the word is lost. */
static void forget(struct fl_devices *d, struct fl_dev *v)
{
	const struct fl_devices_effect what = { .kind = FL_DEVICES_TELL_FORGOTTEN,
						.ski = v->record.ski };

	if (v->told_of && d->phase == FL_DEVICES_RUNNING) {
		enum fl_err lost = fl_dev_emit(d, &what);
		(void)lost;
	}
	fl_dev_free(d, v);
}

/* Of the strangers who were here a moment ago the first to have come makes room. */
static bool make_room(struct fl_devices *d)
{
	struct fl_dev *oldest = NULL;

	for (size_t i = 0; i < d->count; i++)
		if (is_idle(d->at[i]) && (oldest == NULL || d->at[i]->minute < oldest->minute))
			oldest = d->at[i];
	if (oldest != NULL)
		forget(d, oldest);
	return oldest != NULL;
}

static enum fl_err grow(struct fl_devices *d)
{
	if (d->count < d->cap)
		return FL_OK;
	size_t cap = d->cap > 0 ? 2 * d->cap : 8;
	struct fl_dev **at = realloc(d->at, cap * sizeof(struct fl_dev *));
	if (at == NULL)
		return FL_ERR_NOMEM;
	d->at = at;
	d->cap = cap;
	return FL_OK;
}

enum fl_err fl_dev_find_or_add(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
			       struct fl_dev **out)
{
	bool found;
	size_t i = place_of(d, ski, &found);

	if (found) {
		*out = d->at[i];
		return FL_OK;
	}
	if (d->count >= FL_DEVICES_PEERS_MAX && !make_room(d))
		return FL_ERR_FULL;
	struct fl_dev *v = calloc(1, sizeof *v);
	if (v == NULL || grow(d) != FL_OK) {
		free(v);
		return FL_ERR_NOMEM;
	}
	v->record.ski = *ski;
	v->allow = fl_dev_limit_of(d, ski);
	v->minute = now;
	v->due = FL_NEVER;
	fl_list_init(&v->links);
	i = place_of(d, ski, &found);
	memmove(&d->at[i + 1], &d->at[i], (d->count - i) * sizeof(struct fl_dev *));
	d->at[i] = v;
	d->count++;
	*out = v;
	return FL_OK;
}

static fl_time earlier(fl_time a, fl_time b)
{
	return a < b ? a : b;
}

static fl_time next_due(const struct fl_dev *v)
{
	fl_time due = v->attempt == FL_DEV_DELAYED ? v->dial_at : FL_NEVER;

	if (v->parked != NULL)
		due = earlier(due, v->parked->parked_until);
	if (v->succession != 0)
		due = earlier(due, v->succession);
	fl_list_each(it, &v->links)
	{
		struct fl_dev_link *l = fl_list_entry(it, struct fl_dev_link, among);
		due = earlier(due, fl_ship_conn_deadline(l->machine));
	}
	return is_idle(v) ? earlier(due, remembered_until(v)) : due;
}

void fl_dev_settle(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	if (is_idle(v) && remembered_until(v) <= now) {
		forget(d, v);
		return;
	}
	v->due = next_due(v);
	d->due = earlier(d->due, v->due);
}

enum fl_err fl_dev_persist(struct fl_devices *d, const struct fl_dev *v)
{
	const struct fl_devices_effect what = { .kind = FL_DEVICES_DO_PERSIST,
						.ski = v->record.ski,
						.record = &v->record };
	return fl_dev_emit(d, &what);
}

enum fl_err fl_dev_set_trust(struct fl_devices *d, struct fl_dev *v, bool trusted)
{
	if (v->record.trusted == trusted)
		return FL_OK;
	struct fl_dev_effect *told = fl_dev_effect_new();
	if (told == NULL)
		return FL_ERR_NOMEM;
	v->record.trusted = trusted;
	if (fl_dev_persist(d, v) != FL_OK) {
		v->record.trusted = !trusted;
		free(told);
		return FL_ERR_NOMEM;
	}
	const struct fl_devices_effect what = { .kind = FL_DEVICES_TELL_TRUST,
						.ski = v->record.ski,
						.trusted = trusted };
	fl_dev_emit_ready(d, told, &what);
	return FL_OK;
}

void fl_dev_set_state(struct fl_devices *d, struct fl_dev *v, enum fl_device_state state,
		      enum fl_err err, const char *text)
{
	if (v->state == state && v->err == err && strcmp(v->text, text) == 0)
		return;
	v->state = state;
	v->told_of = true;
	v->err = err;
	fl_str_copy(v->text, sizeof v->text, fl_slice_str(text));
	const struct fl_dev_link *l = fl_dev_current(d, v);
	const struct fl_devices_effect what = { .kind = FL_DEVICES_TELL_STATE,
						.ski = v->record.ski,
						.number = l != NULL ? l->number : 0,
						.state = state,
						.err = err,
						.text = v->text };
	/* Without memory the word is lost, not the state: fl_devices_info has it. */
	enum fl_err lost = fl_dev_emit(d, &what);
	(void)lost;
}
