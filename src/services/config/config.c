/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/config.c - defaults, then the file, then the environment, then the checks. */
#include "services/config/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "services/config/check.h"
#include "services/config/values.h"

enum { FILE_MAX = 1 << 20, NAME_MAX_LEN = 256, PATH_LEN = 4096 };

struct loader {
	struct fl_config *config;
	struct fl_config_report *report;
	const char *file;
	struct fl_yaml *tree; /* of the file, NULL without one */
	struct fl_value_context ctx;
};

void fl_config_report_done(struct fl_config_report *r)
{
	fl_strlist_done(&r->errors);
	fl_strlist_done(&r->warnings);
}

struct fl_config *fl_config_free(struct fl_config *c)
{
	if (c == NULL)
		return NULL;
	for (size_t i = 0; i < fl_keys_count; i++) {
		if (fl_keys[i].status == FL_KEY_USED)
			fl_value_done(c, &fl_keys[i]);
	}
	free(c->file);
	free(c);
	return NULL;
}

/* ---- reporting ---- */

void fl_config_say(struct fl_strlist *list, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	if (fl_strlist_add(list, fl_slice_str(text)) != FL_OK)
		fprintf(stderr, "%s\n", text);
}

/* Unknown words are errors unless `strict: false`. */
static struct fl_strlist *by_strictness(struct loader *l)
{
	return l->config->strict ? &l->report->errors : &l->report->warnings;
}

/* ---- what is set ---- */

static const char *const prefixes[] = { "HEADSCALE_", "FAIRLEAD_" }; /* ours wins */

static void env_name(const char *key, const char *prefix, char out[static NAME_MAX_LEN])
{
	snprintf(out, NAME_MAX_LEN, "%s%s", prefix, key);
	for (char *p = out; *p != '\0'; p++)
		*p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
}

/* Does the file or the environment say something about the key? */
static bool is_set(const struct loader *l, const char *name)
{
	const struct fl_yaml *y = l->tree;
	char word[NAME_MAX_LEN];

	for (const char *p = name; y != NULL && *p != '\0';) {
		size_t len = strcspn(p, ".");
		if (y->kind != FL_YAML_MAP || !fl_str_copy(word, sizeof word, fl_slice_of(p, len)))
			y = NULL;
		else
			y = fl_yaml_get(y, word);
		p += len + (p[len] == '.');
	}
	if (y != NULL && !fl_yaml_is_null(y))
		return true;
	for (size_t p = 0; p < 2; p++) {
		env_name(name, prefixes[p], word);
		if (getenv(word) != NULL)
			return true;
	}
	return false;
}

/* ---- the file ---- */

static void unknown_key(struct loader *l, const char *name, unsigned line, unsigned column)
{
	const char *near = fl_key_nearest(name);

	if (near != NULL)
		fl_config_say(by_strictness(l), "%s:%u:%u: %s: unknown key; did you mean %s?",
			      l->file, line, column, name, near);
	else
		fl_config_say(
			by_strictness(l),
			"%s:%u:%u: %s: unknown key; remove it, or see docs/configuration.md for "
			"the names",
			l->file, line, column, name);
}

/* Says no more than that the feature is not used. */
static bool is_empty(const struct fl_yaml *y)
{
	if (y->kind != FL_YAML_SCALAR)
		return y->len == 0;
	return fl_yaml_is_null(y) || y->text[0] == '\0' || strcmp(y->text, "false") == 0;
}

static void used_value(struct loader *l, const struct fl_key_def *key, const char *name,
		       const struct fl_yaml *y)
{
	struct fl_fault fault = { "" };

	if (fl_value_from_yaml(l->config, key, &l->ctx, y, &fault) != FL_OK)
		fl_config_say(&l->report->errors, "%s:%u:%u: %s: %s", l->file, y->line, y->column,
			      name, fault.text[0] != '\0' ? fault.text : "cannot be read");
}

/* A name of the past. */
static void old_value(struct loader *l, const struct fl_key_def *key, const char *name,
		      const struct fl_yaml *y, unsigned line, unsigned column)
{
	if (key->status != FL_KEY_REMOVED && is_set(l, key->fallback)) {
		fl_config_say(&l->report->warnings,
			      "%s:%u:%u: %s: %s is set too and counts; remove the old key", l->file,
			      line, column, name, key->fallback);
	} else if (key->status == FL_KEY_RENAMED) {
		fl_config_say(&l->report->warnings, "%s:%u:%u: %s: its name is now %s", l->file,
			      line, column, name, key->fallback);
		used_value(l, fl_key_find(key->fallback), name, y);
	} else {
		fl_config_say(by_strictness(l), "%s:%u:%u: %s: this key was replaced by %s",
			      l->file, line, column, name, key->fallback);
	}
}

static void take_value(struct loader *l, const struct fl_key_def *key, const char *name,
		       const struct fl_yaml *y, unsigned line, unsigned column)
{
	switch (key->status) {
	case FL_KEY_USED:
		used_value(l, key, name, y);
		return;
	case FL_KEY_ACCEPTED:
		return;
	case FL_KEY_LATER:
		if (!is_empty(y))
			fl_config_say(&l->report->warnings,
				      "%s:%u:%u: %s: this version has no %s; the key is ignored",
				      l->file, line, column, name, key->fallback);
		return;
	case FL_KEY_GUARDED:
		if (!is_empty(y))
			fl_config_say(
				&l->report->errors,
				"%s:%u:%u: %s: this version has no %s, and ignoring the key would "
				"open access; remove it to go on without",
				l->file, line, column, name, key->fallback);
		return;
	case FL_KEY_REMOVED:
	case FL_KEY_SUPERSEDED:
	case FL_KEY_RENAMED:
		old_value(l, key, name, y, line, column);
		return;
	}
}

static void walk(struct loader *l, const struct fl_yaml *map, const char *prefix)
{
	for (size_t i = 0; i < map->len; i++) {
		char name[NAME_MAX_LEN];
		const struct fl_yaml *y = map->items[i];
		unsigned line = map->key_lines[i], column = map->key_columns[i];

		if ((size_t)snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] ? "." : "",
				     map->keys[i]) >= sizeof name) {
			unknown_key(l, "(too long)", line, column);
			continue;
		}
		const struct fl_key_def *key = fl_key_find(name);
		if (key != NULL &&
		    !(key->type == FL_KEY_ANY && y->kind == FL_YAML_MAP && fl_key_is_group(name)))
			take_value(l, key, name, y, line, column);
		else if (fl_key_is_group(name) && y->kind == FL_YAML_MAP)
			walk(l, y, name);
		else if (fl_key_is_group(name) && fl_yaml_is_null(y))
			continue;
		else if (fl_key_is_group(name))
			fl_config_say(&l->report->errors,
				      "%s:%u:%u: %s: expected keys below it, not a value", l->file,
				      line, column, name);
		else
			unknown_key(l, name, line, column);
	}
}

static enum fl_err read_tree(struct loader *l, struct fl_yaml **out)
{
	struct fl_buf text = fl_buf_make(FILE_MAX);
	struct fl_fault fault = { "" };

	enum fl_err err = fl_file_read(l->file, FILE_MAX, &fault, &text);
	if (err != FL_OK) {
		fl_config_say(&l->report->errors, "%s", fault.text);
	} else {
		err = fl_yaml_parse(fl_buf_slice(&text), &fault, out);
		if (err != FL_OK)
			fl_config_say(&l->report->errors, "%s:%s", l->file, fault.text);
	}
	fl_buf_wipe(&text);
	return err;
}

static enum fl_err load_file(struct loader *l)
{
	enum fl_err err = read_tree(l, &l->tree);
	if (err != FL_OK)
		return err;
	if (l->tree->kind != FL_YAML_MAP) {
		fl_config_say(&l->report->errors, "%s:%u:%u: expected keys and values", l->file,
			      l->tree->line, l->tree->column);
		return FL_OK;
	}
	const struct fl_yaml *strict = fl_yaml_get(l->tree, "strict");
	if (strict != NULL && strict->kind == FL_YAML_SCALAR && strcmp(strict->text, "false") == 0)
		l->config->strict = false; /* before the first unknown key is met */
	walk(l, l->tree, "");
	return FL_OK;
}

/* ---- the environment ---- */

/* A variable that would set what is guarded: ignoring it would open access, too. */
static void guard_environment(struct loader *l, const struct fl_key_def *key)
{
	char pattern[NAME_MAX_LEN];

	for (size_t p = 0; p < 2; p++) {
		env_name(key->name, prefixes[p], pattern);
		size_t len = strcspn(pattern, "*");
		for (char **e = environ; *e != NULL; e++) {
			const char *value = strchr(*e, '=');
			if (strncmp(*e, pattern, len) != 0 || value == NULL || value[1] == '\0' ||
			    strcmp(value, "=false") == 0 || strcmp(value, "=file") == 0)
				continue;
			fl_config_say(&l->report->errors,
				      "environment %.*s: this version has no %s, and ignoring it "
				      "would open access; remove it to go on without",
				      (int)(value - *e), *e, key->fallback);
		}
	}
}

/* The variable of one name, into `key`. */
static void use_variable(struct loader *l, const char *key_name, const char *prefix,
			 const struct fl_key_def *key)
{
	char name[NAME_MAX_LEN];
	struct fl_fault fault = { "" };

	env_name(key_name, prefix, name);
	const char *text = getenv(name);
	if (text == NULL)
		return;
	if (key_name != key->name)
		fl_config_say(&l->report->warnings, "environment %s: its name is now %s", name,
			      key->name);
	if (fl_value_from_text(l->config, key, &l->ctx, text, &fault) != FL_OK)
		fl_config_say(&l->report->errors, "environment %s: %s", name, fault.text);
}

static void load_environment(struct loader *l)
{
	for (size_t i = 0; i < fl_keys_count; i++)
		if (fl_keys[i].status == FL_KEY_GUARDED)
			guard_environment(l, &fl_keys[i]);
	for (size_t i = 0; i < fl_keys_count; i++) {
		const struct fl_key_def *key = &fl_keys[i];
		if (key->status == FL_KEY_RENAMED && !is_set(l, key->fallback))
			key = fl_key_find(key->fallback);
		if (key->status != FL_KEY_USED)
			continue;
		for (size_t p = 0; p < 2; p++)
			use_variable(l, fl_keys[i].name, prefixes[p], key);
	}
}

/* ---- where things are ---- */

static const char *find_file(char buf[static PATH_LEN])
{
	static const char *const vars[] = { "FAIRLEAD_CONFIG", "HEADSCALE_CONFIG" };
	const char *home = getenv("HOME");

	for (size_t i = 0; i < 2; i++) {
		const char *path = getenv(vars[i]);
		if (path != NULL && path[0] != '\0')
			return path;
	}
	if (access("config.yaml", R_OK) == 0)
		return "config.yaml";
	if (home != NULL) {
		snprintf(buf, PATH_LEN, "%s/.fairlead/config.yaml", home);
		if (access(buf, R_OK) == 0)
			return buf;
	}
	return access("/etc/fairlead/config.yaml", F_OK) == 0 ? "/etc/fairlead/config.yaml" : NULL;
}

static const char *default_state_dir(void)
{
	const char *dir = getenv("STATE_DIRECTORY");
	if (dir != NULL && dir[0] != '\0')
		return dir;
	return geteuid() == 0 ? "/var/lib/fairlead" : "var";
}

static void folder_of(const char *file, char out[static PATH_LEN])
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (slash == NULL)
		snprintf(out, PATH_LEN, ".");
	else
		snprintf(out, PATH_LEN, "%.*s", slash == file ? 1 : (int)(slash - file), file);
}

static enum fl_err set_defaults(struct loader *l)
{
	for (size_t i = 0; i < fl_keys_count; i++) {
		struct fl_fault fault = { "" };
		if (fl_keys[i].status != FL_KEY_USED || fl_keys[i].fallback == NULL)
			continue;
		enum fl_err err = fl_value_from_text(l->config, &fl_keys[i], &l->ctx,
						     fl_keys[i].fallback, &fault);
		if (err != FL_OK) {
			fl_config_say(&l->report->errors, "default of %s: %s", fl_keys[i].name,
				      fault.text);
			return err;
		}
	}
	return FL_OK;
}

static enum fl_err resolve_lists(struct loader *l)
{
	struct fl_strlist *paths = &l->config->derp_paths;

	for (size_t i = 0; i < paths->len; i++) {
		struct fl_fault fault = { "" };
		enum fl_err err = fl_value_path(&paths->at[i], &l->ctx, paths->at[i], &fault);
		if (err == FL_ERR_NOMEM)
			return err;
		if (err != FL_OK)
			fl_config_say(&l->report->errors, "derp.paths: %s", fault.text);
	}
	return FL_OK;
}

static enum fl_err load_all(struct loader *l)
{
	enum fl_err err = set_defaults(l);
	if (err == FL_OK && l->file != NULL)
		err = load_file(l);
	if (err == FL_ERR_SYNTAX || err == FL_ERR_TOO_BIG)
		return FL_ERR_INVALID; /* the report says why */
	if (err != FL_OK)
		return err;
	load_environment(l);
	/* As in headscale, but only where there is something to override with. */
	if (!is_set(l, "dns.override_local_dns"))
		l->config->dns.override_local_dns = l->config->dns.nameservers.len > 0;
	err = resolve_lists(l);
	if (err != FL_OK)
		return err;
	fl_config_check(l->config, l->report);
	return l->report->errors.len > 0 ? FL_ERR_INVALID : FL_OK;
}

enum fl_err fl_config_load(const char *path, const char *state_dir, struct fl_config_report *report,
			   struct fl_config **out)
{
	char found[PATH_LEN], folder[PATH_LEN];
	struct loader l = {
		.config = calloc(1, sizeof(struct fl_config)),
		.report = report,
		.file = path != NULL ? path : find_file(found),
	};
	if (l.config == NULL)
		return FL_ERR_NOMEM;
	if (l.file != NULL && l.file[0] == '\0')
		l.file = NULL;
	folder_of(l.file, folder);
	l.ctx.folder = folder;
	l.ctx.client = report->client;
	l.ctx.state_dir = state_dir != NULL ? state_dir : default_state_dir();
	l.config->file = l.file != NULL ? fl_str_dup(fl_slice_str(l.file)) : NULL;

	enum fl_err err = load_all(&l);
	fl_yaml_free(l.tree);
	if (err != FL_OK) {
		fl_config_free(l.config);
		return err;
	}
	*out = l.config;
	return FL_OK;
}
