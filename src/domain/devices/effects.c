/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/effects.c - what comes out, in the order in which it happened.
 *
 * What the driver does and what the application hears wait apart, so that an application that does
 * not listen keeps nobody from sending. Every effect owns what it points to.
 */
#include "domain/devices/hub.h"

#include <stdlib.h>
#include <string.h>

static bool is_act(enum fl_devices_effect_kind k)
{
	return k <= FL_DEVICES_DO_ANNOUNCE;
}

struct fl_dev_effect *fl_dev_effect_new(void)
{
	return calloc(1, sizeof(struct fl_dev_effect));
}

void fl_dev_emit_ready(struct fl_devices *d, struct fl_dev_effect *e,
		       const struct fl_devices_effect *what)
{
	e->what = *what;
	e->seq = ++d->last_seq;
	if (is_act(what->kind)) {
		fl_list_push(&d->acts, &e->link);
		return;
	}
	fl_list_push(&d->tells, &e->link);
	d->tells_count++;
	d->tells_bytes += e->size;
}

/* One of an effect's borrowed parts. */
struct part {
	const void *src;
	size_t size;
};

static struct part part_of(const struct fl_devices_effect *what)
{
	if (what->entry != NULL)
		return (struct part){ what->entry, sizeof *what->entry };
	if (what->record != NULL)
		return (struct part){ what->record, sizeof *what->record };
	if (what->text != NULL)
		return (struct part){ what->text, strlen(what->text) + 1 };
	return (struct part){ what->bytes.ptr, what->bytes.len };
}

/* No kind has two parts. */
static void point_to(struct fl_devices_effect *what, const void *copy)
{
	if (what->entry != NULL)
		what->entry = copy;
	else if (what->record != NULL)
		what->record = copy;
	else if (what->text != NULL)
		what->text = copy;
	else
		what->bytes.ptr = copy;
}

enum fl_err fl_dev_emit(struct fl_devices *d, const struct fl_devices_effect *what)
{
	const struct part part = part_of(what);
	struct fl_dev_effect *e = malloc(sizeof *e + part.size);
	struct fl_devices_effect owned = *what;

	if (e == NULL)
		return FL_ERR_NOMEM;
	e->size = part.size;
	if (part.size > 0)
		memcpy(e->memory, part.src, part.size);
	point_to(&owned, e->memory);
	fl_dev_emit_ready(d, e, &owned);
	return FL_OK;
}

static struct fl_dev_effect *first(struct fl_list *queue)
{
	return fl_list_empty(queue) ? NULL : fl_list_entry(queue->next, struct fl_dev_effect, link);
}

static bool give(struct fl_devices *d, struct fl_dev_effect *e, struct fl_devices_effect *out)
{
	if (e == NULL)
		return false;
	fl_list_del(&e->link);
	if (!is_act(e->what.kind)) {
		d->tells_count--;
		d->tells_bytes -= e->size;
	}
	if (e->what.kind == FL_DEVICES_TELL_VISIBLE)
		d->visible_waits = false;
	if (e->what.kind == FL_DEVICES_DO_ANNOUNCE) {
		d->announce_waits = false;
		e->what.auto_accept = fl_devices_auto_accepting(d);
	}
	free(d->given);
	d->given = e;
	*out = e->what;
	return true;
}

bool fl_devices_next(struct fl_devices *d, struct fl_devices_effect *out)
{
	struct fl_dev_effect *act = first(&d->acts), *tell = first(&d->tells);

	if (act == NULL || (tell != NULL && tell->seq < act->seq))
		return give(d, tell, out);
	return give(d, act, out);
}

bool fl_devices_next_act(struct fl_devices *d, struct fl_devices_effect *out)
{
	return give(d, first(&d->acts), out);
}

bool fl_devices_is_congested(const struct fl_devices *d)
{
	return d->tells_count >= FL_DEVICES_TELLS_MAX ||
	       d->tells_bytes >= FL_DEVICES_TELLS_BYTES_MAX;
}

static void drop_all(struct fl_list *queue)
{
	for (struct fl_list *l; (l = fl_list_pop(queue)) != NULL;)
		free(fl_list_entry(l, struct fl_dev_effect, link));
}

void fl_dev_effects_done(struct fl_devices *d)
{
	drop_all(&d->acts);
	drop_all(&d->tells);
	free(d->given);
	d->given = NULL;
}
