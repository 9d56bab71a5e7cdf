/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/pick.c - finds nodes, users and keys by what people call them; never guesses. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "base/text.h"
#include "cli/cli.h"

enum { CANDIDATES_SHOWN = 10 };

/* How well a record fits a text. Only the best kind counts, and there it must be the only one. */
enum fit { FIT_NONE, FIT_LOOSE, FIT_GOOD, FIT_EXACT };
typedef enum fit fit_fn(const struct fl_cli *c, struct fl_jv record, const char *text);

static bool is_number(const char *text)
{
	uint64_t n;
	return fl_u64_parse(fl_slice_str(text), &n) == FL_OK;
}

static struct fl_slice str_at(struct fl_jv record, const char *path)
{
	struct fl_jv v = fl_json_path(record, path);
	return fl_json_kind(v) == FL_JSON_STRING ? fl_json_str(v) : fl_slice_of(NULL, 0);
}

static void take(struct fl_jv record, const char *name, struct fl_pick *out)
{
	struct fl_slice id = str_at(record, "id");

	*out = (struct fl_pick){ 0 };
	if (fl_u64_parse(id, &out->id) != FL_OK)
		out->id = 0;
	fl_str_copy(out->name, sizeof out->name, str_at(record, name));
}

static int ambiguous(struct fl_cli *c, struct fl_jv list, fit_fn *fits, enum fit best,
		     const char *text, const char *name)
{
	char all[1024];
	struct fl_buf b = fl_buf_over(all, sizeof all);
	size_t shown = 0;

	for (size_t i = 0; i < fl_json_len(list) && shown < CANDIDATES_SHOWN; i++) {
		struct fl_jv record = fl_json_at(list, i);
		struct fl_slice id = str_at(record, "id"), label = str_at(record, name);
		if (fits(c, record, text) == best)
			fl_buf_printf(&b, "%s%.*s (%.*s)", shown++ ? ", " : "", (int)id.len,
				      (const char *)id.ptr, (int)label.len,
				      (const char *)label.ptr);
	}
	all[b.len] = '\0';
	return fl_cli_fail(c, FL_EXIT_NOT_FOUND, "Name one by its id.",
			   "'%s' matches more than one: %s", text, all);
}

static int choose(struct fl_cli *c, struct fl_jv list, fit_fn *fits, const char *text,
		  const char *what, const char *name, struct fl_pick *out)
{
	enum fit best = FIT_NONE;
	size_t count = 0;
	char hint[96];

	for (size_t i = 0; i < fl_json_len(list); i++) {
		enum fit fit = fits(c, fl_json_at(list, i), text);
		if (fit > best || (fit == best && fit != FIT_NONE)) {
			count = fit > best ? 1 : count + 1;
			best = fit;
			if (count == 1)
				take(fl_json_at(list, i), name, out);
		}
	}
	if (count == 1)
		return FL_EXIT_DONE;
	if (count > 1)
		return ambiguous(c, list, fits, best, text, name);
	snprintf(hint, sizeof hint, "All there are: fairlead %ss list", what);
	return fl_cli_fail(c, FL_EXIT_NOT_FOUND, hint, "no %s matches '%s'", what, text);
}

static int pick(struct fl_cli *c, const char *path, const char *list, fit_fn *fits,
		const char *text, const char *what, const char *name, struct fl_pick *out)
{
	struct fl_answer a;
	int code = fl_cli_get(c, path, &a);

	if (code == FL_EXIT_DONE) {
		struct fl_jv all = fl_json_path(fl_json_root(a.doc), list);
		if (fl_json_kind(all) != FL_JSON_ARRAY)
			all.v = NULL;
		code = choose(c, all, fits, text, what, name, out);
	}
	fl_answer_done(&a);
	return code;
}

/* ---- users ---- */

static enum fit fit_user(const struct fl_cli *c, struct fl_jv user, const char *text)
{
	(void)c;
	if (fl_slice_is(str_at(user, "id"), text))
		return FIT_EXACT;
	if (fl_slice_is(str_at(user, "name"), text))
		return FIT_GOOD;
	if (text[0] != '\0' && fl_str_ieq(str_at(user, "email"), fl_slice_str(text)))
		return FIT_LOOSE;
	return FIT_NONE;
}

int fl_cli_pick_user(struct fl_cli *c, const char *text, struct fl_pick *out)
{
	return pick(c, "/api/v1/user", "users", fit_user, text, "user", "name", out);
}

/* ---- nodes ---- */

/* "laptop.tail.example.com." of a node named laptop, in the domain of the settings. */
static bool is_full_name(const struct fl_cli *c, struct fl_slice name, const char *text)
{
	size_t len = strlen(text);
	const char *base = c->config->dns.base_domain;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len <= name.len + 1 || text[name.len] != '.' ||
	    !fl_str_ieq(name, fl_slice_of(text, name.len)))
		return false;
	/* The settings may be those of another machine. */
	return c->config->cli_address[0] != '\0' ||
	       fl_str_ieq(fl_slice_of(text + name.len + 1, len - name.len - 1), fl_slice_str(base));
}

static bool has_address(struct fl_jv node, const char *text)
{
	struct fl_jv list = fl_json_path(node, "ipAddresses");
	struct fl_ip want, got;

	if (fl_json_kind(list) != FL_JSON_ARRAY || fl_ip_parse(fl_slice_str(text), &want) != FL_OK)
		return false;
	for (size_t i = 0; i < fl_json_len(list); i++)
		if (fl_ip_parse(fl_json_str(fl_json_at(list, i)), &got) == FL_OK &&
		    fl_ip_eq(&want, &got))
			return true;
	return false;
}

static enum fit fit_node(const struct fl_cli *c, struct fl_jv node, const char *text)
{
	struct fl_slice name = str_at(node, "givenName");

	if (name.len > 0 && (fl_str_ieq(name, fl_slice_str(text)) || is_full_name(c, name, text)))
		return FIT_EXACT;
	if (has_address(node, text))
		return FIT_GOOD;
	if (text[0] != '\0' && fl_str_ieq(str_at(node, "name"), fl_slice_str(text)))
		return FIT_LOOSE;
	return FIT_NONE;
}

int fl_cli_pick_node(struct fl_cli *c, const char *text, struct fl_pick *out)
{
	/* A number is an id: the command itself will hear whether the node exists. */
	if (is_number(text)) {
		*out = (struct fl_pick){ 0 };
		fl_str_copy(out->name, sizeof out->name, fl_slice_str(text));
		return fl_u64_parse(fl_slice_str(text), &out->id) == FL_OK ? FL_EXIT_DONE
									   : FL_EXIT_USAGE;
	}
	return pick(c, "/api/v1/node", "nodes", fit_node, text, "node", "givenName", out);
}

/* ---- pre-auth keys ---- */

/* By the public part: bare, or as listed: hskey-auth-PREFIX-***. */
static enum fit fit_preauth(const struct fl_cli *c, struct fl_jv key, const char *text)
{
	static const char word[] = "hskey-auth-";
	struct fl_slice shown = str_at(key, "key"), want = fl_slice_str(text);
	enum { PREFIX = 12 };

	(void)c;
	if (want.len > sizeof word - 1 && memcmp(want.ptr, word, sizeof word - 1) == 0)
		want = fl_slice_skip(want, sizeof word - 1);
	shown = fl_slice_skip(shown, sizeof word - 1);
	if (want.len < PREFIX || shown.len < PREFIX)
		return FIT_NONE;
	return memcmp(want.ptr, shown.ptr, PREFIX) == 0 ? FIT_EXACT : FIT_NONE;
}

int fl_cli_pick_preauth(struct fl_cli *c, const char *text, struct fl_pick *out)
{
	if (is_number(text))
		return fl_cli_pick_node(c, text, out);
	return pick(c, "/api/v1/preauthkey", "preAuthKeys", fit_preauth, text, "preauthkey", "key",
		    out);
}
