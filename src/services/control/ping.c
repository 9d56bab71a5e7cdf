/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/ping.c - the table of pings under way, how they are sent and answered. */
#include "services/control/ping.h"

#include "base/text.h"
#include "services/control/internal.h"

enum { MESSAGE_MAX = 128 << 10, URL_MAX = 1024 };

void fl_pings_init(struct fl_pings *t, const uint8_t seed[static 16])
{
	*t = (struct fl_pings){ 0 };
	fl_map_init(&t->by_id, 0, seed);
	fl_list_init(&t->sent);
	fl_list_init(&t->unsent);
}

void fl_pings_done(struct fl_pings *t)
{
	fl_map_done(&t->by_id);
}

/* ---- the end ---- */

void fl_ping_cancel(struct fl_ping *p)
{
	if (p->control == NULL)
		return;
	fl_map_take(&p->control->pings.by_id, p->id);
	p->control->pings.count[p->kind]--;
	p->control = NULL;
	fl_list_del(&p->link);
	fl_timer_done(&p->timer);
}

static void count_end(struct fl_pings *t, enum fl_err err)
{
	if (err == FL_OK)
		t->answered++;
	else if (err == FL_ERR_TIMEOUT)
		t->timed_out++;
	else
		t->cancelled++;
}

static void end(struct fl_ping *p, enum fl_err err, struct fl_slice response)
{
	if (p->kind == FL_PING_ASKED)
		count_end(&p->control->pings, err);
	fl_ping_cancel(p);
	p->fn(p->ctx, err, response);
}

static void on_deadline(void *ctx)
{
	end(ctx, FL_ERR_TIMEOUT, fl_slice_of(NULL, 0));
}

static void end_all(struct fl_list *list)
{
	while (!fl_list_empty(list))
		end(fl_list_entry(list->next, struct fl_ping, link), FL_ERR_CLOSED,
		    fl_slice_of(NULL, 0));
}

void fl_pings_close(struct fl_pings *t)
{
	t->closed = true;
	end_all(&t->sent);
	end_all(&t->unsent);
}

/* ---- sending ---- */

/* Only the path counts inside Noise; some clients want https and a host before it. */
static void write_url(const struct fl_control *c, const struct fl_ping *p, char out[static URL_MAX])
{
	struct fl_buf b = fl_buf_over(out, URL_MAX);
	const char *host = strstr(c->server_url, "://");

	host = host != NULL ? host + 3 : c->server_url;
	fl_buf_printf(&b, "https://%.*s/machine/%s?id=%s", (int)strcspn(host, "/"), host,
		      p->request != NULL ? "c2n-response" : "ping-response", p->id);
	out[b.len] = '\0';
}

static enum fl_err make_frame(struct fl_control *c, const struct fl_ping *p, bool zstd,
			      struct fl_bytes **out)
{
	struct fl_buf json = fl_buf_make(MESSAGE_MAX);
	char url[URL_MAX];

	write_url(c, p, url);
	const struct fl_netmap_ping in = { .url = url, .request = p->request };
	enum fl_err err = fl_netmap_ping_write(&in, fl_loop_wall(c->core->loop), &json);
	if (err == FL_OK)
		err = fl_mapframe_make(c->framer, fl_buf_slice(&json), zstd, out);
	fl_buf_done(&json);
	return err;
}

/* To the newest session that has its first map; without one it waits. */
static enum fl_err send(struct fl_control *c, struct fl_ping *p)
{
	struct fl_session *s = fl_session_ready(c, p->node);
	struct fl_bytes *frame;

	if (s == NULL) {
		fl_list_push(&c->pings.unsent, &p->link);
		return FL_OK;
	}
	enum fl_err err = make_frame(c, p, s->zstd, &frame);
	if (err != FL_OK)
		return err;
	fl_list_push(&c->pings.sent, &p->link);
	c->stats.frames_ping++;
	fl_session_send(s, &frame, 1);
	fl_bytes_unref(frame);
	return FL_OK;
}

void fl_pings_deliver(struct fl_control *c, fl_node_id node)
{
	fl_list_each(it, &c->pings.unsent)
	{
		struct fl_ping *p = fl_list_entry(it, struct fl_ping, link);
		if (p->node != node)
			continue;
		fl_list_del(&p->link);
		if (send(c, p) != FL_OK)
			fl_list_push(&c->pings.unsent, &p->link); /* the next session, maybe */
	}
}

static void new_id(char out[static FL_PING_ID_LEN + 1])
{
	uint8_t secret[FL_PING_ID_LEN / 2];

	fl_random(secret, sizeof secret);
	fl_hex_encode(secret, sizeof secret, out);
}

static enum fl_err admit(const struct fl_control *c, const struct fl_ping *p)
{
	if (c->pings.closed)
		return FL_ERR_CLOSED;
	if (fl_state_node(c->core->state, p->node) == NULL)
		return FL_ERR_NOT_FOUND;
	if (p->kind == FL_PING_ASKED && c->pings.count[p->kind] == FL_PINGS_MAX)
		return FL_ERR_FULL;
	return FL_OK;
}

enum fl_err fl_ping_start(struct fl_control *c, struct fl_ping *p, int64_t limit)
{
	enum fl_err err = admit(c, p);

	if (err != FL_OK)
		return err;
	new_id(p->id);
	p->timer = (struct fl_timer){ 0 };
	fl_list_init(&p->link);
	err = fl_map_put(&c->pings.by_id, p->id, p);
	if (err != FL_OK)
		return err;
	p->control = c;
	c->pings.count[p->kind]++;
	err = fl_timer_init(&p->timer, c->core->loop, on_deadline, p);
	if (err == FL_OK)
		err = send(c, p);
	if (err == FL_OK)
		fl_timer_start(&p->timer, limit);
	else
		fl_ping_cancel(p);
	return err;
}

/* ---- whom ---- */

static const struct fl_node *by_hostname(const struct fl_state *s, const char *text)
{
	const struct fl_node *found = NULL;
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(s, &nodes);

	for (size_t i = 0; i < count; i++) {
		if (!fl_str_ieq(fl_slice_str(nodes[i]->hostinfo->hostname), fl_slice_str(text)))
			continue;
		if (found != NULL)
			return NULL; /* which of them? */
		found = nodes[i];
	}
	return found;
}

const struct fl_node *fl_ping_target(const struct fl_control *c, const char *text)
{
	const struct fl_state *s = c->core->state;
	const struct fl_node *n = NULL;
	struct fl_ip ip;
	uint64_t id;

	if (text[0] == '\0')
		return NULL;
	if (fl_u64_parse(fl_slice_str(text), &id) == FL_OK)
		n = fl_state_node(s, id);
	if (n == NULL && fl_ip_parse(fl_slice_str(text), &ip) == FL_OK)
		n = fl_state_node_by_ip(s, &ip);
	if (n == NULL)
		n = fl_state_node_by_name(s, text);
	return n != NULL ? n : by_hostname(s, text);
}

/* ---- answers ---- */

static bool is_from(const struct fl_control *c, const struct fl_ping *p,
		    const struct fl_machine_key *machine)
{
	const struct fl_node *n = fl_state_node(c->core->state, p->node);
	return n != NULL && fl_machine_key_eq(&n->machine, machine);
}

/* Who answers for another machine hears what one hears who guesses. */
static void answer(struct fl_control *c, struct fl_http *x, bool c2n)
{
	struct fl_noise_link *l = fl_http_conn_ctx(x);
	char id[FL_PING_ID_LEN + 1] = "";

	fl_noise_link_request(l);
	enum fl_err err = fl_http_query(x, "id", id, sizeof id);
	if (err == FL_ERR_NOT_FOUND || (err == FL_OK && id[0] == '\0')) {
		fl_control_text(x, 400, "the parameter id is missing\n");
		return;
	}
	struct fl_ping *p = err == FL_OK ? fl_map_find(&c->pings.by_id, id) : NULL;
	if (p == NULL || (p->request != NULL) != c2n || !is_from(c, p, &l->machine)) {
		fl_control_text(x, 404, "no such ping, or it is over\n");
		return;
	}
	end(p, FL_OK, fl_http_body(x));
	fl_http_respond(x, 200, NULL, fl_slice_of(NULL, 0));
}

void fl_control_ping_response(void *ctx, struct fl_http *x)
{
	answer(ctx, x, false);
}

void fl_control_c2n_response(void *ctx, struct fl_http *x)
{
	answer(ctx, x, true);
}

void fl_control_head_only(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_noise_link_request(fl_http_conn_ctx(x));
	fl_http_set(x, "allow", "HEAD");
	fl_control_text(x, 405, "a ping is answered by HEAD\n");
}
