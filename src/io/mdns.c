/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns.c - keeps an announcement up and a table of what is seen, whichever way leads to Avahi.
 */
#include "io/mdns_impl.h"

#include "crypto/prim.h"

#include <stdlib.h>
#include <string.h>

enum { CLASHES_MAX = 100 }; /* in one go: with others of this host, found without asking around */

static const int64_t RETRY[] = { 1 * FL_SEC, 2 * FL_SEC,  4 * FL_SEC,
				 8 * FL_SEC, 16 * FL_SEC, 30 * FL_SEC };
enum { RETRIES = sizeof RETRY / sizeof *RETRY };

void fl_mdns_poke(struct fl_mdns *m)
{
	fl_loop_defer(m->loop, &m->soon);
}

static void set_state(struct fl_mdns *m, bool running, const char *text)
{
	if (m->running == running && strcmp(m->text.text, text) == 0)
		return;
	m->running = running;
	fl_fault_write(&m->text, "%s", text);
	m->state_changed = true;
	fl_mdns_poke(m);
}

/* Ten in a hundred more or less, lest all who lost a daemon come back at once. */
static void retry_later(struct fl_mdns *m)
{
	int64_t wait = RETRY[m->attempts < RETRIES ? m->attempts : RETRIES - 1];

	m->attempts++;
	wait += (int64_t)fl_rng_below(&m->rng, (uint64_t)wait / 5) - wait / 10;
	fl_timer_start(&m->retry, wait);
}

/* ---- entries ---- */

static void leave_turn(struct fl_mdns *m, struct fl_mdns_entry *e, enum fl_mdns_turn next)
{
	fl_list_del(&e->queue);
	if (e->turn == FL_MDNS_ASKING)
		m->asking--;
	e->turn = next;
}

void fl_mdns_heard(struct fl_mdns *m, const char *instance, uint32_t interface, bool ipv6,
		   bool gone)
{
	struct fl_mdns_entry *e = fl_mdns_table_find(&m->table, instance, interface, ipv6);

	fl_mdns_poke(m);
	if (gone && e != NULL) {
		leave_turn(m, e, FL_MDNS_SETTLED);
		m->ops->stop(e);
		fl_mdns_table_remove(&m->table, e);
	}
	if (gone || e != NULL)
		return;
	e = fl_mdns_table_add(&m->table, instance, interface, ipv6);
	if (e == NULL)
		return;
	e->owner = m;
	/* The newest first: a crowd of names that nobody answers for does not hold it up. */
	fl_list_push(m->fresh.next, &e->queue);
}

static void nobody_answers(struct fl_mdns *m, struct fl_mdns_entry *e)
{
	bool others = !fl_list_empty(&m->fresh) || !fl_list_empty(&m->again);

	fl_mdns_table_hide(&m->table, e);
	m->ops->stop_addresses(e);
	if (e->turn != FL_MDNS_ASKING)
		return;
	/* Avahi asks on, ever more rarely; who waits comes first. */
	leave_turn(m, e, others ? FL_MDNS_WAITING : FL_MDNS_SETTLED);
	if (!others)
		return;
	m->ops->stop(e);
	fl_list_push(&m->again, &e->queue);
}

void fl_mdns_resolved(struct fl_mdns_entry *e, const char *host, uint16_t port,
		      const struct fl_slice *txt, size_t txt_count)
{
	struct fl_mdns *m = e->owner;

	fl_mdns_poke(m);
	if (host == NULL) {
		nobody_answers(m, e);
		return;
	}
	bool moved = e->host == NULL || strcmp(e->host, host) != 0;
	enum fl_err err = fl_mdns_table_set(&m->table, e, host, port, txt, txt_count);
	leave_turn(m, e, FL_MDNS_SETTLED);
	if (err != FL_OK || moved)
		m->ops->stop_addresses(e);
	if (err == FL_OK && e->addresses == NULL && !m->ops->ask_addresses(m, e))
		m->table.dropped++;
}

void fl_mdns_address(struct fl_mdns_entry *e, const struct fl_ip *addr, bool gone)
{
	struct fl_mdns_table *t = &e->owner->table;

	fl_mdns_poke(e->owner);
	if (gone)
		fl_mdns_table_addr_del(t, e, addr);
	else
		fl_mdns_table_addr_add(t, e, addr);
}

static void ask(struct fl_mdns *m)
{
	while (m->asking < FL_MDNS_ASKING_MAX) {
		struct fl_list *it = fl_list_pop(&m->fresh);
		if (it == NULL)
			it = fl_list_pop(&m->again);
		if (it == NULL)
			return;
		struct fl_mdns_entry *e = fl_list_entry(it, struct fl_mdns_entry, queue);
		e->turn = FL_MDNS_ASKING;
		m->asking++;
		if (m->ops->resolve(m, e))
			continue;
		leave_turn(m, e, FL_MDNS_SETTLED);
		m->table.dropped++;
	}
}

/* After a crowd has gone there is room again for whom it kept out: they are told of once more. */
static void make_up(struct fl_mdns *m)
{
	if (!m->table.missed || m->table.entries.len > FL_MDNS_SEEN_MAX / 2)
		return;
	m->table.missed = false;
	m->failed = !m->ops->browse(m);
}

/* What was seen through a way that is closed is not known any more. */
static void forget_all(struct fl_mdns *m)
{
	struct fl_mdns_entry *e;

	for (size_t at = 0; (e = fl_map_next(&m->table.entries, &at)) != NULL; at = 0) {
		leave_turn(m, e, FL_MDNS_SETTLED);
		e->resolver = e->addresses = NULL;
		fl_mdns_table_remove(&m->table, e);
	}
}

/* ---- announcement ---- */

static void refused(struct fl_mdns *m)
{
	struct fl_fault text;

	fl_fault_write(&text, "the service cannot be announced: %s", m->ops->why(m));
	m->ops->withdraw(m);
	m->is_published = false;
	m->refused = true;
	retry_later(m);
	set_state(m, false, text.text);
}

/* Another has our label: we take the next one. */
static enum fl_mdns_publication publish(struct fl_mdns *m)
{
	enum fl_mdns_publication p = m->ops->publish(m);

	for (unsigned i = 0; i < CLASHES_MAX && p == FL_MDNS_CLASH; i++) {
		m->ops->withdraw(m);
		m->ops->next_label(m);
		p = m->ops->publish(m);
	}
	m->is_published = true;
	return p == FL_MDNS_PENDING ? m->ops->published(m) : FL_MDNS_REFUSED;
}

static void announce(struct fl_mdns *m)
{
	enum fl_mdns_publication p = m->is_published ? m->ops->published(m) : publish(m);

	if (p == FL_MDNS_CLASH) {
		m->ops->withdraw(m);
		m->ops->next_label(m);
		p = publish(m);
	}
	switch (p) {
	case FL_MDNS_ESTABLISHED:
		m->attempts = 0;
		set_state(m, true, m->label);
		break;
	case FL_MDNS_REFUSED:
		refused(m);
		break;
	case FL_MDNS_PENDING:
	case FL_MDNS_CLASH: /* its state is told again */
		break;
	}
}

static void lose(struct fl_mdns *m)
{
	struct fl_fault text;

	fl_fault_write(&text, "mDNS has stopped: %s; it is tried again", m->ops->why(m));
	m->ops->close(m);
	forget_all(m);
	m->is_published = m->failed = false;
	retry_later(m);
	set_state(m, false, text.text);
}

static void look_after(struct fl_mdns *m)
{
	switch (m->ops->health(m)) {
	case FL_MDNS_FAILED:
		lose(m);
		return;
	case FL_MDNS_STARTING:
		if (!m->is_published)
			return;
		m->ops->withdraw(m);
		m->is_published = false;
		set_state(m, false, "this host's name in the network is being settled");
		return;
	case FL_MDNS_RUNNING:
		break;
	}
	if (!m->wanted) {
		m->attempts = 0;
		set_state(m, true, "");
	} else if (!m->refused) {
		announce(m);
	}
}

static void on_retry(void *ctx)
{
	struct fl_mdns *m = ctx;
	struct fl_fault fault = { "" };

	m->refused = false;
	fl_mdns_poke(m);
	if (m->link != NULL || m->ops->open(m, &fault) == FL_OK)
		return;
	retry_later(m);
	set_state(m, false, fault.text);
}

/* ---- telling ---- */

static void release(struct fl_mdns *m)
{
	fl_mdns_table_done(&m->table);
	fl_strlist_done(&m->interfaces.names);
	free((void *)(uintptr_t)m->cfg.type);
	free((void *)(uintptr_t)m->cfg.host);
	free(m->txt);
	free(m->txt_text);
	free(m);
}

static void tell(struct fl_mdns *m)
{
	struct fl_mdns_seen seen;
	bool gone;

	m->telling = true;
	while (!m->closed && fl_mdns_table_next(&m->table, &seen, &gone))
		m->cfg.on_seen(m->cfg.ctx, &seen, gone);
	if (!m->closed && m->state_changed) {
		m->state_changed = false;
		m->cfg.on_state(m->cfg.ctx, m->running, m->text.text);
	}
	m->telling = false;
	if (m->closed)
		release(m);
}

static void step(void *ctx)
{
	struct fl_mdns *m = ctx;

	if (m->link != NULL)
		look_after(m);
	if (m->link != NULL) {
		make_up(m);
		ask(m);
	}
	tell(m);
}

/* ---- public ---- */

static enum fl_err check(const struct fl_mdns_config *cfg, struct fl_fault *fault)
{
	struct fl_slice label = fl_slice_str(cfg->instance);

	if (label.len == 0 || label.len > FL_MDNS_LABEL_MAX || !fl_str_is_clean(label))
		return fl_fault_set(
			fault, FL_ERR_INVALID,
			"\"%s\" is no name to announce: it takes 1 to %d bytes of UTF-8",
			cfg->instance, FL_MDNS_LABEL_MAX);
	return FL_OK;
}

static enum fl_err copy_config(struct fl_mdns *m, const struct fl_mdns_config *cfg)
{
	m->cfg = *cfg;
	m->cfg.interfaces = NULL;
	m->cfg.instance = m->label;
	(void)fl_str_copy(m->label, sizeof m->label, fl_slice_str(cfg->instance));
	m->cfg.type = fl_str_dup(fl_slice_str(cfg->type));
	m->cfg.host = cfg->host != NULL ? fl_str_dup(fl_slice_str(cfg->host)) : NULL;
	return m->cfg.type != NULL && (cfg->host == NULL || m->cfg.host != NULL) ? FL_OK
										 : FL_ERR_NOMEM;
}

static enum fl_err open_any(struct fl_mdns *m, struct fl_fault *fault)
{
	switch (m->cfg.backend) {
	case FL_MDNS_NONE:
		return FL_OK;
	case FL_MDNS_AUTO:
		m->ops = &fl_mdns_client;
		if (m->ops->open(m, NULL) == FL_OK)
			return FL_OK;
		m->ops = &fl_mdns_core;
		break;
	case FL_MDNS_AVAHI:
		m->ops = &fl_mdns_client;
		break;
	case FL_MDNS_EMBEDDED:
		m->ops = &fl_mdns_core;
		break;
	}
	return m->ops->open(m, fault);
}

static enum fl_err start(struct fl_mdns *m, const struct fl_mdns_config *cfg,
			 struct fl_fault *fault)
{
	enum fl_err err = copy_config(m, cfg);
	if (err == FL_OK)
		err = fl_timer_init(&m->retry, m->loop, on_retry, m);
	if (err != FL_OK)
		return fl_fault_set(fault, err, "out of memory");
	if (cfg->backend != FL_MDNS_NONE)
		err = fl_mdns_interfaces_read(&m->interfaces, cfg->interfaces,
					      cfg->interfaces_count, fault);
	return err == FL_OK ? open_any(m, fault) : err;
}

enum fl_err fl_mdns_new(struct fl_loop *l, const struct fl_mdns_config *cfg, struct fl_fault *fault,
			struct fl_mdns **out)
{
	uint8_t seed[16];
	uint64_t rng_seed;
	enum fl_err err = check(cfg, fault);
	if (err != FL_OK)
		return err;

	struct fl_mdns *m = calloc(1, sizeof *m);
	if (m == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	m->loop = l;
	m->soon = (struct fl_deferred){ .fn = step, .ctx = m };
	fl_random(seed, sizeof seed);
	fl_random(&rng_seed, sizeof rng_seed);
	fl_rng_init(&m->rng, rng_seed);
	fl_mdns_table_init(&m->table, seed);
	fl_list_init(&m->fresh);
	fl_list_init(&m->again);

	err = start(m, cfg, fault);
	if (err != FL_OK) {
		fl_mdns_close(m);
		return err;
	}
	*out = m;
	return FL_OK;
}

static bool copy_txt(const struct fl_slice *txt, size_t count, struct fl_slice **out_txt,
		     char **out_text)
{
	size_t size = 1;
	for (size_t i = 0; i < count; i++)
		size += txt[i].len;

	struct fl_slice *copy = calloc(count + 1, sizeof *copy);
	char *text = malloc(size);
	if (copy == NULL || text == NULL) {
		free(copy);
		free(text);
		return false;
	}
	char *at = text;
	for (size_t i = 0; i < count; i++) {
		if (txt[i].len > 0)
			memcpy(at, txt[i].ptr, txt[i].len);
		copy[i] = fl_slice_of(at, txt[i].len);
		at += txt[i].len;
	}
	*out_txt = copy;
	*out_text = text;
	return true;
}

enum fl_err fl_mdns_announce(struct fl_mdns *m, const struct fl_slice *txt, size_t count)
{
	struct fl_slice *copy;
	char *text;

	if (!fl_mdns_txt_fits(txt, count))
		return FL_ERR_TOO_BIG;
	if (!copy_txt(txt, count, &copy, &text))
		return FL_ERR_NOMEM;
	free(m->txt);
	free(m->txt_text);
	m->txt = copy;
	m->txt_text = text;
	m->txt_count = count;
	m->wanted = true;
	if (m->ops == NULL)
		return FL_OK;
	/* Avahi may have lost the record in between; then it is announced anew. */
	if (m->is_published && !m->ops->update(m)) {
		m->ops->withdraw(m);
		m->is_published = false;
	}
	fl_mdns_poke(m);
	return FL_OK;
}

void fl_mdns_withdraw(struct fl_mdns *m)
{
	m->wanted = false;
	if (m->is_published)
		m->ops->withdraw(m);
	m->is_published = false;
	if (m->ops != NULL)
		fl_mdns_poke(m);
}

enum fl_err fl_mdns_lookup(const struct fl_mdns *m, const char *host, struct fl_ip *out)
{
	return fl_mdns_table_lookup(&m->table, host, out);
}

enum fl_mdns_backend fl_mdns_backend(const struct fl_mdns *m)
{
	return m->ops != NULL ? m->ops->kind : FL_MDNS_NONE;
}

uint64_t fl_mdns_dropped(const struct fl_mdns *m)
{
	return m->table.dropped;
}

struct fl_mdns *fl_mdns_close(struct fl_mdns *m)
{
	if (m == NULL || m->closed)
		return NULL;
	m->closed = true;
	if (m->ops != NULL)
		m->ops->close(m);
	fl_deferred_cancel(&m->soon);
	fl_timer_done(&m->retry);
	if (!m->telling)
		release(m);
	return NULL;
}
