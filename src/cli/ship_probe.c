/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/ship_probe.c - a stranger's look at a device: TLS, certificate, SKI, WebSocket, and what it
 * says up to hello.
 *
 * The certificate shown is made for this one look, so no connection of the hub is disturbed; and
 * the hello of the device is not answered, so it cannot take a stranger for paired.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/service.h"
#include "cli/ship.h"
#include "io/tls_peer.h"
#include "io/ws_message.h"
#include "io/ws_upgrade.h"
#include "proto/ship/conn.h"
#include "wire/ship/message.h"

#define TIMEOUT_MAX FL_MIN

enum { PEM_MAX = 64 << 10, JSON_MAX = 256 << 10, TRACE_MAX = 16, MESSAGE_MAX = 1 << 20 };

/* The end of the look, which says what it came to. */
enum outcome { GOING_ON, SAW_HELLO, NO_NAME, NO_CONNECTION, NO_TLS, REFUSED, TOO_LATE, NO_SHIP };

struct step {
	int64_t at; /* since the start */
	bool sent;
	char text[96];
};

struct probe {
	struct fl_cli *cli;
	struct fl_loop *loop;
	struct fl_timer timer, hold; /* the end; our first word, see FL_SHIP_FIRST_WORD_HELD */
	struct fl_tls_peer *tls;
	struct fl_tls_dial *dial;
	struct fl_ws_upgrade *upgrade;
	struct fl_wsm *ws;
	char host[256];
	uint16_t port;
	const char *path;
	struct fl_tls_dial_to to;
	fl_time begun;
	bool has_tls, has_ws, has_spoken;
	struct fl_tls_peer_facts facts;
	struct step trace[TRACE_MAX];
	size_t steps;
	enum outcome outcome;
	char why[512];
	bool right_key; /* the SKI is that of the key */
	struct fl_fault key_fault;
};

/* ---- the trace ---- */

static void note(struct probe *p, bool sent, const char *fmt, ...) FL_PRINTF(3, 4);
static void note(struct probe *p, bool sent, const char *fmt, ...)
{
	va_list args;

	if (p->steps == TRACE_MAX)
		return;
	struct step *s = &p->trace[p->steps++];
	s->at = fl_loop_now(p->loop) - p->begun;
	s->sent = sent;
	va_start(args, fmt);
	vsnprintf(s->text, sizeof s->text, fmt, args);
	va_end(args);
}

static void end(struct probe *p, enum outcome outcome, const char *fmt, ...) FL_PRINTF(3, 4);
static void end(struct probe *p, enum outcome outcome, const char *fmt, ...)
{
	va_list args;

	if (p->outcome != GOING_ON)
		return;
	p->outcome = outcome;
	va_start(args, fmt);
	vsnprintf(p->why, sizeof p->why, fmt, args);
	va_end(args);
	fl_loop_stop(p->loop);
}

static void on_time(void *ctx)
{
	struct probe *p = ctx;

	end(p, TOO_LATE, "%s",
	    p->has_ws    ? "it says nothing more"
	    : p->has_tls ? "it does not answer the WebSocket request"
			 : "no connection with TLS within the time");
}

/* ---- SHIP ---- */

static const char *phase_name(enum fl_ship_phase phase)
{
	static const char *const names[] = { [FL_SHIP_PENDING] = "pending",
					     [FL_SHIP_READY] = "ready",
					     [FL_SHIP_ABORTED] = "aborted" };
	return names[phase];
}

static void on_hello(struct probe *p, const struct fl_ship_msg *m)
{
	const char *phase = phase_name(m->hello.phase);

	if (m->hello.has_waiting)
		note(p, false, "hello %s, waiting %u ms", phase, m->hello.waiting_ms);
	else
		note(p, false, "hello %s", phase);
	if (m->hello.phase == FL_SHIP_ABORTED)
		end(p, REFUSED, "it refuses strangers at hello");
	else
		end(p, SAW_HELLO, "it speaks SHIP, and %s",
		    m->hello.phase == FL_SHIP_READY ? "takes whoever comes"
						    : "waits for its user to trust us");
}

static void speak(void *ctx)
{
	static const uint8_t init[] = { 0, 0 };
	struct probe *p = ctx;

	if (p->has_spoken || p->outcome != GOING_ON)
		return;
	p->has_spoken = true;
	if (fl_wsm_send(p->ws, fl_slice_of(init, sizeof init)) != FL_OK)
		end(p, NO_CONNECTION, "out of memory");
	else
		note(p, true, "init");
}

static void on_message(void *ctx, struct fl_slice message)
{
	struct probe *p = ctx;
	struct fl_ship_msg m;

	speak(p); /* it hears */
	enum fl_err err = fl_ship_msg_decode(message, NULL, &m);
	if (err != FL_OK) {
		note(p, false, "%zu bytes that are no SHIP message", message.len);
		end(p, NO_SHIP, "what it sends is not SHIP: %s", fl_err_text(err));
		return;
	}
	if (m.kind == FL_SHIP_CMI)
		note(p, false, "init");
	else if (m.kind == FL_SHIP_HELLO)
		on_hello(p, &m);
	else
		note(p, false, "a message that has no place before hello");
	fl_ship_msg_done(&m);
}

static void on_ws_end(void *ctx, enum fl_err err, uint16_t code, struct fl_slice reason)
{
	struct probe *p = ctx;

	note(p, false, "close %u %.*s", code, (int)(reason.len < 64 ? reason.len : 64),
	     (const char *)reason.ptr);
	end(p, err == FL_OK || err == FL_ERR_CLOSED ? REFUSED : NO_SHIP,
	    "it ended the connection before hello (code %u)", code);
}

/* ---- on the way there ---- */

static void on_upgraded(void *ctx, enum fl_err err, unsigned status, struct fl_stream *s,
			struct fl_slice early)
{
	static const struct fl_wsm_owner owner = { .on_message = on_message, .on_end = on_ws_end };
	const struct fl_wsm_config cfg = { .client = true,
					   .message_max = MESSAGE_MAX,
					   .pending_max = MESSAGE_MAX };
	struct probe *p = ctx;

	p->upgrade = NULL;
	if (err == FL_ERR_DENIED) {
		end(p, REFUSED, "it answers the WebSocket request with HTTP status %u", status);
		return;
	}
	if (err != FL_OK) {
		end(p, err == FL_ERR_TIMEOUT ? TOO_LATE : NO_SHIP,
		    "no WebSocket with the protocol ship at %s: %s", p->path, fl_err_text(err));
		return;
	}
	p->has_ws = true;
	note(p, false, "WebSocket");
	fl_timer_start(&p->hold, FL_SHIP_FIRST_WORD_HELD);
	if (fl_wsm_new(s, early, &cfg, &owner, p, &p->ws) != FL_OK)
		end(p, NO_CONNECTION, "out of memory");
}

static void on_dialled(void *ctx, enum fl_err err, const char *why, struct fl_stream *s)
{
	struct probe *p = ctx;
	char header[FL_WS_HOST_MAX];

	p->dial = NULL;
	if (err != FL_OK) {
		end(p,
		    err == FL_ERR_NOT_FOUND                       ? NO_NAME
		    : err == FL_ERR_CRYPTO || err == FL_ERR_PROTO ? NO_TLS
		    : err == FL_ERR_TIMEOUT                       ? TOO_LATE
								  : NO_CONNECTION,
		    "%s", why);
		return;
	}
	p->has_tls = fl_stream_peer_facts(s, &p->facts) == FL_OK;
	p->right_key = fl_ship_cert_judge(&p->facts.cert, NULL, &p->key_fault) == FL_OK;
	note(p, false, "%s %s", p->facts.version, p->facts.suite);
	fl_ws_host(fl_ip_is_set(&p->to.at.ip) ? NULL : p->host, &p->to.at, header);
	if (fl_ws_upgrade_start(s, header, p->path, "ship", TIMEOUT_MAX, on_upgraded, p,
				&p->upgrade) != FL_OK)
		end(p, NO_CONNECTION, "out of memory");
}

/* Whatever it shows is worth a look: the verdict comes afterwards. */
static enum fl_err take_any(void *ctx, const struct fl_ship_cert_facts *facts, enum fl_err err,
			    struct fl_fault *fault)
{
	(void)ctx;
	(void)facts;
	(void)err;
	(void)fault;
	return FL_OK;
}

static enum fl_err make_tls(struct probe *p, struct fl_fault *fault)
{
	struct fl_buf cert = fl_buf_make(PEM_MAX), key = fl_buf_make(PEM_MAX);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	const struct fl_ship_cert_params params = { .common_name = "fairlead-probe",
						    .now = now.tv_sec * FL_SEC };
	enum fl_err err = fl_ship_cert_create(&params, &cert, &key);
	const struct fl_tls_peer_config cfg = {
		.cert_pem = fl_buf_slice(&cert),
		.key_pem = fl_buf_slice(&key),
		.judge = take_any,
		.small_records = true,
		.tls12_only = fl_args_on(&p->cli->args, "tls12"),
	};
	if (err == FL_OK)
		err = fl_tls_peer_new(&cfg, fault, &p->tls);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
	return err;
}

/* An address stays one; the interface of a link-local one stands behind '%'. */
static enum fl_err dial(struct probe *p, int64_t timeout)
{
	const char *percent = strchr(p->host, '%');
	size_t len = percent != NULL ? (size_t)(percent - p->host) : strlen(p->host);

	p->to = (struct fl_tls_dial_to){ .at = { .port = p->port }, .timeout = timeout };
	if (fl_ip_parse(fl_slice_of(p->host, len), &p->to.at.ip) == FL_OK) {
		p->to.scope = percent != NULL ? if_nametoindex(percent + 1) : 0;
	} else {
		p->to.host = p->host;
		p->to.server_name = p->host;
	}
	return fl_tls_dial(p->loop, p->tls, &p->to, on_dialled, p, &p->dial);
}

/* ---- the report ---- */

static const struct fl_column columns[] = {
	{ "Address", "address", FL_COLUMN_TEXT, false },
	{ "TLS", "tls.version", FL_COLUMN_TEXT, false },
	{ "Suite", "tls.suite", FL_COLUMN_TEXT, false },
	{ "Subject", "certificate.subject", FL_COLUMN_TEXT, false },
	{ "Valid from", "certificate.notBefore", FL_COLUMN_TIME, false },
	{ "Valid until", "certificate.notAfter", FL_COLUMN_TIME, false },
	{ "SKI announced", "certificate.announcedSki", FL_COLUMN_SKI, false },
	{ "SKI of the key", "certificate.computedSki", FL_COLUMN_SKI, false },
	{ "SHA-256 of the key", "certificate.keySha256", FL_COLUMN_TEXT, false },
	{ "SKI", "certificate.verdict", FL_COLUMN_TEXT, false },
	{ "Verdict", "verdict", FL_COLUMN_TEXT, false },
};
static const struct fl_resource resource = {
	.list = "-",
	.item = "",
	.name = "certificate.computedSki",
	.columns = columns,
	.count = sizeof columns / sizeof *columns,
};

static void member(struct fl_jw *w, const char *key, const char *text)
{
	fl_jw_key(w, key);
	fl_jw_str(w, text);
}

static void write_certificate(const struct probe *p, struct fl_jw *w)
{
	const struct fl_ship_cert_facts *f = &p->facts.cert;
	char announced[FL_SKI_TEXT_LEN + 1] = "", computed[FL_SKI_TEXT_LEN + 1];
	char pin[FL_HASH_LEN * 2 + 1];

	if (f->has_announced)
		fl_ski_format(&f->announced, announced);
	fl_ski_format(&f->computed, computed);
	fl_hex_encode(f->key_pin, sizeof f->key_pin, pin);
	fl_jw_obj(w);
	member(w, "subject", f->subject);
	fl_jw_key(w, "notBefore");
	fl_jw_time(w, f->not_before);
	fl_jw_key(w, "notAfter");
	fl_jw_time(w, f->not_after);
	member(w, "announcedSki", announced);
	member(w, "computedSki", computed);
	member(w, "keySha256", pin);
	member(w, "verdict", p->right_key ? "that of the key" : p->key_fault.text);
	fl_jw_obj_end(w);
}

static void write_trace(const struct probe *p, struct fl_jw *w)
{
	fl_jw_arr(w);
	for (size_t i = 0; i < p->steps; i++) {
		const struct step *s = &p->trace[i];
		fl_jw_obj(w);
		fl_jw_key(w, "ms");
		fl_jw_i64(w, s->at / FL_MS);
		member(w, "direction", s->sent ? "sent" : "received");
		member(w, "what", s->text);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

static void write_report(const struct probe *p, struct fl_jw *w)
{
	char address[300];

	snprintf(address, sizeof address, "%s port %u", p->host, p->port);
	fl_jw_obj(w);
	member(w, "address", address);
	fl_jw_key(w, "tls");
	fl_jw_obj(w);
	member(w, "version", p->facts.version);
	member(w, "suite", p->facts.suite);
	fl_jw_obj_end(w);
	fl_jw_key(w, "certificate");
	write_certificate(p, w);
	fl_jw_key(w, "handshake");
	write_trace(p, w);
	member(w, "verdict", p->why);
	fl_jw_obj_end(w);
}

/* For people: what came and went, a line each. */
static void print_trace(const struct probe *p)
{
	struct fl_buf line = fl_buf_make(JSON_MAX);

	for (size_t i = 0; i < p->steps; i++) {
		const struct step *s = &p->trace[i];
		fl_buf_printf(&line, "%6lld ms  %s  ", (long long)(s->at / FL_MS),
			      s->sent ? "->" : "<-");
		fl_output_clean(fl_slice_str(s->text), &line);
		fl_buf_byte(&line, '\n');
	}
	fwrite(line.ptr, 1, line.len, stdout);
	fl_buf_done(&line);
}

/* All that was learned, also where it ended in a failure. */
static int report(struct probe *p)
{
	struct fl_buf json = fl_buf_make(JSON_MAX);
	struct fl_jw w = fl_jw_make(&json);
	struct fl_answer a;

	write_report(p, &w);
	if (!fl_ship_own_answer(p->cli, &json, &a))
		return FL_EXIT_FAILED;
	int code = fl_ship_show(p->cli, &resource, &a);
	if (code == FL_EXIT_DONE && !fl_cli_wants_data(p->cli))
		print_trace(p);
	fl_answer_done(&a);
	return code;
}

/* ---- what it came to ---- */

static int check_ski(struct probe *p)
{
	const char *wanted = fl_args_text(&p->cli->args, "ski");
	char text[FL_SKI_TEXT_LEN + 1];
	struct fl_ski ski;

	if (wanted != NULL && (fl_ski_parse(fl_slice_str(wanted), &ski) != FL_OK ||
			       fl_ski_cmp(&ski, &p->facts.cert.computed) != 0)) {
		fl_ski_format(&p->facts.cert.computed, text);
		return fl_cli_fail(p->cli, FL_EXIT_CHECK, "Which device is at this address?",
				   "it is not the device asked for, but %s", text);
	}
	if (!p->right_key)
		return fl_cli_fail(p->cli, FL_EXIT_CHECK,
				   "Sure that it is yours? fairlead ship pair SKI --pin-key SHA256",
				   "%s", p->key_fault.text);
	return FL_EXIT_DONE;
}

static int verdict(struct probe *p)
{
	static const struct {
		enum fl_exit code;
		const char *hint;
	} ends[] = {
		[NO_NAME] = { FL_EXIT_NOT_FOUND, "Check the name, or use the address." },
		[NO_CONNECTION] = { FL_EXIT_UNREACHABLE, "Check address, port and network." },
		[NO_TLS] = { FL_EXIT_CHECK, "It speaks another TLS, or wants no stranger." },
		[REFUSED] = { FL_EXIT_REFUSED, "Pair on the device first, or wake its pairing." },
		[TOO_LATE] = { FL_EXIT_UNREACHABLE, "Try again, or allow more with --timeout." },
		[NO_SHIP] = { FL_EXIT_FAILED, "Is this the port of SHIP? Another --path?" },
		[SAW_HELLO] = { FL_EXIT_DONE, NULL },
	};

	if (p->outcome == SAW_HELLO)
		return check_ski(p);
	return fl_cli_fail(p->cli, ends[p->outcome].code, ends[p->outcome].hint, "%s port %u: %s",
			   p->host, p->port, p->why);
}

/* ---- all ---- */

static void close_all(struct probe *p, struct fl_service *s)
{
	p->dial = fl_tls_dial_cancel(p->dial);
	p->upgrade = fl_ws_upgrade_cancel(p->upgrade);
	p->ws = fl_wsm_close(p->ws, 4001, "close");
	p->tls = fl_tls_peer_unref(p->tls);
	fl_timer_done(&p->timer);
	fl_timer_done(&p->hold);
	fl_service_close(s);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static enum fl_err look(struct probe *p, int64_t timeout, struct fl_fault *fault)
{
	enum fl_err err = make_tls(p, fault);

	if (err == FL_OK)
		err = fl_timer_init(&p->timer, p->loop, on_time, p);
	if (err == FL_OK)
		err = fl_timer_init(&p->hold, p->loop, speak, p);
	if (err != FL_OK)
		return err;
	p->begun = fl_loop_now(p->loop);
	fl_timer_start(&p->timer, timeout);
	err = dial(p, timeout);
	if (err == FL_OK)
		fl_loop_run(p->loop);
	return err;
}

static int probe(struct probe *p, int64_t timeout)
{
	struct fl_service service = { 0 };
	struct fl_fault fault = { "" };
	int code = FL_EXIT_DONE;

	enum fl_err err = fl_service_open(&service, nothing, NULL);
	if (err == FL_OK) {
		p->loop = service.loop;
		err = look(p, timeout, &fault);
	}
	if (err != FL_OK)
		code = fl_cli_fail(p->cli, FL_EXIT_FAILED, NULL, "cannot begin: %s",
				   fault.text[0] != '\0' ? fault.text : fl_err_text(err));
	else if (p->outcome == GOING_ON)
		code = fl_cli_fail(p->cli, FL_EXIT_ABORTED, NULL, "stopped");
	if (service.loop != NULL)
		close_all(p, &service);
	if (code == FL_EXIT_DONE && p->has_tls)
		code = report(p);
	return code == FL_EXIT_DONE ? verdict(p) : code;
}

int fl_cmd_ship_probe(struct fl_cli *c)
{
	int64_t timeout = fl_args_duration(&c->args, "timeout");
	const char *path = fl_args_text(&c->args, "path");
	struct probe *p = calloc(1, sizeof *p);

	if (p == NULL)
		return FL_EXIT_FAILED;
	p->cli = c;
	p->path = path != NULL ? path : "/ship/";
	int code = fl_ship_place(c, c->args.word[0], p->host, &p->port);
	if (code == FL_EXIT_DONE && (timeout <= 0 || timeout > TIMEOUT_MAX))
		code = fl_cli_fail(c, FL_EXIT_USAGE, NULL, "--timeout: more than 0, at most 1m");
	if (code == FL_EXIT_DONE)
		code = probe(p, timeout);
	free(p);
	return code;
}
