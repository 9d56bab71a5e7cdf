/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/probe.c - cycles of probes: who is asked, what silence means, what follows. */
#include "services/control/probe.h"

#include <stdlib.h>

#include "base/log.h"
#include "services/control/internal.h"

struct router {
	struct fl_list link;
	struct fl_prober *prober;
	struct fl_ping ping;
	fl_node_id node;
	uint64_t cycle;         /* the last in which it shared a subnet */
	uint64_t session, past; /* generations: now, and in the cycle before; 0: none */
	enum fl_probe_result result;
	bool decisive; /* on one of its subnets every candidate has a result */
};

static struct router *find(const struct fl_prober *p, fl_node_id node)
{
	return fl_map_find(&p->by_node, &node);
}

static void forget(struct fl_prober *p, struct router *r)
{
	fl_ping_cancel(&r->ping);
	fl_map_take(&p->by_node, &r->node);
	fl_list_del(&r->link);
	free(r);
}

static struct router *add(struct fl_prober *p, fl_node_id node)
{
	struct router *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->prober = p;
	r->node = node;
	if (fl_map_put(&p->by_node, &node, r) != FL_OK) {
		free(r);
		return NULL;
	}
	fl_list_push(&p->routers, &r->link);
	return r;
}

static uint64_t session_of(const struct router *r)
{
	const struct fl_session *s = fl_session_ready(r->prober->control, r->node);
	return s != NULL ? s->conn.gen : 0;
}

/* ---- the end of a cycle ---- */

/* HA-5: the session that was asked is still there, and was already in the cycle before. */
static bool silence_counts(const struct router *r)
{
	return r->session == r->past && r->session == session_of(r);
}

static bool is_decided(const struct fl_prober *p, fl_node_id node)
{
	const struct router *r = find(p, node);
	return r != NULL && r->cycle == p->cycle && r->result != FL_PROBE_DEFERRED;
}

/* HA-6: a candidate without a result holds up its own subnets only. */
static void judge(void *ctx, const uint64_t *nodes, size_t count)
{
	struct fl_prober *p = ctx;

	for (size_t i = 0; i < count; i++)
		if (!is_decided(p, nodes[i]))
			return;
	for (size_t i = 0; i < count; i++)
		find(p, nodes[i])->decisive = true;
}

static void apply_one(struct fl_prober *p, struct router *r)
{
	struct fl_core *core = p->control->core;

	if (r->result == FL_PROBE_FAILED && (!r->decisive || !silence_counts(r)))
		r->result = FL_PROBE_DEFERRED;
	p->results[r->result]++;
	switch (r->result) {
	case FL_PROBE_ANSWERED:
		if (fl_core_health(core, r->node, true))
			fl_log_info("router answers probes again", FL_LU("node.id", r->node));
		break;
	case FL_PROBE_FAILED:
		if (fl_core_health(core, r->node, false))
			fl_log_warn("router does not answer probes", FL_LU("node.id", r->node));
		break;
	case FL_PROBE_DEFERRED:
	case FL_PROBE_RESULTS:
		break;
	}
}

static void apply(struct fl_prober *p)
{
	const struct fl_core *core = p->control->core;

	fl_list_each(it, &p->routers) fl_list_entry(it, struct router, link)->decisive = false;
	if (fl_primaries_contested(core->primaries, judge, p) != FL_OK)
		return; /* out of memory: the next cycle asks again */
	fl_list_each(it, &p->routers) apply_one(p, fl_list_entry(it, struct router, link));
}

static void conclude(struct router *r, enum fl_probe_result result)
{
	r->result = result;
	if (--r->prober->pending == 0)
		apply(r->prober);
}

static void on_end(void *ctx, enum fl_err err, struct fl_slice response)
{
	struct router *r = ctx;

	(void)response;
	if (err == FL_OK)
		conclude(r, FL_PROBE_ANSWERED);
	else
		conclude(r, silence_counts(r) ? FL_PROBE_FAILED : FL_PROBE_DEFERRED);
}

/* ---- its begin ---- */

/* Out of memory: one that is not asked is undecided. */
static void choose(void *ctx, const uint64_t *nodes, size_t count)
{
	struct fl_prober *p = ctx;

	for (size_t i = 0; i < count; i++) {
		struct router *r = find(p, nodes[i]);
		if (r == NULL)
			r = add(p, nodes[i]);
		if (r != NULL)
			r->cycle = p->cycle;
	}
}

static bool ask(struct router *r)
{
	struct fl_control *c = r->prober->control;

	r->past = r->session;
	r->session = session_of(r);
	r->ping = (struct fl_ping){
		.kind = FL_PING_PROBE,
		.node = r->node,
		.fn = on_end,
		.ctx = r,
	};
	return r->session != 0 && fl_ping_start(c, &r->ping, c->cfg.probe_limit) == FL_OK;
}

static void ask_all(struct fl_prober *p)
{
	fl_list_each(it, &p->routers)
	{
		struct router *r = fl_list_entry(it, struct router, link);
		if (r->cycle != p->cycle) {
			forget(p, r);
			continue;
		}
		r->result = FL_PROBE_DEFERRED;
		p->pending += ask(r);
	}
}

static void begin(void *ctx)
{
	struct fl_prober *p = ctx;

	fl_timer_start(&p->timer, p->control->cfg.probe_interval);
	if (p->pending > 0) /* late timers: the limit is shorter than the interval */
		return;
	p->cycle++;
	if (fl_primaries_contested(p->control->core->primaries, choose, p) != FL_OK)
		return;
	ask_all(p);
	if (p->pending == 0)
		apply(p);
}

/* ---- start and stop ---- */

enum fl_err fl_prober_init(struct fl_prober *p, struct fl_control *c, const uint8_t seed[static 16])
{
	p->control = c;
	fl_list_init(&p->routers);
	fl_map_init(&p->by_node, sizeof(fl_node_id), seed);
	enum fl_err err = fl_timer_init(&p->timer, c->core->loop, begin, p);
	if (err == FL_OK && c->cfg.probe_interval > 0)
		fl_timer_start(&p->timer, c->cfg.probe_interval);
	return err;
}

void fl_prober_stop(struct fl_prober *p)
{
	fl_timer_stop(&p->timer);
	fl_list_each(it, &p->routers) forget(p, fl_list_entry(it, struct router, link));
	p->pending = 0;
}

void fl_prober_done(struct fl_prober *p)
{
	if (p->control == NULL)
		return;
	fl_prober_stop(p);
	fl_map_done(&p->by_node);
	fl_timer_done(&p->timer);
}
