/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/devices/kit.c - plays a story and writes down what came out. */
#include "kit.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/ship/kit.h"

enum { WORDS_MAX = 12, OUT_MAX = 1 << 16, LIMITS_MAX = 4 };

static const fl_time epoch = 12345 * FL_SEC + 678; /* any time but zero */

struct play {
	struct fl_devices *d;
	fl_time now;
	struct fl_buf out;
	uint64_t clients; /* a bit for each connection that we opened */
};

static bool is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

static const char *after(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(word, prefix, n) == 0 ? word + n : NULL;
}

struct fl_ski devices_ski(char letter)
{
	struct fl_ski ski;

	memset(ski.b, tolower(letter), sizeof ski.b);
	return ski;
}

/* "b35": b of the categories 3 and 5. */
static const char *take_categories(const char *text, struct fl_ship_txt *t)
{
	for (; isdigit((unsigned char)text[1]); text++)
		t->categories[t->categories_count++] = (uint32_t)(text[1] - '0');
	return text;
}

void devices_see(struct fl_devices *d, fl_time now, const char *letters)
{
	struct fl_device_entry all[26];
	size_t count = 0;

	memset(all, 0, sizeof all);
	for (; letters != NULL && *letters != '\0'; letters++, count++) {
		all[count].txt.ski = devices_ski(*letters);
		all[count].txt.auto_accept = isupper((unsigned char)*letters) != 0;
		all[count].port = 4712;
		(void)snprintf(all[count].host, sizeof all[count].host, "%c.local",
			       tolower((unsigned char)*letters));
		letters = take_categories(letters, &all[count].txt);
	}
	assert_int_equal(fl_devices_visible(d, now, all, count), FL_OK);
}

/* ---- what came out ---- */

static void print_sent(struct play *p, const struct fl_devices_effect *e)
{
	struct fl_ship_msg m;

	assert_int_equal(fl_ship_msg_decode(e->bytes, NULL, &m), FL_OK);
	bool shown = m.kind == FL_SHIP_PAYLOAD || m.kind == FL_SHIP_CLOSE ||
		     m.kind == FL_SHIP_PIN_STATE || m.kind == FL_SHIP_PIN_INPUT ||
		     (m.kind == FL_SHIP_HELLO && m.hello.phase == FL_SHIP_ABORTED);
	fl_ship_msg_done(&m);
	if (!shown)
		return;
	const struct fl_ship_effect sent = { .kind = FL_SHIP_DO_SEND, .bytes = e->bytes };
	fl_buf_printf(&p->out, "  %u", (unsigned)e->number);
	ship_effect_print(&sent, epoch, &p->out);
}

static void print_record(struct play *p, const struct fl_device_record *r)
{
	fl_buf_printf(&p->out, "  keep %c%s", r->ski.b[0], r->trusted ? " trusted" : "");
	if (r->ship_id[0] != '\0')
		fl_buf_printf(&p->out, " id=%s", r->ship_id);
	if (r->name[0] != '\0')
		fl_buf_printf(&p->out, " name=%s", r->name);
	if (r->fixed_host[0] != '\0')
		fl_buf_printf(&p->out, " at=%s:%u%s", r->fixed_host, r->fixed_port, r->fixed_path);
	fl_buf_byte(&p->out, '\n');
}

static void print_dial(struct play *p, const struct fl_devices_effect *e)
{
	char ip[FL_IP_TEXT_MAX] = "";

	if (e->entry->addrs_count > 0)
		fl_ip_format(&e->entry->addrs[0].ip, ip);
	fl_buf_printf(&p->out, "  dial %u %c at %s%s:%u\n", (unsigned)e->number, e->ski.b[0],
		      e->entry->host, ip, e->entry->port);
}

static void print_effect(struct play *p, const struct fl_devices_effect *e)
{
	const char who = (char)e->ski.b[0];
	const unsigned number = (unsigned)e->number;

	switch (e->kind) {
	case FL_DEVICES_DO_DIAL:
		print_dial(p, e);
		break;
	case FL_DEVICES_DO_ABORT:
		fl_buf_printf(&p->out, "  abort %u\n", number);
		break;
	case FL_DEVICES_DO_SEND:
		print_sent(p, e);
		break;
	case FL_DEVICES_DO_CLOSE:
		fl_buf_printf(&p->out, "  close %u %u %s\n", number, e->code, e->text);
		break;
	case FL_DEVICES_DO_RESUME:
		fl_buf_printf(&p->out, "  resume %u\n", number);
		break;
	case FL_DEVICES_DO_PERSIST:
		print_record(p, e->record);
		break;
	case FL_DEVICES_DO_ANNOUNCE:
		fl_buf_printf(&p->out, "  announce%s\n", e->auto_accept ? " register" : "");
		break;
	case FL_DEVICES_TELL_VISIBLE:
		fl_buf_str(&p->out, "  visible\n");
		break;
	case FL_DEVICES_TELL_STATE:
		fl_buf_printf(&p->out, "  %c: %s%s%s\n", who, fl_devices_state_name(e->state),
			      e->text[0] != '\0' ? ", " : "", e->text);
		break;
	case FL_DEVICES_TELL_CONNECTED:
		fl_buf_printf(&p->out, "  %c: CONNECTED %u\n", who, number);
		break;
	case FL_DEVICES_TELL_REPLACED:
		fl_buf_printf(&p->out, "  %c: REPLACED %u by %u\n", who, (unsigned)e->old_number,
			      number);
		break;
	case FL_DEVICES_TELL_DISCONNECTED:
		fl_buf_printf(&p->out, "  %c: DISCONNECTED %u\n", who, number);
		break;
	case FL_DEVICES_TELL_SHIP_ID:
		fl_buf_printf(&p->out, "  %c: id %s\n", who, e->text);
		break;
	case FL_DEVICES_TELL_TRUST:
		fl_buf_printf(&p->out, "  %c: trust %s\n", who, e->trusted ? "given" : "taken");
		break;
	case FL_DEVICES_TELL_PIN_WANTED:
		fl_buf_printf(&p->out, "  %c: PIN wanted%s%s\n", who,
			      e->optional ? ", optional" : "", e->err != FL_OK ? ", wrong" : "");
		break;
	case FL_DEVICES_TELL_DATA:
		fl_buf_printf(&p->out, "  %c: data %.*s\n", who, (int)e->bytes.len,
			      (const char *)e->bytes.ptr);
		break;
	case FL_DEVICES_TELL_FORGOTTEN:
		fl_buf_printf(&p->out, "  %c: forgotten\n", who);
		break;
	}
}

static void drain(struct play *p)
{
	struct fl_devices_effect e;

	while (fl_devices_next(p->d, &e))
		print_effect(p, &e);
	assert_true(fl_devices_check(p->d));
}

/* ---- what happens ---- */

static void say(struct play *p, enum fl_err err)
{
	if (err != FL_OK)
		fl_buf_printf(&p->out, "  = %s\n", fl_err_text(err));
}

static void advance(struct play *p, fl_time until)
{
	int spins = 0;

	for (fl_time due; (due = fl_devices_deadline(p->d)) <= until;) {
		spins = due > p->now ? 0 : spins + 1;
		assert_true(spins < 3); /* a timer that fired is gone */
		p->now = due > p->now ? due : p->now;
		fl_devices_tick(p->d, p->now);
		drain(p);
	}
	p->now = until;
}

static void wait_for_anything(struct play *p)
{
	const size_t before = p->out.len;
	const fl_time limit = p->now + 10 * FL_MIN;

	while (p->out.len == before && p->now < limit) {
		fl_time due = fl_devices_deadline(p->d);
		advance(p, due < limit ? due : limit);
	}
}

static void receive(struct play *p, uint64_t number, const char *words)
{
	struct fl_buf b = fl_buf_make(1 << 20);

	ship_message_of(words, &b);
	fl_devices_message(p->d, p->now, number, fl_buf_slice(&b));
	fl_buf_done(&b);
	drain(p);
}

static void handshake(struct play *p, uint64_t number)
{
	static const char *const as_client[] = { "cmi",      "hello ready w=60000", "proto select",
						 "pin none", "access Device",       NULL };
	static const char *const as_server[] = { "cmi",       "hello ready w=60000",
						 "proto max", "proto select",
						 "pin none",  "access Device",
						 NULL };
	const char *const *words = p->clients >> number & 1 ? as_client : as_server;

	for (; *words != NULL; words++)
		receive(p, number, *words);
}

static void entered(struct play *p, enum fl_err err, uint64_t number, bool parked, bool client)
{
	say(p, err);
	if (err != FL_OK)
		return;
	p->clients |= (uint64_t)client << number;
	fl_buf_printf(&p->out, "  %s %u\n", parked ? "parked" : "taken", (unsigned)number);
}

static void incoming(struct play *p, char letter)
{
	const struct fl_ski ski = devices_ski(letter);
	uint64_t number = 0;
	bool parked = false;
	enum fl_err err = fl_devices_incoming(p->d, p->now, &ski, &number, &parked);

	entered(p, err, number, parked, false);
}

static void dialled(struct play *p, uint64_t dial, bool ok)
{
	uint64_t number = 0;
	bool parked = false;
	enum fl_err err = fl_devices_dialled(p->d, p->now, dial, ok ? FL_OK : FL_ERR_IO,
					     ok ? NULL : "connection refused", &number, &parked);

	entered(p, err, number, parked, true);
}

static void info(struct play *p, char letter)
{
	const struct fl_ski ski = devices_ski(letter);
	struct fl_device_info i;
	enum fl_err err = fl_devices_info(p->d, &ski, &i);

	say(p, err);
	if (err != FL_OK)
		return;
	fl_buf_printf(&p->out, "  %c is %s%s, %u tries%s%s%s%s", letter,
		      fl_devices_state_name(i.state), i.record.trusted ? ", trusted" : "",
		      i.attempts, i.next_try != FL_NEVER ? ", to be dialled" : "",
		      i.visible ? ", visible" : "", i.connected ? ", connected" : "",
		      i.rule == FL_DEVICES_RULE_INITIATOR ? ", by initiator" : "");
	if (i.number != 0)
		fl_buf_printf(&p->out, ", %u%s", (unsigned)i.number, i.client ? " ours" : "");
	fl_buf_byte(&p->out, '\n');
}

static void know(struct play *p, const char *letters)
{
	for (; *letters != '\0'; letters++) {
		const struct fl_device_record r = { .ski = devices_ski(*letters), .trusted = true };
		assert_int_equal(fl_devices_load(p->d, &r), FL_OK);
	}
}

/* "b3,c45": what b may be, and what c. */
static size_t read_limits(const char *text, struct fl_device_limit out[static LIMITS_MAX])
{
	size_t count = 0;

	for (; *text != '\0'; text++) {
		if (isalpha((unsigned char)*text)) {
			assert_true(count < LIMITS_MAX);
			out[count++] = (struct fl_device_limit){ .ski = devices_ski(*text) };
		} else if (isdigit((unsigned char)*text)) {
			out[count - 1].categories |= 1u << (*text - '0');
		}
	}
	return count;
}

static void make(struct play *p, char **w)
{
	struct fl_device_limit limits[LIMITS_MAX];
	struct fl_devices_config cfg = {
		.own = devices_ski('m'), .ship_id = "Us-1", .rng_seed = 7, .hash_seed = { 3 }
	};
	const char *known = "", *v;

	cfg.limits = limits;

	for (; *w != NULL; w++) {
		if (is(*w, "recent"))
			cfg.rule = FL_DEVICES_RULE_RECENT;
		else if (is(*w, "initiator"))
			cfg.rule = FL_DEVICES_RULE_INITIATOR;
		else if ((v = after(*w, "max=")) != NULL)
			cfg.connections_max = (size_t)atoi(v);
		else if ((v = after(*w, "known=")) != NULL)
			known = v;
		else if ((v = after(*w, "allow=")) != NULL)
			cfg.limits_count = read_limits(v, limits);
		else if ((v = after(*w, "need=")) != NULL) {
			cfg.pin = v;
			cfg.pin_wanted = FL_SHIP_PIN_REQUIRED;
		} else
			assert_string_equal(*w, "auto");
	}
	assert_int_equal(fl_devices_new(&cfg, NULL, &p->d), FL_OK);
	know(p, known);
}

static void send_word(struct play *p, const struct fl_ski *ski, const char *word)
{
	char text[64];

	(void)snprintf(text, sizeof text, "{\"datagram\":{\"w\":\"%s\"}}", word);
	say(p, fl_devices_send(p->d, p->now, ski, fl_slice_str(text), false));
}

static bool command(struct play *p, char **w)
{
	const struct fl_ski ski = devices_ski(w[1] != NULL ? w[1][0] : ' ');
	struct fl_devices *d = p->d;

	if (is(w[0], "register"))
		say(p, fl_devices_register(d, p->now, &ski, w[2], NULL));
	else if (is(w[0], "unregister"))
		say(p, fl_devices_unregister(d, p->now, &ski));
	else if (is(w[0], "refuse"))
		say(p, fl_devices_refuse(d, p->now, &ski));
	else if (is(w[0], "hold") || is(w[0], "disconnect"))
		say(p, fl_devices_disconnect(d, p->now, &ski, is(w[0], "hold")));
	else if (is(w[0], "connect"))
		say(p, fl_devices_connect(d, p->now, &ski, w[2], (uint16_t)atoi(w[3]), NULL));
	else if (is(w[0], "pin"))
		say(p, fl_devices_pin(d, p->now, &ski, w[2]));
	else if (is(w[0], "name"))
		say(p, fl_devices_register(d, p->now, &ski, NULL, w[2]));
	else if (is(w[0], "send"))
		send_word(p, &ski, w[2]);
	else if (is(w[0], "window"))
		say(p, fl_devices_auto_accept(d, p->now, (unsigned)atoi(w[1])));
	else if (is(w[0], "waits") || is(w[0], "no-waits"))
		fl_devices_may_wait(d, is(w[0], "waits"));
	else
		return false;
	return true;
}

static void lost(struct play *p, char **w, const char *line)
{
	const uint16_t code = (uint16_t)(w[2] != NULL ? atoi(w[2]) : 1006);
	const char *reason = w[2] != NULL && w[3] != NULL ? strstr(line, w[3]) : "";

	fl_devices_lost(p->d, p->now, (uint64_t)atoi(w[1]), code, fl_slice_str(reason));
}

static bool fact(struct play *p, char **w, const char *line)
{
	if (is(w[0], "start"))
		say(p, fl_devices_start(p->d, p->now));
	else if (is(w[0], "shutdown"))
		fl_devices_shutdown(p->d, p->now);
	else if (is(w[0], "down"))
		fl_buf_printf(&p->out, "  %s\n", fl_devices_is_down(p->d) ? "yes" : "no");
	else if (is(w[0], "see"))
		devices_see(p->d, p->now, w[1]);
	else if (is(w[0], "in"))
		incoming(p, w[1][0]);
	else if (is(w[0], "up"))
		handshake(p, (uint64_t)atoi(w[1]));
	else if (is(w[0], "<"))
		receive(p, (uint64_t)atoi(w[1]), strchr(line + 2, ' ') + 1);
	else if (is(w[0], "lost"))
		lost(p, w, line);
	else if (is(w[0], "dialled"))
		dialled(p, (uint64_t)atoi(w[1]), is(w[2], "ok"));
	else if (w[0][0] == '+')
		advance(p, p->now + atoi(w[0] + 1) * FL_MS);
	else if (is(w[0], "wait"))
		wait_for_anything(p);
	else if (is(w[0], "info"))
		info(p, w[1][0]);
	else
		return false;
	return true;
}

static void happen(struct play *p, const char *line)
{
	char copy[256], *w[WORDS_MAX] = { 0 }, *rest = copy;
	size_t n = 0;

	(void)snprintf(copy, sizeof copy, "%s", line);
	for (char *word; n + 1 < WORDS_MAX && (word = strtok_r(rest, " ", &rest)) != NULL;)
		w[n++] = word;
	if (is(w[0], "hub"))
		make(p, w + 1);
	else if (!command(p, w) && !fact(p, w, line))
		fail_msg("what is: %s", line);
	drain(p);
}

void devices_story_play(void **state)
{
	const struct devices_story *s = *state;
	struct play p = { .now = epoch, .out = fl_buf_make(OUT_MAX) };

	for (const char *at = s->text, *end; *at != '\0'; at = end + 1) {
		char line[256];
		end = strchr(at, '\n');
		if (*at == ' ')
			continue;
		(void)snprintf(line, sizeof line, "%.*s", (int)(end - at), at);
		fl_buf_printf(&p.out, "%s\n", line);
		happen(&p, line);
	}
	fl_devices_free(p.d);
	fl_buf_byte(&p.out, '\0');
	assert_int_equal(fl_buf_err(&p.out), FL_OK);
	if (strcmp((const char *)p.out.ptr, s->text) != 0)
		print_error("---- it came out as\n%s", (const char *)p.out.ptr);
	assert_string_equal((const char *)p.out.ptr, s->text);
	fl_buf_done(&p.out);
}
