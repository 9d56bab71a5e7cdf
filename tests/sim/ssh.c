/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/ssh.c - SSH connections between nodes: the destination asks the server, a person says
 * yes, no or nothing, and INV-57: an approval serves only its own pair, within its period, under
 * the policy that asked for it, and because an administrator gave it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { APPROVALS = 1024, PATH_MAX_LEN = 256, TRIES_MAX = 4 };

/* What the destination asked, and what was in force when the server decided. */
struct visit {
	fl_node_id src, dst;
	char path[PATH_MAX_LEN];
	unsigned tries;
	uint32_t dice;
	fl_time decided;
	uint64_t policy;
	int64_t period;
	bool checked;
};

/* The word of an administrator. */
struct approval {
	fl_node_id src, dst;
	fl_time at;
	uint64_t policy;
	char id[FL_AUTHREQ_TEXT_MAX];
};

static struct approval given[APPROVALS];
static size_t given_count;

/* A number for each policy that was in force. */
static uint64_t policy_number(void)
{
	static const struct fl_policy_doc *last;
	static uint64_t count;
	static unsigned life;
	const struct fl_policy *p = fl_governing(sim.server.core.policy);
	const struct fl_policy_doc *now = p != NULL ? fl_policy_document(p) : NULL;

	if (now != last || life != sim.server.starts)
		count++;
	last = now;
	life = sim.server.starts;
	return count;
}

/* ---- the person ---- */

struct word {
	char id[FL_AUTHREQ_TEXT_MAX];
	fl_node_id src, dst;
	bool approve;
};

static void remember(const struct word *w)
{
	struct approval *a = &given[given_count % APPROVALS];

	*a = (struct approval){
		.src = w->src, .dst = w->dst, .at = sim_clock.now, .policy = policy_number()
	};
	memcpy(a->id, w->id, sizeof a->id);
	given_count++;
}

static void on_word(void *a, uint64_t b)
{
	struct word *w = a;
	struct fl_fault fault;

	(void)b;
	if (sim.server.up) {
		if (w->approve)
			remember(w);
		enum fl_err err = fl_control_check_say(sim.server.control, fl_slice_str(w->id),
						       w->approve, &fault);
		given_count -= w->approve && err != FL_OK;
		trace("ssh word", w->src, (uint64_t)-err);
	}
	free(w);
}

static void call_person(const struct visit *v, const char *id)
{
	uint32_t mood = v->dice % 8;
	struct word *w;

	if (mood == 7)
		return; /* some never answer */
	w = malloc(sizeof *w);
	if (w == NULL)
		abort();
	*w = (struct word){ .src = v->src, .dst = v->dst, .approve = mood < 6 };
	fl_str_copy(w->id, sizeof w->id, fl_slice_str(id));
	after((int64_t)(v->dice >> 3 & 63) * FL_SEC, on_word, w, 0);
}

/* ---- the destination ---- */

static void ask(struct client *c, enum exch_kind kind, const struct visit *from, const char *path)
{
	struct visit *v = malloc(sizeof *v);

	if (v == NULL)
		abort();
	*v = *from;
	v->decided = 0;
	fl_str_copy(v->path, sizeof v->path, fl_slice_str(path));
	struct exch *e = conn_ask_for(c->conn, kind, "GET", path, strdup(""), v);
	exch_let_go(&e);
}

/*
 * The same by another machine gets nothing. For another source the word on this check counts for
 * nothing.
 */
static void pry(struct client *c, const struct visit *v)
{
	struct client *other = &sim.clients[(c->index + 1) % sim.clients_count];
	const char *id = strstr(v->path, "?auth_id=");
	char path[PATH_MAX_LEN];

	if (other != c && other->conn != NULL)
		ask(other, EXCH_SNOOP, v, v->path);
	if (id == NULL || v->dst == v->src)
		return;
	const struct visit turned = { .src = v->dst, .dst = v->dst, .tries = TRIES_MAX };
	snprintf(path, sizeof path, "/machine/ssh/action/%" PRIu64 "/to/%" PRIu64 "%s", v->dst,
		 v->dst, id);
	ask(c, EXCH_SSH, &turned, path);
}

/* Some node; mostly one of which the policy wants a check. */
static fl_node_id some_source(fl_node_id dst, uint32_t n)
{
	const struct fl_policy *p = fl_governing(sim.server.core.policy);
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);
	int64_t period;

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count && p != NULL && n % 4 != 0; i++) {
		fl_node_id src = nodes[(n + i) % count]->id;
		if (fl_policy_ssh_check(p, src, dst, &period))
			return src;
	}
	return nodes[n % count]->id;
}

void ssh_ask(struct client *dst, const struct op *o)
{
	struct visit v = { .dst = dst->id, .dice = o->c };
	char path[PATH_MAX_LEN];

	if (!sim.server.up)
		return;
	v.src = some_source(dst->id, o->b);
	snprintf(path, sizeof path,
		 "/machine/ssh/action/%" PRIu64 "/to/%" PRIu64 "?ssh_user=root&local_user=root",
		 v.src, v.dst);
	ask(dst, EXCH_SSH, &v, path);
}

struct retry {
	struct client *client;
	struct visit visit;
};

static void on_retry(void *a, uint64_t b)
{
	struct retry *r = a;

	(void)b;
	if (r->client->conn != NULL) {
		if (r->visit.dice % 5 == 0)
			pry(r->client, &r->visit);
		ask(r->client, EXCH_SSH, &r->visit, r->visit.path);
	}
	free(r);
}

/* Undoes the one escape that an address has. */
static void unescape(char *text)
{
	for (char *at; (at = strstr(text, "\\u0026")) != NULL;) {
		*at = '&';
		memmove(at + 1, at + 6, strlen(at + 6) + 1);
	}
}

/* Mostly at once; some only after the approval is old. */
static int64_t pause_of(const struct visit *v)
{
	return v->dice >> 9 & 3 ? (int64_t)(v->dice >> 11 & 1023) * FL_MS
				: (int64_t)(v->dice >> 11 & 255) * FL_SEC;
}

static void delegate(struct client *c, const struct visit *v, struct fl_slice url)
{
	struct retry *r = malloc(sizeof *r);
	char text[PATH_MAX_LEN], id[FL_AUTHREQ_TEXT_MAX];
	const char *path, *from;

	if (r == NULL)
		abort();
	text[0] = '\0';
	bool fits = fl_str_copy(text, sizeof text, url);
	unescape(text);
	if (!fits || (path = strstr(text, "/machine/")) == NULL ||
	    (from = strstr(path, "auth_id=")) == NULL)
		violation("INV-57", "a check without a usable address: %.*s", (int)url.len,
			  (const char *)url.ptr);
	from += strlen("auth_id=");
	fl_str_copy(id, sizeof id, fl_slice_of(from, strcspn(from, "&")));
	*r = (struct retry){ .client = c, .visit = *v };
	r->visit.tries++;
	r->visit.dice = (uint32_t)fl_rng_next(&c->rng);
	fl_str_copy(r->visit.path, sizeof r->visit.path, fl_slice_str(path));
	call_person(&r->visit, id);
	after(pause_of(&r->visit), on_retry, r, 0);
}

void ssh_told(struct client *c, struct exch *e, bool whole)
{
	const struct visit *v = e->note;
	struct fl_slice url = scan_text_of(fl_buf_slice(&e->arriving), "holdAndDelegate");

	if (whole && e->status == 200 && url.len > 0 && v->tries < TRIES_MAX)
		delegate(c, v, url);
}

/* ---- the invariant ---- */

void ssh_decided(struct exch *e)
{
	struct visit *v = e->note;
	const struct fl_policy *p = fl_governing(sim.server.core.policy);

	if (v->decided != 0)
		return;
	v->decided = sim_clock.now;
	v->policy = policy_number();
	v->checked = p != NULL && fl_policy_ssh_check(p, v->src, v->dst, &v->period);
}

/* By this administrator, of this pair, under this policy, and fresh. */
static bool is_approved(const struct visit *v)
{
	size_t n = given_count < APPROVALS ? given_count : APPROVALS;

	for (size_t i = 0; i < n; i++) {
		const struct approval *a = &given[i];
		if (a->src == v->src && a->dst == v->dst && a->policy == v->policy &&
		    a->at <= v->decided && v->decided - a->at <= v->period)
			return true;
	}
	return false;
}

void ssh_answered(struct exch *e)
{
	static const char yes[] = "\"accept\":true";
	const struct visit *v = e->note;
	struct fl_slice front = fl_httpx_front(&e->x);
	bool accepted = e->status == 200 && front.len > 0 &&
			memmem(front.ptr, front.len, yes, strlen(yes)) != NULL;

	trace("ssh answered", e->status, accepted);
	if (!accepted)
		return;
	if (!v->checked)
		violation("INV-57", "%" PRIu64 " to %" PRIu64 " is let in, and no rule asks",
			  v->src, v->dst);
	if (!is_approved(v))
		violation("INV-57",
			  "%" PRIu64 " to %" PRIu64 " is let in without a word that holds (%s)",
			  v->src, v->dst, v->path);
}

void check_approvals(void)
{
	const struct fl_ssh_checks *t = &sim.server.control->ssh;

	policy_number();
	if (t->count > sim.plan.pending_max || t->approved > sim.plan.pending_max)
		violation("INV-53", "%zu SSH checks wait and %zu are approved, %u may", t->count,
			  t->approved, sim.plan.pending_max);
}
