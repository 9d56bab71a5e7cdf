/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/noise_server.c - gives upgraded streams to workers and hears of them. */
#include "services/control/noise_server.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"
#include "services/control/noise_hello.h"

enum {
	HANDSHAKE_TEXT_MAX = 1024, /* base64 of 101 bytes and some slack for a clear size error */
	WS_MESSAGE_MAX = 64 << 10,
};

/* ---- letters ---- */

static bool tell(struct fl_noise_link *l, unsigned kind, size_t n)
{
	struct fl_letter *m = fl_mailbox_put(&l->desk->worker.worker.to);

	if (m == NULL)
		return false;
	m->kind = (uint16_t)kind;
	m->slot = l->pass.slot;
	m->gen = l->pass.gen;
	m->n = n;
	return true;
}

/* A letter could not be written: what its connection knows is no longer whole. */
static void on_lost(void *ctx)
{
	struct fl_noise_link *l = ctx;

	if (!tell(l, FL_NOISE_CLOSE, 0))
		fl_loop_defer(l->server->loop, &l->lost);
}

/* ---- connections ---- */

/* The machine owns a node by now, or is gone. */
static void leave_strangers(struct fl_noise_link *l)
{
	if (!l->stranger)
		return;
	l->stranger = false;
	fl_strangers_leave(&l->server->strangers, &l->source);
}

static enum fl_err check_stranger(struct fl_noise_link *l)
{
	struct fl_noise_server *s = l->server;

	if (s->strangers.per_source == 0 || s->knows(s->knows_ctx, &l->machine))
		return FL_OK;
	enum fl_err err = fl_strangers_enter(&s->strangers, &l->source);
	l->stranger = err == FL_OK;
	return err;
}

static void link_free(struct fl_noise_link *l)
{
	struct fl_noise_desk *d = l->desk;

	fl_pass_link_done(&l->pass);
	fl_deferred_cancel(&l->lost);
	leave_strangers(l);
	fl_stream_place_leave(&l->place);
	fl_slots_del(&d->links, l->pass.slot);
	fl_list_del(&l->link);
	d->server->count--;
	free(l);
}

static struct fl_noise_link *link_new(struct fl_noise_desk *d, const struct fl_ip *source)
{
	struct fl_noise_server *s = d->server;
	struct fl_noise_link *l = calloc(1, sizeof *l);
	if (l == NULL)
		return NULL;
	l->server = s;
	l->desk = d;
	l->source = *source;
	l->lost = (struct fl_deferred){ .fn = on_lost, .ctx = l };
	fl_pass_link_init(&l->pass, s->loop, &d->worker.worker.to, &s->inner, l, &l->lost);
	l->pass.gen = ++d->last_gen;
	if (fl_slots_add(&d->links, l, &l->pass.slot) != FL_OK) {
		free(l);
		return NULL;
	}
	fl_list_push(&s->links, &l->link);
	s->count++;
	return l;
}

void fl_noise_link_request(struct fl_noise_link *l)
{
	const struct fl_noise_server *s = l->server;

	if (!l->stranger || !s->knows(s->knows_ctx, &l->machine))
		return;
	leave_strangers(l);
	/* Without memory for the letter its requests stay within the strangers' budget. */
	(void)tell(l, FL_NOISE_SETTLED, 0);
}

/* ---- what workers say ---- */

static void admit(struct fl_noise_link *l, const struct fl_noise_who *who)
{
	struct fl_noise_server *s = l->server;

	l->machine = who->machine;
	l->version = who->version;
	enum fl_err err = check_stranger(l);
	bool told = err == FL_OK ? tell(l, FL_NOISE_ADMIT, l->stranger)
				 : tell(l, FL_NOISE_REFUSE, err == FL_ERR_FULL);
	if (!told)
		on_lost(l);
	if (err == FL_OK)
		s->handshakes++;
	else
		s->failures++;
}

static void closed(struct fl_noise_link *l)
{
	if (fl_machine_key_is_zero(&l->machine))
		l->server->failures++;
	link_free(l);
}

/* A stream that comes back has last words to send. */
static void send_off(const struct fl_noise_desk *d, struct fl_stream *stream)
{
	if (stream == NULL)
		return;
	if (d->worker.worker.threaded && fl_stream_attach(stream, d->server->loop) != FL_OK)
		fl_log_debug("last words were not sent: out of memory");
	fl_stream_close(stream, FL_SEC);
}

static void tell_heard(struct fl_noise_desk *d)
{
	struct fl_letter *m = fl_mailbox_put(&d->worker.worker.to);

	if (m == NULL)
		return; /* with the next request */
	m->kind = FL_PASS_HEARD;
	m->n = d->heard;
	d->heard = 0;
}

static void hear_of(struct fl_noise_link *l, const struct fl_letter *m)
{
	if (m->kind == FL_NOISE_WHO)
		admit(l, m->what);
	else if (m->kind == FL_NOISE_CLOSED)
		closed(l);
	else
		fl_pass_hear(&l->pass, m);
}

static void hear(void *ctx, const struct fl_letter *m)
{
	struct fl_noise_desk *d = ctx;
	struct fl_noise_link *l = fl_slots_at(&d->links, m->slot);

	if (m->kind == FL_PASS_REQUEST)
		d->heard += m->n;
	if (l != NULL && l->pass.gen == m->gen)
		hear_of(l, m);
	else
		fl_pass_discard(m);
	if (m->kind == FL_NOISE_WHO)
		free(m->what);
	else if (m->kind == FL_NOISE_CLOSED)
		send_off(d, m->what);
	if (d->heard > 0)
		tell_heard(d);
}

/* ---- upgrades ---- */

/*
 * Takes the stream. Answers what is malformed with a type-3 message; the worker closes on what does
 * not verify.
 */
static void accept(struct fl_noise_server *s, struct fl_stream *stream, const struct fl_ip *source,
		   struct fl_slice early, struct fl_slice initiation, bool early_payload)
{
	struct fl_noise_initiation parsed;
	if (fl_noise_initiation_decode(initiation, &parsed) != FL_OK) {
		s->failures++;
		fl_noise_send_error(stream, "malformed handshake message");
		return;
	}
	if (parsed.version < s->min_cap) {
		s->failures++;
		fl_noise_send_error(stream, "client too old: update it to version 1.80 or newer");
		return;
	}
	struct fl_noise_desk *d = &s->desks[s->next_desk++ % s->desks_count];
	struct fl_noise_link *l = link_new(d, source);
	if (l == NULL) {
		fl_stream_close(stream, 0);
		return;
	}
	const struct fl_noise_arrival arrival = {
		.stream = stream,
		.initiation = initiation,
		.early = early,
		.early_payload = early_payload,
		.slot = l->pass.slot,
		.gen = l->pass.gen,
		.home = l,
	};
	if (fl_noise_worker_adopt(&d->worker, &arrival, &l->place) != FL_OK)
		link_free(l);
}

static void refuse(struct fl_http *x, unsigned status, const char *text)
{
	fl_http_respond(x, status, "text/plain; charset=utf-8", fl_slice_str(text));
}

static bool decode_initiation(struct fl_slice text, uint8_t out[static FL_NOISE_INITIATION_LEN],
			      size_t *out_len)
{
	uint8_t raw[HANDSHAKE_TEXT_MAX];
	size_t len;

	if (text.len == 0 || text.len > HANDSHAKE_TEXT_MAX ||
	    fl_base64_decode(text, raw, sizeof raw, &len) != FL_OK)
		return false;
	*out_len = len;
	memcpy(out, raw, len < FL_NOISE_INITIATION_LEN ? len : FL_NOISE_INITIATION_LEN);
	return true;
}

static void upgrade_ws(struct fl_noise_server *s, struct fl_http *x)
{
	char text[HANDSHAKE_TEXT_MAX];
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	size_t len;

	if (fl_http_query(x, "X-Tailscale-Handshake", text, sizeof text) != FL_OK ||
	    !decode_initiation(fl_slice_str(text), initiation, &len)) {
		refuse(x, 400, "missing or malformed X-Tailscale-Handshake parameter\n");
		return;
	}
	const struct fl_ip source = fl_trusted_client_of(&s->trusted, x);
	struct fl_stream *stream;
	if (fl_http_upgrade_ws(x, "tailscale-control-protocol", WS_MESSAGE_MAX, &stream) != FL_OK)
		return; /* answered by the upgrade itself */
	if (len != FL_NOISE_INITIATION_LEN) {
		s->failures++;
		fl_noise_send_error(stream, "malformed handshake message");
		return;
	}
	accept(s, stream, &source, fl_slice_of(NULL, 0), fl_slice_of(initiation, len), false);
}

static void upgrade_post(struct fl_noise_server *s, struct fl_http *x)
{
	static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n"
					"Upgrade: tailscale-control-protocol\r\n"
					"Connection: upgrade\r\n\r\n";
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	size_t len;

	if (fl_http_field_count(x, "x-tailscale-handshake") != 1 ||
	    !decode_initiation(fl_http_field(x, "x-tailscale-handshake"), initiation, &len)) {
		refuse(x, 400, "missing or malformed X-Tailscale-Handshake header\n");
		return;
	}
	const struct fl_ip source = fl_trusted_client_of(&s->trusted, x);
	struct fl_stream *stream;
	struct fl_slice early;
	if (fl_http_upgrade(x, &stream, &early) != FL_OK) {
		refuse(x, 400, "an upgrade request must not have a body\n");
		return;
	}
	if (fl_stream_write(stream, fl_slice_of(switching, sizeof switching - 1)) != FL_OK) {
		fl_stream_close(stream, 0);
		return;
	}
	if (len != FL_NOISE_INITIATION_LEN) {
		s->failures++;
		fl_noise_send_error(stream, "malformed handshake message");
		return;
	}
	accept(s, stream, &source, early, fl_slice_of(initiation, len), true);
}

void fl_noise_server_upgrade(struct fl_noise_server *s, struct fl_http *x)
{
	struct fl_slice upgrade = fl_http_field(x, "upgrade");

	if (upgrade.len == 0) {
		fl_log_warn("upgrade header missing on /ts2021: a proxy in front must pass Upgrade "
			    "on POST");
		refuse(x, 500,
		       "no Upgrade header: a reverse proxy in front of this server must pass "
		       "'Upgrade' and 'Connection' on POST requests\n");
		return;
	}
	if (fl_http_field_count(x, "upgrade") != 1) {
		refuse(x, 400, "more than one Upgrade header\n");
		return;
	}
	if (fl_str_ieq(upgrade, fl_slice_str("websocket")))
		upgrade_ws(s, x);
	else if (fl_str_ieq(upgrade, fl_slice_str("tailscale-control-protocol")))
		upgrade_post(s, x);
	else
		refuse(x, 400, "unknown Upgrade protocol\n");
}

/* ---- life ---- */

/* Who has vanished is found within 30 s (SES-11). */
static const struct fl_keepalive keepalive = {
	.idle_s = 15,
	.interval_s = 5,
	.probes = 3,
	.unanswered = 30 * FL_SEC,
};

void fl_noise_server_init(struct fl_noise_server *s, struct fl_loop *loop,
			  const struct fl_private_key *key, uint32_t min_cap,
			  const struct fl_http_router *inner)
{
	*s = (struct fl_noise_server){
		.loop = loop,
		.common = {
			.key = *key,
			.limits = fl_http_limits_default,
			.first_request = FL_NOISE_FIRST_REQUEST,
			.keepalive = keepalive,
			.inner = *inner,
			.strangers = &s->strangers.budget,
		},
		.min_cap = min_cap,
		.inner = *inner,
	};
	fl_private_key_public(key, s->common.public_key.b);
	fl_list_init(&s->links);
}

/* On threads the same routes lead here by letter. */
static void pass_routes(struct fl_noise_server *s)
{
	assert(s->inner.count <= FL_NOISE_ROUTES_MAX);
	for (size_t i = 0; i < s->inner.count; i++) {
		s->passing[i] = s->inner.routes[i];
		s->passing[i].handle = fl_noise_worker_pass;
	}
	s->common.inner.routes = s->passing;
}

enum fl_err fl_noise_server_start(struct fl_noise_server *s, size_t threads)
{
	size_t count = threads > 0 ? threads : 1;

	s->desks = calloc(count, sizeof *s->desks);
	if (s->desks == NULL)
		return FL_ERR_NOMEM;
	if (threads > 0)
		pass_routes(s);
	for (size_t i = 0; i < count; i++) {
		struct fl_noise_desk *d = &s->desks[i];
		d->server = s;
		enum fl_err err = fl_noise_worker_start(&d->worker, s->loop, threads > 0,
							&s->common, hear, d);
		s->desks_count++; /* what it has is freed at the end, also if it did not start */
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

/* Best effort: without memory they hear of it when the connection closes. */
void fl_noise_server_goaway(struct fl_noise_server *s)
{
	for (size_t i = 0; i < s->desks_count; i++) {
		struct fl_letter *m = fl_mailbox_put(&s->desks[i].worker.worker.to);
		if (m != NULL)
			m->kind = FL_NOISE_GOAWAY;
	}
}

void fl_noise_server_done(struct fl_noise_server *s)
{
	if (s->loop == NULL)
		return;
	/* Handlers first: what workers still ask is answered by nobody. */
	fl_list_each(it, &s->links)
		fl_pass_link_done(&fl_list_entry(it, struct fl_noise_link, link)->pass);
	for (size_t i = 0; i < s->desks_count; i++)
		fl_noise_worker_stop(&s->desks[i].worker);
	fl_list_each(it, &s->links) link_free(fl_list_entry(it, struct fl_noise_link, link));
	for (size_t i = 0; i < s->desks_count; i++)
		fl_slots_done(&s->desks[i].links);
	free(s->desks);
	fl_strangers_done(&s->strangers);
	fl_trusted_done(&s->trusted);
	fl_wipe(&s->common.key, sizeof s->common.key);
}
