/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/proto/ship/kit.c - stories are read, played and written down again. */
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { WORDS_MAX = 8, BIG = 4096 };

static const fl_time epoch = 12345 * FL_SEC + 678; /* any time but zero */

static bool is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

static const char *after(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);

	return word != NULL && strncmp(word, prefix, n) == 0 ? word + n : NULL;
}

static size_t split(char *text, char *words[WORDS_MAX])
{
	size_t n = 0;

	for (char *save, *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		assert_true(n < WORDS_MAX - 1);
		words[n++] = w;
	}
	for (size_t i = n; i < WORDS_MAX; i++)
		words[i] = NULL;
	return n;
}

/* ---- messages, spelled without our encoder ---- */

static void put_hello(char **w, struct fl_buf *out)
{
	fl_buf_printf(out, "\1{\"connectionHello\":[{\"phase\":\"%s\"}", w[1]);
	for (w += 2; *w != NULL; w++)
		if (is(*w, "ask"))
			fl_buf_str(out, ",{\"prolongationRequest\":true}");
		else
			fl_buf_printf(out, ",{\"waiting\":%s}", after(*w, "w="));
	fl_buf_str(out, "]}");
}

static void put_proto(char **w, struct fl_buf *out)
{
	const char *formats = "\"JSON-UTF8\"", *v = "1.0";

	for (char **at = w + 2; *at != NULL; at++)
		if (after(*at, "v="))
			v = after(*at, "v=");
		else if (is(*at, "f=16"))
			formats = "\"JSON-UTF16\"";
		else if (is(*at, "f=both"))
			formats = "\"JSON-UTF16\",\"JSON-UTF8\"";
		else
			formats = "";
	fl_buf_printf(out,
		      "\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"%s\"},"
		      "{\"version\":[{\"major\":%.1s},{\"minor\":%s}]},{\"formats\":[{\"format\":[%"
		      "s]}]}]}",
		      is(w[1], "max") ? "announceMax" : w[1], v, v + 2, formats);
}

static void put_pin(char **w, struct fl_buf *out)
{
	fl_buf_printf(out, "\1{\"connectionPinState\":[{\"pinState\":\"%s\"}",
		      is(w[1], "ok") ? "pinOk" : w[1]);
	if (w[2] != NULL)
		fl_buf_printf(out, ",{\"inputPermission\":\"%s\"}", w[2]);
	fl_buf_str(out, "]}");
}

static void put_access(char **w, struct fl_buf *out)
{
	fl_buf_str(out, "\1{\"accessMethods\":[");
	if (w[1] != NULL)
		fl_buf_printf(out, "{\"id\":\"%s\"},", w[1]);
	fl_buf_str(out, "{\"dnsSd_mDns\":[]}]}");
}

static void put_data(char **w, struct fl_buf *out)
{
	fl_buf_printf(out,
		      "\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},"
		      "{\"payload\":{\"datagram\":[{\"w\":\"%s\"}]}}]}",
		      w[1]);
}

static void put_close(char **w, struct fl_buf *out)
{
	if (is(w[1], "confirm"))
		fl_buf_str(out, "\3{\"connectionClose\":[{\"phase\":\"confirm\"}]}");
	else
		fl_buf_printf(out,
			      "\3{\"connectionClose\":[{\"phase\":\"announce\"},{\"maxTime\":500},"
			      "{\"reason\":\"%s\"}]}",
			      is(w[1], "removed") ? "removedConnection" : "unspecific");
}

static void put_big(char **w, struct fl_buf *out)
{
	(void)w;
	fl_buf_byte(out, 2);
	for (size_t i = 0; i < BIG; i++)
		fl_buf_byte(out, ' ');
}

static const struct {
	const char *word, *bytes; /* NULL: made by */
	size_t len;
	void (*put)(char **words, struct fl_buf *out);
} messages[] = {
#define BYTES(s) s, sizeof(s) - 1, NULL
	{ "cmi", BYTES("\0\0") },
	{ "cmi-bad", BYTES("\0\1") },
	{ "hello", NULL, 0, put_hello },
	{ "proto", NULL, 0, put_proto },
	{ "proto-error", BYTES("\1{\"messageProtocolHandshakeError\":[{\"error\":2}]}") },
	{ "pin", NULL, 0, put_pin },
	{ "pin-error", BYTES("\1{\"connectionPinError\":[{\"error\":1}]}") },
	{ "access?", BYTES("\1{\"accessMethodsRequest\":[]}") },
	{ "access", NULL, 0, put_access },
	{ "data", NULL, 0, put_data },
	{ "close", NULL, 0, put_close },
	{ "unknown", BYTES("\1{\"somethingNew\":[{\"a\":1}]}") },
	{ "bad-init", BYTES("\0\0\0") },
	{ "bad-control", BYTES("\1{\"connectionHello\":[{\"pha") },
	{ "bad-phase", BYTES("\1{\"connectionHello\":[{\"phase\":\"perhaps\"}]}") },
	{ "bad-data", BYTES("\2{\"data\":[") },
	{ "bad-end", BYTES("\3{\"connectionClose\":7}") },
	{ "empty", BYTES("") },
	{ "short", BYTES("\1") },
	{ "bad-type", BYTES("\4{}") },
	{ "big", NULL, 0, put_big },
#undef BYTES
};

void ship_message_of(const char *line, struct fl_buf *out)
{
	char copy[128], *words[WORDS_MAX];

	(void)snprintf(copy, sizeof copy, "%s", line);
	assert_true(split(copy, words) > 0);
	if (is(words[0], "pin-input")) {
		fl_buf_printf(out, "\1{\"connectionPinInput\":[{\"pin\":\"%s\"}]}", words[1]);
		return;
	}
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		if (!is(words[0], messages[i].word))
			continue;
		if (messages[i].put != NULL)
			messages[i].put(words, out);
		else
			fl_buf_put(out, messages[i].bytes, messages[i].len);
		return;
	}
	fail_msg("no such message: %s", line);
}

void ship_hear(struct fl_ship_conn *c, fl_time now, const char *words)
{
	struct fl_buf b = fl_buf_make(1 << 16);

	ship_message_of(words, &b);
	fl_ship_conn_message(c, now, fl_buf_slice(&b));
	fl_buf_done(&b);
}

/* ---- set up ---- */

static void config_word(struct fl_ship_conn_config *cfg, const char *w, fl_time from)
{
	const char *v;

	if (is(w, "client"))
		cfg->client = true;
	else if (is(w, "trusted"))
		cfg->trusted = true;
	else if (is(w, "wait"))
		cfg->may_wait = true;
	else if ((v = after(w, "peer=")) != NULL)
		cfg->peer_id = v;
	else if ((v = after(w, "need=")) != NULL)
		cfg->pin = v, cfg->pin_wanted = FL_SHIP_PIN_REQUIRED;
	else if ((v = after(w, "may=")) != NULL)
		cfg->pin = v, cfg->pin_wanted = FL_SHIP_PIN_OPTIONAL;
	else if ((v = after(w, "knows=")) != NULL)
		cfg->peer_pin = v;
	else if ((v = after(w, "fails=")) != NULL)
		cfg->pin_failures = (unsigned)atoi(v);
	else if ((v = after(w, "busy=")) != NULL)
		cfg->pin_busy_until = from + atoi(v) * FL_MS;
	else if (!is(w, "server"))
		fail_msg("no such setting: %s", w);
}

struct fl_ship_conn_config ship_config_of(char *text, fl_time from)
{
	struct fl_ship_conn_config cfg = { .ship_id = "Us-1", .message_max = BIG };
	char *words[WORDS_MAX];
	size_t n = split(text, words);

	for (size_t i = 0; i < n; i++)
		config_word(&cfg, words[i], from);
	assert_int_equal(fl_ship_timers_settle(&cfg.timers, NULL), FL_OK);
	return cfg;
}

/* ---- effects as lines ---- */

static void print_hello(const struct fl_ship_msg *m, struct fl_buf *out)
{
	static const char *const phases[] = { "pending", "ready", "aborted" };

	fl_buf_printf(out, "hello %s", phases[m->hello.phase]);
	if (m->hello.has_waiting)
		fl_buf_printf(out, " w=%u", (unsigned)m->hello.waiting_ms);
	if (m->hello.prolong)
		fl_buf_str(out, " ask");
}

static void print_pin(const struct fl_ship_msg *m, struct fl_buf *out)
{
	static const char *const states[] = { "none", "required", "optional", "ok" };

	fl_buf_printf(out, "pin %s", states[m->pin.state]);
	if (m->pin.has_permission)
		fl_buf_str(out, m->pin.busy ? " busy" : " ok");
}

static void print_proto(const struct fl_ship_msg *m, struct fl_buf *out)
{
	fl_buf_printf(out, "proto %s v=%u.%u formats=%u%s",
		      m->protocol.select == FL_SHIP_SELECT ? "select" : "max", m->protocol.major,
		      m->protocol.minor, m->protocol.formats, m->protocol.utf8 ? " utf8" : "");
}

static void print_close(const struct fl_ship_msg *m, struct fl_buf *out)
{
	if (m->close.phase == FL_SHIP_CLOSE_CONFIRM) {
		fl_buf_str(out, "close confirm");
		return;
	}
	fl_buf_printf(out, "close announce max=%u%s", (unsigned)m->close.max_time_ms,
		      m->close.reason == FL_SHIP_REMOVED_CONNECTION ? " removed" : "");
}

static void print_text(const char *what, struct fl_slice s, struct fl_buf *out)
{
	fl_buf_printf(out, "%s %.*s", what, (int)s.len, (const char *)s.ptr);
}

static void print_sent(struct fl_slice bytes, struct fl_buf *out)
{
	struct fl_ship_msg m;

	fl_buf_str(out, "> ");
	assert_int_equal(fl_ship_msg_decode(bytes, NULL, &m), FL_OK);
	switch (m.kind) {
	case FL_SHIP_CMI:
		fl_buf_str(out, "cmi");
		break;
	case FL_SHIP_HELLO:
		print_hello(&m, out);
		break;
	case FL_SHIP_PROTOCOL:
		print_proto(&m, out);
		break;
	case FL_SHIP_PROTOCOL_ERROR:
		fl_buf_printf(out, "proto-error %u", (unsigned)m.error);
		break;
	case FL_SHIP_PIN_STATE:
		print_pin(&m, out);
		break;
	case FL_SHIP_PIN_INPUT:
		print_text("pin-input", m.pin_input, out);
		break;
	case FL_SHIP_PIN_ERROR:
		fl_buf_printf(out, "pin-error %u", (unsigned)m.error);
		break;
	case FL_SHIP_ACCESS_REQUEST:
		fl_buf_str(out, "access?");
		break;
	case FL_SHIP_ACCESS:
		print_text("access", m.id, out);
		break;
	case FL_SHIP_PAYLOAD:
		print_text("data", m.data.payload, out);
		break;
	case FL_SHIP_CLOSE:
		print_close(&m, out);
		break;
	case FL_SHIP_UNKNOWN:
		fail_msg("we sent what we do not know");
	}
	fl_ship_msg_done(&m);
}

void ship_effect_print(const struct fl_ship_effect *e, fl_time from, struct fl_buf *out)
{
	fl_buf_str(out, "  ");
	switch (e->kind) {
	case FL_SHIP_DO_SEND:
		print_sent(e->bytes, out);
		break;
	case FL_SHIP_DO_STATE:
		fl_buf_printf(out, "state %s", fl_ship_state_name(e->state));
		break;
	case FL_SHIP_DO_ASK_TRUST:
		fl_buf_str(out, "ask-trust");
		break;
	case FL_SHIP_DO_TRUSTED:
		fl_buf_str(out, "trusted");
		break;
	case FL_SHIP_DO_ASK_PIN:
		fl_buf_printf(out, "ask-pin%s", e->optional ? " optional" : "");
		break;
	case FL_SHIP_DO_PIN_WRONG:
		fl_buf_str(out, "pin-wrong");
		break;
	case FL_SHIP_DO_PIN_FAILED:
		fl_buf_printf(out, "pin-failed n=%u", e->pin_failures);
		if (e->pin_busy_until != 0)
			fl_buf_printf(out, " until=%lld",
				      (long long)((e->pin_busy_until - from) / FL_MS));
		break;
	case FL_SHIP_DO_OPEN:
		fl_buf_str(out, "open");
		break;
	case FL_SHIP_DO_PEER_ID:
		print_text("peer-id", e->bytes, out);
		break;
	case FL_SHIP_DO_DATA:
		print_text("data", e->bytes, out);
		break;
	case FL_SHIP_DO_CLOSE:
		fl_buf_printf(out, "CLOSE %u \"%s\": %s%s", e->code, e->text, fl_err_text(e->err),
			      e->completed ? ", completed" : "");
		break;
	}
	fl_buf_byte(out, '\n');
}

/* ---- playing ---- */

struct play {
	struct fl_ship_conn *c;
	fl_time now;
	bool started, closed;
	struct fl_buf trace;
};

void ship_invariants(const struct fl_ship_conn *c, fl_time now, bool started, bool closed)
{
	fl_time due = fl_ship_conn_deadline(c);
	enum fl_ship_state s = fl_ship_conn_state(c);

	assert_int_equal(s == FL_SHIP_S_CLOSED, closed);
	if (closed || !started)
		assert_true(due == FL_NEVER);
	else if (s != FL_SHIP_S_COMPLETE)
		assert_true(due != FL_NEVER);
	assert_true(due > now);
}

static void drain(struct play *p)
{
	struct fl_ship_effect e;

	while (fl_ship_conn_next(p->c, &e)) {
		assert_false(p->closed);
		p->closed = e.kind == FL_SHIP_DO_CLOSE;
		ship_effect_print(&e, epoch, &p->trace);
	}
}

static void say(struct play *p, enum fl_err err)
{
	if (err != FL_OK)
		fl_buf_printf(&p->trace, "  %s\n", fl_err_text(err));
}

static void send_word(struct play *p, const char *word, bool wire)
{
	char text[64];

	(void)snprintf(text, sizeof text,
		       wire ? "{\"datagram\":[{\"w\":\"%s\"}]}" : "{\"datagram\":{\"w\":\"%s\"}}",
		       word);
	say(p, fl_ship_conn_send(p->c, p->now, fl_slice_str(text), wire));
}

static void print_due(struct play *p)
{
	fl_time due = fl_ship_conn_deadline(p->c);

	if (due == FL_NEVER)
		fl_buf_str(&p->trace, "  never\n");
	else
		fl_buf_printf(&p->trace, "  %lld\n", (long long)((due - p->now) / FL_MS));
}

static void happen(struct play *p, const char *line)
{
	const char *arg;

	if (is(line, "start")) {
		p->started = true;
		fl_ship_conn_start(p->c, p->now);
	} else if ((arg = after(line, "< ")) != NULL) {
		ship_hear(p->c, p->now, arg);
	} else if ((arg = after(line, "+")) != NULL) {
		p->now += atoll(arg) * FL_MS;
		fl_ship_conn_tick(p->c, p->now);
	} else if (is(line, "due")) {
		print_due(p);
	} else if (is(line, "trust") || is(line, "refuse")) {
		fl_ship_conn_decide(p->c, p->now, is(line, "trust"));
	} else if (is(line, "wait") || is(line, "no-wait")) {
		fl_ship_conn_may_wait(p->c, is(line, "wait"));
	} else if ((arg = after(line, "give-pin ")) != NULL) {
		say(p, fl_ship_conn_pin(p->c, p->now, arg));
	} else if ((arg = after(line, "send ")) != NULL) {
		send_word(p, arg, false);
	} else if ((arg = after(line, "send-wire ")) != NULL) {
		send_word(p, arg, true);
	} else if (is(line, "end")) {
		fl_ship_conn_end(p->c, p->now, FL_SHIP_REMOVED_CONNECTION, FL_SHIP_CODE_USER,
				 "User close");
	} else if (is(line, "lost") || is(line, "refused")) {
		fl_ship_conn_lost(p->c, p->now, is(line, "refused"));
	} else {
		fail_msg("no such event: %s", line);
	}
}

static void play_line(struct play *p, char *line)
{
	fl_buf_printf(&p->trace, "%s\n", line);
	if (p->c != NULL) {
		happen(p, line);
		drain(p);
		ship_invariants(p->c, p->now, p->started, p->closed);
		return;
	}
	assert_non_null(after(line, "conn "));
	struct fl_ship_conn_config cfg = ship_config_of(line + 5, epoch);
	assert_int_equal(fl_ship_conn_new(&cfg, &p->c), FL_OK);
}

void ship_story_play(void **state)
{
	const struct ship_story *story = *state;
	struct play p = { .now = epoch, .trace = fl_buf_make(1 << 16) };
	char *text = strdup(story->text);

	assert_non_null(text);
	for (char *save, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (line[0] != ' ')
			play_line(&p, line);
	fl_buf_byte(&p.trace, '\0');
	if (strcmp((char *)p.trace.ptr, story->text) != 0) {
		(void)fprintf(stderr, "it went like this:\n%s\n", (char *)p.trace.ptr);
		fail();
	}
	fl_ship_conn_free(p.c);
	fl_buf_done(&p.trace);
	free(text);
}
