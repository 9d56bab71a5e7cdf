/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/values.c - one reader a type. */
#include "services/config/hub.h"
#include "services/config/values.h"

#include <stdio.h>
#include <stdlib.h>

#define SLOT(type) ((type *)(void *)((char *)c + key->offset))

static enum fl_err expected(struct fl_fault *fault, const char *what)
{
	return fl_fault_set(fault, FL_ERR_INVALID, "expected %s", what);
}

/* ---- scalars ---- */

static enum fl_err set_string(char **slot, const char *text)
{
	char *copy = fl_str_dup(fl_slice_str(text));
	if (copy == NULL)
		return FL_ERR_NOMEM;
	free(*slot);
	*slot = copy;
	return FL_OK;
}

static enum fl_err join(char **slot, const char *folder, const char *between, const char *rest,
			struct fl_fault *fault)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s%s%s", folder, between, rest) >= sizeof path)
		return fl_fault_set(fault, FL_ERR_TOO_BIG, "the path is too long");
	return set_string(slot, path);
}

enum fl_err fl_value_path(char **slot, const struct fl_value_context *ctx, const char *text,
			  struct fl_fault *fault)
{
	static const char variable[] = "${CREDENTIALS_DIRECTORY}";
	const char *folder = text[0] == '@' ? ctx->state_dir : ctx->folder;

	if (strncmp(text, variable, sizeof variable - 1) == 0) {
		const char *dir = getenv("CREDENTIALS_DIRECTORY");
		if (dir != NULL && dir[0] != '\0')
			return join(slot, dir, "", text + sizeof variable - 1, fault);
		if (ctx->client)
			return set_string(slot, text);
		return fl_fault_set(
			fault, FL_ERR_INVALID,
			"CREDENTIALS_DIRECTORY is not set in the environment; systemd sets it for "
			"a unit with LoadCredential=");
	}
	if (text[0] == '@')
		text++;
	if (text[0] == '\0' || text[0] == '/' || folder == NULL || strcmp(folder, ".") == 0)
		return set_string(slot, text);
	return join(slot, folder, "/", text, fault);
}

static enum fl_err set_bool(bool *slot, const char *text, struct fl_fault *fault)
{
	/* As in YAML: three spellings each, and no others. */
	static const char *const words[2][3] = { { "false", "False", "FALSE" },
						 { "true", "True", "TRUE" } };

	for (size_t v = 0; v < 2; v++) {
		for (size_t i = 0; i < 3; i++) {
			if (strcmp(text, words[v][i]) == 0) {
				*slot = v == 1;
				return FL_OK;
			}
		}
	}
	return expected(fault, "true or false");
}

static enum fl_err set_int(int *slot, const char *text, struct fl_fault *fault)
{
	bool negative = text[0] == '-';
	uint64_t v;

	if (fl_u64_parse(fl_slice_str(text + negative), &v) != FL_OK || v > INT32_MAX)
		return expected(fault, "a whole number");
	*slot = negative ? -(int)v : (int)v;
	return FL_OK;
}

static enum fl_err set_u32(uint32_t *slot, const char *text, struct fl_fault *fault)
{
	uint64_t v;

	if (fl_u64_parse(fl_slice_str(text), &v) != FL_OK || v > UINT32_MAX)
		return expected(fault, "a whole number, 0 or more");
	*slot = (uint32_t)v;
	return FL_OK;
}

static enum fl_err set_mode(uint32_t *slot, const char *text, struct fl_fault *fault)
{
	uint32_t v = 0;
	size_t digits = strlen(text);

	if (digits < 3 || digits > 4)
		return expected(fault, "an octal file mode in quotes, like \"0660\"");
	for (size_t i = 0; i < digits; i++) {
		if (text[i] < '0' || text[i] > '7')
			return expected(fault, "an octal file mode in quotes, like \"0660\"");
		v = v * 8 + (uint32_t)(text[i] - '0');
	}
	*slot = v;
	return FL_OK;
}

static enum fl_err set_prefix(struct fl_prefix *slot, const char *text, struct fl_fault *fault)
{
	struct fl_prefix p = { 0 };

	if (text[0] != '\0' && fl_prefix_parse(fl_slice_str(text), &p) != FL_OK)
		return expected(fault, "a prefix like 100.64.0.0/10");
	struct fl_prefix masked = p;
	fl_prefix_mask(&masked);
	if (!fl_prefix_eq(&p, &masked))
		return expected(fault, "a prefix without host bits");
	*slot = p;
	return FL_OK;
}

static enum fl_err set_log_level(enum fl_log_level *slot, const char *text, struct fl_fault *fault)
{
	static const struct {
		const char *name;
		enum fl_log_level level;
	} levels[] = {
		{ "trace", FL_LOG_TRACE }, { "debug", FL_LOG_DEBUG },  { "info", FL_LOG_INFO },
		{ "warn", FL_LOG_WARN },   { "warning", FL_LOG_WARN }, { "error", FL_LOG_ERROR },
		{ "fatal", FL_LOG_ERROR }, { "panic", FL_LOG_ERROR },
	};

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*slot = levels[i].level;
			return FL_OK;
		}
	}
	return expected(fault, "one of trace, debug, info, warn, error");
}

static enum fl_err set_choice(int *slot, const char *text, const char *zero, const char *one,
			      struct fl_fault *fault)
{
	if (strcmp(text, zero) == 0)
		*slot = 0;
	else if (strcmp(text, one) == 0)
		*slot = 1;
	else
		return fl_fault_set(fault, FL_ERR_INVALID, "expected %s or %s", zero, one);
	return FL_OK;
}

static enum fl_err set_log_format(enum fl_log_format *slot, const char *text,
				  struct fl_fault *fault)
{
	int choice;
	enum fl_err err = set_choice(&choice, text, "text", "json", fault);
	if (err == FL_OK)
		*slot = choice ? FL_LOG_JSON : FL_LOG_TEXT;
	return err;
}

static enum fl_err set_allocation(enum fl_ip_allocation *slot, const char *text,
				  struct fl_fault *fault)
{
	int choice;
	enum fl_err err = set_choice(&choice, text, "sequential", "random", fault);
	if (err == FL_OK)
		*slot = choice ? FL_IP_RANDOM : FL_IP_SEQUENTIAL;
	return err;
}

static enum fl_err set_duration(int64_t *slot, const char *text, struct fl_fault *fault)
{
	if (fl_duration_parse(fl_slice_str(text), slot) != FL_OK)
		return expected(fault, "a duration like 30s, 15m, 24h, 90d");
	return FL_OK;
}

/* ---- lists ---- */

static enum fl_err add_prefix(struct fl_config *c, const char *text, struct fl_fault *fault)
{
	struct fl_prefix p;
	enum fl_err err = set_prefix(&p, text, fault);
	if (err != FL_OK)
		return err;
	if (p.bits == 0)
		return expected(fault, "a prefix longer than /0: it would trust everybody");
	struct fl_prefix *grown =
		realloc(c->trusted_proxies, (c->trusted_proxies_count + 1) * sizeof *grown);
	if (grown == NULL)
		return FL_ERR_NOMEM;
	c->trusted_proxies = grown;
	c->trusted_proxies[c->trusted_proxies_count++] = p;
	return FL_OK;
}

static enum fl_err add_item(struct fl_config *c, const struct fl_key_def *key, const char *text,
			    struct fl_fault *fault)
{
	if (key->type == FL_KEY_PREFIXES)
		return add_prefix(c, text, fault);
	return fl_strlist_add(SLOT(struct fl_strlist), fl_slice_str(text));
}

static enum fl_err list_from_text(struct fl_config *c, const struct fl_key_def *key,
				  const char *text, struct fl_fault *fault)
{
	char word[1024];

	fl_value_done(c, key);
	while (*text != '\0') {
		size_t len = strcspn(text, " \t,");
		if (len > 0) {
			if (!fl_str_copy(word, sizeof word, fl_slice_of(text, len)))
				return FL_ERR_TOO_BIG;
			enum fl_err err = add_item(c, key, word, fault);
			if (err != FL_OK)
				return err;
		}
		text += len;
		text += strspn(text, " \t,");
	}
	return FL_OK;
}

static enum fl_err list_from_yaml(struct fl_config *c, const struct fl_key_def *key,
				  const struct fl_yaml *y, struct fl_fault *fault)
{
	if (y->kind != FL_YAML_LIST)
		return expected(fault, "a list, like [a, b]");
	fl_value_done(c, key);
	for (size_t i = 0; i < y->len; i++) {
		if (y->items[i]->kind != FL_YAML_SCALAR)
			return expected(fault, "a list of plain words");
		enum fl_err err = add_item(c, key, y->items[i]->text, fault);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static enum fl_err split_from_yaml(struct fl_config *c, const struct fl_yaml *y,
				   struct fl_fault *fault)
{
	if (y->kind != FL_YAML_MAP)
		return expected(fault, "a map of domains to lists of name servers");
	struct fl_config_split *split = calloc(y->len ? y->len : 1, sizeof *split);
	if (split == NULL)
		return FL_ERR_NOMEM;
	c->dns.split = split;
	for (size_t i = 0; i < y->len; i++) {
		const struct fl_yaml *list = y->items[i];
		if (list->kind != FL_YAML_LIST)
			return expected(fault, "a list of name servers for each domain");
		split[i].domain = fl_str_dup(fl_slice_str(y->keys[i]));
		if (split[i].domain == NULL)
			return FL_ERR_NOMEM;
		c->dns.split_count = i + 1;
		for (size_t k = 0; k < list->len; k++) {
			if (list->items[k]->kind != FL_YAML_SCALAR)
				return expected(fault, "a list of name servers for each domain");
			enum fl_err err = fl_strlist_add(&split[i].resolvers,
							 fl_slice_str(list->items[k]->text));
			if (err != FL_OK)
				return err;
		}
	}
	return FL_OK;
}

static enum fl_err record_field(const struct fl_yaml *map, const char *name, char **out)
{
	const struct fl_yaml *y = fl_yaml_get(map, name);
	*out = fl_str_dup(fl_slice_str(y != NULL && y->kind == FL_YAML_SCALAR ? y->text : ""));
	return *out != NULL ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err record_from_yaml(const struct fl_yaml *y, struct fl_config_record *out,
				    struct fl_fault *fault)
{
	struct fl_ip ip;

	if (y->kind != FL_YAML_MAP)
		return expected(fault, "a list of records {name, type, value}");
	enum fl_err err = record_field(y, "name", &out->name);
	if (err == FL_OK)
		err = record_field(y, "type", &out->type);
	if (err == FL_OK)
		err = record_field(y, "value", &out->value);
	if (err != FL_OK)
		return err;
	if (out->name[0] == '\0')
		return expected(fault, "a name in each record");
	if (strcmp(out->type, "A") != 0 && strcmp(out->type, "AAAA") != 0)
		return expected(fault, "record type A or AAAA");
	if (fl_ip_parse(fl_slice_str(out->value), &ip) != FL_OK ||
	    ip.family != (out->type[1] == '\0' ? FL_IP_V4 : FL_IP_V6))
		return expected(fault, "an address of the record's type as value");
	return FL_OK;
}

static enum fl_err records_from_yaml(struct fl_config *c, const struct fl_yaml *y,
				     struct fl_fault *fault)
{
	if (y->kind != FL_YAML_LIST)
		return expected(fault, "a list of records {name, type, value}");
	c->dns.records = calloc(y->len ? y->len : 1, sizeof *c->dns.records);
	if (c->dns.records == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < y->len; i++) {
		c->dns.records_count = i + 1;
		enum fl_err err = record_from_yaml(y->items[i], &c->dns.records[i], fault);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

/* ---- any ---- */

enum fl_err fl_value_from_text(struct fl_config *c, const struct fl_key_def *key,
			       const struct fl_value_context *ctx, const char *text,
			       struct fl_fault *fault)
{
	switch (key->type) {
	case FL_KEY_STRING:
	case FL_KEY_SECRET:
		return set_string(SLOT(char *), text);
	case FL_KEY_PATH:
		return fl_value_path(SLOT(char *), ctx, text, fault);
	case FL_KEY_BOOL:
		return set_bool(SLOT(bool), text, fault);
	case FL_KEY_INT:
		return set_int(SLOT(int), text, fault);
	case FL_KEY_U32:
		return set_u32(SLOT(uint32_t), text, fault);
	case FL_KEY_DURATION:
		return set_duration(SLOT(int64_t), text, fault);
	case FL_KEY_PREFIX:
		return set_prefix(SLOT(struct fl_prefix), text, fault);
	case FL_KEY_MODE:
		return set_mode(SLOT(uint32_t), text, fault);
	case FL_KEY_LOG_LEVEL:
		return set_log_level(SLOT(enum fl_log_level), text, fault);
	case FL_KEY_LOG_FORMAT:
		return set_log_format(SLOT(enum fl_log_format), text, fault);
	case FL_KEY_ALLOCATION:
		return set_allocation(SLOT(enum fl_ip_allocation), text, fault);
	case FL_KEY_PREFIXES:
	case FL_KEY_STRINGS:
		return list_from_text(c, key, text, fault);
	case FL_KEY_SPLIT:
	case FL_KEY_RECORDS:
	case FL_KEY_DEVICES:
	case FL_KEY_ANY:
		break;
	}
	return expected(fault, "this key in the file: it has no form as one word");
}

/* YAML's own reading of an unquoted word must agree with the key's type. */
static enum fl_err check_quotes(const struct fl_key_def *key, const struct fl_yaml *y,
				struct fl_fault *fault)
{
	bool wants_word =
		key->type == FL_KEY_BOOL || key->type == FL_KEY_INT || key->type == FL_KEY_U32;

	if (wants_word && y->quoted)
		return expected(fault, key->type == FL_KEY_BOOL ? "true or false without quotes"
								: "a number without quotes");
	if (key->type == FL_KEY_MODE && !y->quoted)
		return expected(fault, "an octal file mode in quotes, like \"0660\"");
	return FL_OK;
}

enum fl_err fl_value_from_yaml(struct fl_config *c, const struct fl_key_def *key,
			       const struct fl_value_context *ctx, const struct fl_yaml *y,
			       struct fl_fault *fault)
{
	if (fl_yaml_is_null(y))
		return FL_OK;
	switch (key->type) {
	case FL_KEY_PREFIXES:
	case FL_KEY_STRINGS:
		return list_from_yaml(c, key, y, fault);
	case FL_KEY_SPLIT:
		fl_value_done(c, key);
		return split_from_yaml(c, y, fault);
	case FL_KEY_RECORDS:
		fl_value_done(c, key);
		return records_from_yaml(c, y, fault);
	case FL_KEY_DEVICES:
		fl_value_done(c, key);
		return fl_config_devices_read(c, y, fault);
	default:
		break;
	}
	if (y->kind != FL_YAML_SCALAR)
		return expected(fault, "one value, not a list or map");
	enum fl_err err = check_quotes(key, y, fault);
	return err == FL_OK ? fl_value_from_text(c, key, ctx, y->text, fault) : err;
}

void fl_value_done(struct fl_config *c, const struct fl_key_def *key)
{
	switch (key->type) {
	case FL_KEY_STRING:
	case FL_KEY_PATH:
	case FL_KEY_SECRET:
		free(*SLOT(char *));
		*SLOT(char *) = NULL;
		return;
	case FL_KEY_PREFIXES:
		free(c->trusted_proxies);
		c->trusted_proxies = NULL;
		c->trusted_proxies_count = 0;
		return;
	case FL_KEY_STRINGS:
		fl_strlist_done(SLOT(struct fl_strlist));
		return;
	case FL_KEY_SPLIT:
		for (size_t i = 0; i < c->dns.split_count; i++) {
			free(c->dns.split[i].domain);
			fl_strlist_done(&c->dns.split[i].resolvers);
		}
		free(c->dns.split);
		c->dns.split = NULL;
		c->dns.split_count = 0;
		return;
	case FL_KEY_RECORDS:
		for (size_t i = 0; i < c->dns.records_count; i++) {
			free(c->dns.records[i].name);
			free(c->dns.records[i].type);
			free(c->dns.records[i].value);
		}
		free(c->dns.records);
		c->dns.records = NULL;
		c->dns.records_count = 0;
		return;
	case FL_KEY_DEVICES:
		fl_config_devices_done(c);
		return;
	default:
		return;
	}
}
