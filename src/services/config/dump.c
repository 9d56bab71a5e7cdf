/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/dump.c - effective values as YAML and JSON, and the framed warning. */
#include <inttypes.h>
#include <stdio.h>

#include "base/jw.h"
#include "services/config/config.h"
#include "services/config/hub.h"
#include "services/config/keys.h"

enum { BOX_WIDTH = 64, BOX_TEXT = BOX_WIDTH - 4, VALUE_MAX = 1 << 20 };

/* ---- the framed warning ---- */

static void box_rule(struct fl_buf *out)
{
	fl_buf_byte(out, '+');
	for (int i = 0; i < BOX_WIDTH - 2; i++)
		fl_buf_byte(out, '-');
	fl_buf_str(out, "+\n");
}

static void box_line(struct fl_buf *out, const char *text, size_t len)
{
	fl_buf_printf(out, "| %-*.*s |\n", BOX_TEXT, (int)len, text);
}

/* How much of the text goes on this line: up to the last blank that fits. */
static size_t box_fit(const char *text)
{
	size_t len = strlen(text);

	if (len <= BOX_TEXT)
		return len;
	for (size_t i = BOX_TEXT; i > 0; i--) {
		if (text[i] == ' ')
			return i;
	}
	return BOX_TEXT;
}

void fl_banner(const char *const *lines, size_t count, struct fl_buf *out)
{
	box_rule(out);
	for (size_t i = 0; i < count; i++) {
		const char *text = lines[i];
		do {
			size_t n = box_fit(text);
			box_line(out, text, n);
			text += n;
			text += strspn(text, " ");
		} while (*text != '\0');
	}
	box_rule(out);
}

size_t fl_config_prefix_warning(const struct fl_config *c, const char *out_lines[static 12])
{
	static const char *const lines[] = {
		"Warning: addresses outside the standard ranges",
		"",
		"prefixes.v4 or prefixes.v6 is not inside 100.64.0.0/10 or",
		"fd7a:115c:a1e0::/48. Clients take these ranges for granted:",
		"exit nodes, MagicDNS, firewalls of the clients and the word *",
		"in policies do not work with others.",
		"",
		"This is not supported. Use the default, or a part of it.",
	};
	struct fl_prefix cgnat = { .ip = fl_ip_v4(100, 64, 0, 0), .bits = 10 };
	struct fl_prefix ula = { .ip = { .family = FL_IP_V6,
					 .b = { 0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0 } },
				 .bits = 48 };
	bool fine4 = !fl_ip_is_set(&c->prefix4.ip) || fl_prefix_covers(&cgnat, &c->prefix4);
	bool fine6 = !fl_ip_is_set(&c->prefix6.ip) || fl_prefix_covers(&ula, &c->prefix6);

	if (fine4 && fine6)
		return 0;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		out_lines[i] = lines[i];
	return sizeof lines / sizeof *lines;
}

/* ---- all values ---- */

#define VALUE(type) ((const type *)(const void *)((const char *)c + key->offset))

/* JSON's quoted form is one of YAML's. */
static void dump_text(const char *text, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	w.guard = true;
	fl_jw_str(&w, text);
}

static void dump_list(const struct fl_strlist *l, struct fl_buf *out)
{
	fl_buf_str(out, "[");
	for (size_t i = 0; i < l->len; i++) {
		fl_buf_str(out, i ? ", " : "");
		dump_text(l->at[i], out);
	}
	fl_buf_str(out, "]");
}

static void dump_prefixes(const struct fl_prefix *at, size_t count, struct fl_buf *out)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_buf_str(out, "[");
	for (size_t i = 0; i < count; i++) {
		fl_prefix_format(&at[i], text);
		fl_buf_printf(out, "%s%s", i ? ", " : "", text);
	}
	fl_buf_str(out, "]");
}

static void dump_prefix(const struct fl_prefix *p, struct fl_buf *out)
{
	char text[FL_PREFIX_TEXT_MAX] = "";

	if (fl_ip_is_set(&p->ip))
		fl_prefix_format(p, text);
	fl_buf_printf(out, "\"%s\"", text);
}

static void dump_split(const struct fl_config *c, struct fl_buf *out)
{
	fl_buf_str(out, "{");
	for (size_t i = 0; i < c->dns.split_count; i++) {
		fl_buf_str(out, i ? ", " : "");
		dump_text(c->dns.split[i].domain, out);
		fl_buf_str(out, ": ");
		dump_list(&c->dns.split[i].resolvers, out);
	}
	fl_buf_str(out, "}");
}

static void dump_records(const struct fl_config *c, struct fl_buf *out)
{
	fl_buf_str(out, "[");
	for (size_t i = 0; i < c->dns.records_count; i++) {
		const struct fl_config_record *r = &c->dns.records[i];
		fl_buf_str(out, i ? ", {name: " : "{name: ");
		dump_text(r->name, out);
		fl_buf_printf(out, ", type: %s, value: \"%s\"}", r->type, r->value);
	}
	fl_buf_str(out, "]");
}

static void dump_value(const struct fl_config *c, const struct fl_key_def *key, struct fl_buf *out)
{
	static const char *const levels[] = { "trace", "debug", "info", "warn", "error" };
	struct fl_jw w;

	switch (key->type) {
	case FL_KEY_STRING:
	case FL_KEY_PATH:
		dump_text(*VALUE(char *), out);
		return;
	case FL_KEY_SECRET:
		fl_buf_str(out, (*VALUE(char *))[0] != '\0' ? "\"***\"" : "\"\"");
		return;
	case FL_KEY_BOOL:
		fl_buf_str(out, *VALUE(bool) ? "true" : "false");
		return;
	case FL_KEY_INT:
		fl_buf_printf(out, "%d", *VALUE(int));
		return;
	case FL_KEY_U32:
		fl_buf_printf(out, "%" PRIu32, *VALUE(uint32_t));
		return;
	case FL_KEY_DURATION:
		fl_buf_printf(out, "%" PRId64 "ms", *VALUE(int64_t) / FL_MS);
		return;
	case FL_KEY_PREFIX:
		dump_prefix(VALUE(struct fl_prefix), out);
		return;
	case FL_KEY_PREFIXES:
		dump_prefixes(c->trusted_proxies, c->trusted_proxies_count, out);
		return;
	case FL_KEY_STRINGS:
		dump_list(VALUE(struct fl_strlist), out);
		return;
	case FL_KEY_MODE:
		fl_buf_printf(out, "\"%04o\"", *VALUE(uint32_t));
		return;
	case FL_KEY_LOG_LEVEL:
		fl_buf_str(out, levels[*VALUE(enum fl_log_level)]);
		return;
	case FL_KEY_LOG_FORMAT:
		fl_buf_str(out, *VALUE(enum fl_log_format) == FL_LOG_JSON ? "json" : "text");
		return;
	case FL_KEY_ALLOCATION:
		fl_buf_str(out,
			   *VALUE(enum fl_ip_allocation) == FL_IP_RANDOM ? "random" : "sequential");
		return;
	case FL_KEY_SPLIT:
		dump_split(c, out);
		return;
	case FL_KEY_RECORDS:
		dump_records(c, out);
		return;
	case FL_KEY_DEVICES: /* JSON is a part of YAML */
		w = fl_jw_make(out);
		fl_config_devices_json(c, &w);
		return;
	case FL_KEY_ANY:
		return;
	}
}

/* Opens the groups in which this key differs from the one before; returns its own word. */
static const char *dump_groups(const char *name, const char *before, struct fl_buf *out, int *depth)
{
	const char *word = name;
	bool same = true;

	*depth = 0;
	for (const char *dot = strchr(word, '.'); dot != NULL; dot = strchr(word, '.')) {
		size_t upto = (size_t)(dot - name) + 1;
		same = same && strncmp(name, before, upto) == 0;
		if (!same)
			fl_buf_printf(out, "%*s%.*s:\n", *depth * 2, "", (int)(dot - word), word);
		(*depth)++;
		word = dot + 1;
	}
	return word;
}

/* ---- as JSON ---- */

/* The text without the user and password of a URL. */
static void json_text(struct fl_jw *w, const char *text)
{
	const char *host = strstr(text, "://");
	struct fl_buf b = fl_buf_make(VALUE_MAX);
	size_t scheme = host != NULL ? (size_t)(host - text) + 3 : 0;
	const char *at =
		host != NULL ? memchr(text + scheme, '@', strcspn(text + scheme, "/?#")) : NULL;

	if (at == NULL) {
		fl_jw_str(w, text);
	} else {
		fl_buf_printf(&b, "%.*s***%s", (int)scheme, text, at);
		fl_jw_text(w, fl_buf_slice(&b));
	}
	fl_buf_done(&b);
}

static void json_list(struct fl_jw *w, const struct fl_strlist *l)
{
	fl_jw_arr(w);
	for (size_t i = 0; i < l->len; i++)
		json_text(w, l->at[i]);
	fl_jw_arr_end(w);
}

static void json_prefixes(struct fl_jw *w, const struct fl_config *c)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_jw_arr(w);
	for (size_t i = 0; i < c->trusted_proxies_count; i++) {
		fl_prefix_format(&c->trusted_proxies[i], text);
		fl_jw_str(w, text);
	}
	fl_jw_arr_end(w);
}

static void json_split(struct fl_jw *w, const struct fl_config *c)
{
	fl_jw_obj(w);
	for (size_t i = 0; i < c->dns.split_count; i++) {
		fl_jw_key_text(w, fl_slice_str(c->dns.split[i].domain));
		json_list(w, &c->dns.split[i].resolvers);
	}
	fl_jw_obj_end(w);
}

static void json_records(struct fl_jw *w, const struct fl_config *c)
{
	fl_jw_arr(w);
	for (size_t i = 0; i < c->dns.records_count; i++) {
		const struct fl_config_record *r = &c->dns.records[i];
		fl_jw_obj(w);
		fl_jw_key(w, "name");
		fl_jw_str(w, r->name);
		fl_jw_key(w, "type");
		fl_jw_str(w, r->type);
		fl_jw_key(w, "value");
		fl_jw_str(w, r->value);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

/* A word that YAML takes without quotes. */
static void json_word(struct fl_jw *w, const struct fl_config *c, const struct fl_key_def *key)
{
	struct fl_buf word = fl_buf_make(VALUE_MAX);

	dump_value(c, key, &word);
	fl_jw_text(w, fl_buf_slice(&word));
	fl_buf_done(&word);
}

static void json_value(struct fl_jw *w, const struct fl_config *c, const struct fl_key_def *key)
{
	struct fl_buf text;

	switch (key->type) {
	case FL_KEY_STRING:
	case FL_KEY_PATH:
		json_text(w, *VALUE(char *));
		return;
	case FL_KEY_STRINGS:
		json_list(w, VALUE(struct fl_strlist));
		return;
	case FL_KEY_PREFIXES:
		json_prefixes(w, c);
		return;
	case FL_KEY_SPLIT:
		json_split(w, c);
		return;
	case FL_KEY_RECORDS:
		json_records(w, c);
		return;
	case FL_KEY_DEVICES:
		fl_config_devices_json(c, w);
		return;
	case FL_KEY_DURATION:
	case FL_KEY_LOG_LEVEL:
	case FL_KEY_LOG_FORMAT:
	case FL_KEY_ALLOCATION:
		json_word(w, c, key);
		return;
	case FL_KEY_SECRET:
	case FL_KEY_BOOL:
	case FL_KEY_INT:
	case FL_KEY_U32:
	case FL_KEY_PREFIX:
	case FL_KEY_MODE:
		text = fl_buf_make(VALUE_MAX);
		dump_value(c, key, &text);
		fl_jw_raw(w, fl_buf_slice(&text));
		fl_buf_done(&text);
		return;
	case FL_KEY_ANY:
		fl_jw_null(w);
		return;
	}
}

void fl_config_json(const struct fl_config *c, struct fl_jw *w)
{
	fl_jw_obj(w);
	for (size_t i = 0; i < fl_keys_count; i++) {
		if (fl_keys[i].status != FL_KEY_USED)
			continue;
		fl_jw_key(w, fl_keys[i].name);
		json_value(w, c, &fl_keys[i]);
	}
	fl_jw_obj_end(w);
}

/* ---- what a reload does not reach ---- */

static bool same_value(const struct fl_config *a, const struct fl_config *b,
		       const struct fl_key_def *key)
{
	struct fl_buf x = fl_buf_make(VALUE_MAX), y = fl_buf_make(VALUE_MAX);

	dump_value(a, key, &x);
	dump_value(b, key, &y);
	bool same = fl_slice_eq(fl_buf_slice(&x), fl_buf_slice(&y));
	fl_buf_done(&x);
	fl_buf_done(&y);
	return same;
}

void fl_config_restart_keys(const struct fl_config *a, const struct fl_config *b,
			    struct fl_buf *out)
{
	for (size_t i = 0; i < fl_keys_count; i++) {
		const struct fl_key_def *key = &fl_keys[i];
		if (key->status == FL_KEY_USED && !key->live && !same_value(a, b, key))
			fl_buf_printf(out, "%s%s", out->len > 0 ? ", " : "", key->name);
	}
}

void fl_config_dump(const struct fl_config *c, struct fl_buf *out)
{
	const char *before = "";

	for (size_t i = 0; i < fl_keys_count; i++) {
		int depth;
		if (fl_keys[i].status != FL_KEY_USED)
			continue;
		const char *word = dump_groups(fl_keys[i].name, before, out, &depth);
		fl_buf_printf(out, "%*s%s: ", depth * 2, "", word);
		dump_value(c, &fl_keys[i], out);
		fl_buf_byte(out, '\n');
		before = fl_keys[i].name;
	}
}
