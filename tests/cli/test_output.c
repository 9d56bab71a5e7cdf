/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/cli/test_output.c - each format of answers against golden texts. */
#include "../base/table.h"

#include <time.h>

#include "base/buf.h"
#include "cli/output.h"

#define USERS                                                                                      \
	"{\"users\":[{\"id\":\"1\",\"name\":\"alice\",\"createdAt\":\"2026-01-02T03:04:05Z\","     \
	"\"displayName\":\"Alice, \\\"A\\\"\",\"email\":\"a@b.c\",\"provider\":\"\"},"             \
	"{\"id\":\"22\",\"name\":\"b\\u00f6b\",\"createdAt\":null,\"displayName\":\"\","           \
	"\"email\":\"\",\"provider\":\"\"}]}"

#define NODE                                                                                       \
	"{\"node\":{\"id\":\"7\",\"givenName\":\"lap\",\"name\":\"Lap\\u001b[31m\",\"user\":{"     \
	"\"name\":"                                                                                \
	"\"alice\"},\"ipAddresses\":[\"100.64.0.1\",\"fd7a::1\"],\"online\":true,\"lastSeen\":"    \
	"\"2026-01-02T03:04:05.5Z\",\"expiry\":null,\"tags\":[],\"ephemeral\":false,"              \
	"\"approvedRoutes\":[\"10.0.0.0/8\"],\"availableRoutes\":[],\"subnetRoutes\":[],"          \
	"\"machineKey\":\"mkey:0123456789abcdef0123\",\"nodeKey\":\"\",\"createdAt\":"             \
	"\"2026-01-02T03:04:05Z\",\"registerMethod\":\"REGISTER_METHOD_CLI\"}}"

#define KEYS                                                                                       \
	"{\"preAuthKeys\":[{\"id\":\"1\",\"key\":\"k1\",\"user\":null,\"aclTags\":[\"tag:a\","     \
	"\"tag:b\"],"                                                                              \
	"\"reusable\":true,\"ephemeral\":false,\"used\":false,\"expiration\":"                     \
	"\"2026-06-01T00:00:00Z\",\"createdAt\":null},{\"id\":\"2\",\"key\":\"k2\",\"user\":"      \
	"{\"name\":\"alice\"},\"aclTags\":[],\"reusable\":false,\"ephemeral\":true,\"used\":true," \
	"\"expiration\":\"2025-06-01T00:00:00Z\",\"createdAt\":null}]}"

static struct row {
	const char *name;
	enum fl_format format;
	bool colour, plain; /* without headers */
	const struct fl_resource *resource;
	const char *body;
	const char *want;
} rows[] = {
	{ "table", FL_FORMAT_TABLE, false, false, &fl_resource_user, USERS,
	  "ID  Name   Display name  E-mail  Created\n"
	  "1   alice  Alice, \"A\"    a@b.c   2026-01-02 03:04:05\n"
	  "22  b\xc3\xb6"
	  "b                          \n" },
	{ "table without headers", FL_FORMAT_TABLE, false, true, &fl_resource_user, USERS,
	  "1   alice  Alice, \"A\"  a@b.c  2026-01-02 03:04:05\n"
	  "22  b\xc3\xb6"
	  "b                       \n" },
	{ "table of nothing", FL_FORMAT_TABLE, false, false, &fl_resource_user, "{\"users\":[]}",
	  "ID  Name  Display name  E-mail  Created\n" },
	{ "tabs", FL_FORMAT_TABS, false, false, &fl_resource_user, USERS,
	  "ID\tName\tDisplay name\tE-mail\tCreated\n"
	  "1\talice\tAlice, \"A\"\ta@b.c\t2026-01-02 03:04:05\n"
	  "22\tb\xc3\xb6"
	  "b\t\t\t\n" },
	{ "csv", FL_FORMAT_CSV, false, false, &fl_resource_user, USERS,
	  "ID,Name,Display name,E-mail,Created,Role,Provider,Picture\n"
	  "1,alice,\"Alice, \"\"A\"\"\",a@b.c,2026-01-02 03:04:05,,,\n"
	  "22,b\xc3\xb6"
	  "b,,,,,,\n" },
	{ "json is the body", FL_FORMAT_JSON, false, false, &fl_resource_user, USERS, USERS "\n" },
	{ "json-line of many", FL_FORMAT_JSON_LINE, false, false, &fl_resource_user,
	  "{\"users\":[{\"id\":\"1\",\"x\":null},{\"id\":\"2\"}]}",
	  "{\"id\":\"1\",\"x\":null}\n{\"id\":\"2\"}\n" },
	{ "json-line of one", FL_FORMAT_JSON_LINE, false, false, &fl_resource_user,
	  "{\"user\":{\"id\":\"1\"}}", "{\"id\":\"1\"}\n" },
	{ "json-line of no record", FL_FORMAT_JSON_LINE, false, false, &fl_resource_user, "{}",
	  "{}\n" },
	{ "json-line of none", FL_FORMAT_JSON_LINE, false, false, &fl_resource_user,
	  "{\"users\":[]}", "" },
	{ "name of many", FL_FORMAT_NAME, false, false, &fl_resource_user, USERS,
	  "alice\nb\xc3\xb6"
	  "b\n" },
	{ "name of one", FL_FORMAT_NAME, false, false, &fl_resource_node, NODE, "lap\n" },
	{ "name of a new API key", FL_FORMAT_NAME, false, false, &fl_resource_apikey,
	  "{\"apiKey\":\"hskey\"}", "hskey\n" },
	{ "table of one node", FL_FORMAT_TABLE, false, false, &fl_resource_node, NODE,
	  "ID  Name  User   Addresses            State   Last seen            Expires  Tags\n"
	  "7   lap   alice  100.64.0.1, fd7a::1  online  2026-01-02 03:04:05  never    \n" },
	{ "wide, with a control character from a client", FL_FORMAT_WIDE, false, true,
	  &fl_resource_node, NODE,
	  "7  lap  alice  100.64.0.1, fd7a::1  online  2026-01-02 03:04:05  never    Lap?[31m  no  "
	  "10.0.0.0/8      mkey:0123456789ab    REGISTER_METHOD_CLI  2026-01-02 03:04:05\n" },
	{ "colour tells past from future", FL_FORMAT_TABLE, true, true, &fl_resource_preauth, KEYS,
	  "1  k1         tag:a, tag:b  yes  no   no   \033[32m2026-06-01 00:00:00\033[0m\n"
	  "2  k2  alice                no   yes  yes  \033[31m2025-06-01 00:00:00\033[0m\n" },
	{ "colour of what is online", FL_FORMAT_TABLE, true, true, &fl_resource_node, NODE,
	  "7  lap  alice  100.64.0.1, fd7a::1  \033[32monline\033[0m  2026-01-02 03:04:05  never  "
	  "\n" },
	{ "no colour between tabs", FL_FORMAT_TABS, true, true, &fl_resource_preauth, KEYS,
	  "1\tk1\t\ttag:a, tag:b\tyes\tno\tno\t2026-06-01 00:00:00\n"
	  "2\tk2\talice\t\tno\tyes\tyes\t2025-06-01 00:00:00\n" },
	{ "changes", FL_FORMAT_TABLE, false, false, &fl_resource_change,
	  "{\"changes\":[\"a b\",\"c\"]}", "Change\na b\nc\n" },
	{ "odd types are empty", FL_FORMAT_TABS, false, true, &fl_resource_user,
	  "{\"users\":[{\"id\":1,\"name\":[],\"displayName\":{},\"email\":true,\"createdAt\":5}]}",
	  "1\t\t\tyes\t\n" },
	{ "a malformed time is empty", FL_FORMAT_TABS, false, true, &fl_resource_user,
	  "{\"users\":[{\"id\":\"1\",\"createdAt\":\"yesterday\"}]}", "1\t\t\t\t\n" },
	{ "yaml", FL_FORMAT_YAML, false, false, &fl_resource_user,
	  "{\"users\":[{\"id\":\"1\",\"name\":\"alice\",\"at\":\"2026-01-02T03:04:05Z\",\"no\":"
	  "null,"
	  "\"yes\":true,\"n\":1,\"tags\":[\"tag:a\",\"b\"],\"empty\":[],\"none\":{},\"in\":{\"a\":["
	  "[1,2],"
	  "[]]}}],\"x\":\"\"}",
	  "users:\n"
	  "- id: \"1\"\n"
	  "  name: alice\n"
	  "  at: \"2026-01-02T03:04:05Z\"\n"
	  "  \"no\": null\n"
	  "  \"yes\": true\n"
	  "  \"n\": 1\n"
	  "  tags:\n"
	  "  - \"tag:a\"\n"
	  "  - b\n"
	  "  empty: []\n"
	  "  none: {}\n"
	  "  in:\n"
	  "    a:\n"
	  "    - - 1\n"
	  "      - 2\n"
	  "    - []\n"
	  "x: \"\"\n" },
	{ "yaml of an empty answer", FL_FORMAT_YAML, false, false, &fl_resource_user, "{}",
	  "{}\n" },
	{ "yaml quotes what could be misread", FL_FORMAT_YAML, false, false, &fl_resource_user,
	  "{\"a\":\"true\",\"b\":\"~\",\"c\":\"a: b\",\"d\":\"- "
	  "x\",\"e\":\"\\u001b\\n\",\"f\":\"NaN\","
	  "\"g\":\"a b\"}",
	  "a: \"true\"\nb: \"~\"\nc: \"a: b\"\nd: \"- x\"\ne: \"\\u001b\\n\"\nf: \"NaN\"\ng: \"a "
	  "b\"\n" },
};

static void render(void **state)
{
	const struct row *r = *state;
	const struct fl_output o = {
		.format = r->format,
		.colour = r->colour,
		.headers = !r->plain,
		.now = 1767225600 * FL_SEC, /* 2026-01-01 */
	};
	struct fl_buf out = fl_buf_make(64 << 10);
	struct fl_json *doc;

	assert_err(fl_json_parse(fl_slice_str(r->body), FL_JSON_DEPTH_MAX, &doc), FL_OK);
	fl_output_write(&o, r->resource, fl_slice_str(r->body), fl_json_root(doc), &out);
	assert_err(fl_buf_err(&out), FL_OK);
	assert_text(fl_buf_slice(&out), r->want);
	fl_json_free(doc);
	fl_buf_done(&out);
}

/* ---- chosen columns, sorted rows ---- */

#define FEW                                                                                        \
	"{\"nodes\":[{\"id\":\"10\",\"givenName\":\"b\",\"user\":{\"id\":\"1\",\"name\":\"zoe\"}," \
	"\"expiry\":\"2026-01-02T03:04:05Z\"},{\"id\":\"9\",\"givenName\":\"b\",\"user\":null,"    \
	"\"expiry\":null},{\"id\":\"2\",\"givenName\":\"a\",\"user\":{\"id\":\"1\",\"name\":"      \
	"\"zoe\"},"                                                                                \
	"\"expiry\":\"2025-01-02T03:04:05Z\"}]}"

static struct selected {
	const char *name;
	enum fl_format format;
	const char *columns, *sort;
	const struct fl_resource *resource;
	const char *body, *want;
} selecteds[] = {
	{ "columns of a table", FL_FORMAT_TABLE, "name, id", NULL, &fl_resource_node, FEW,
	  "Name  ID\nb     10\nb     9\na     2\n" },
	{ "a wide column by its path", FL_FORMAT_TABS, "registerMethod,ID", NULL, &fl_resource_node,
	  NODE, "Registered by\tID\nREGISTER_METHOD_CLI\t7\n" },
	{ "columns of two words", FL_FORMAT_TABS, "last-seen,LAST_SEEN,last seen", NULL,
	  &fl_resource_node, NODE,
	  "Last seen\tLast seen\tLast seen\n"
	  "2026-01-02 03:04:05\t2026-01-02 03:04:05\t2026-01-02 03:04:05\n" },
	{ "columns of csv", FL_FORMAT_CSV, "user", NULL, &fl_resource_node, FEW,
	  "User\nzoe\n\nzoe\n" },
	{ "sorted by numbers", FL_FORMAT_NAME, NULL, "id", &fl_resource_preauth,
	  "{\"preAuthKeys\":[{\"id\":\"10\"},{\"id\":\"9\"},{\"id\":\"100\"}]}", "9\n10\n100\n" },
	{ "sorted down", FL_FORMAT_TABS, "id", "-id", &fl_resource_node, FEW, "ID\n10\n9\n2\n" },
	{ "sorted by two", FL_FORMAT_TABS, "id", "name,id", &fl_resource_node, FEW,
	  "ID\n2\n9\n10\n" },
	{ "equal rows stay", FL_FORMAT_TABS, "id", "name", &fl_resource_node, FEW,
	  "ID\n2\n10\n9\n" },
	{ "sorted by time, never last", FL_FORMAT_TABS, "id", "expires", &fl_resource_node, FEW,
	  "ID\n2\n10\n9\n" },
	{ "columns of json", FL_FORMAT_JSON, "user,id", NULL, &fl_resource_node, FEW,
	  "{\"nodes\":[{\"user\":{\"name\":\"zoe\"},\"id\":\"10\"},{\"user\":{\"name\":null},"
	  "\"id\":\"9\"},{\"user\":{\"name\":\"zoe\"},\"id\":\"2\"}]}\n" },
	{ "json sorted", FL_FORMAT_JSON, NULL, "id", &fl_resource_user,
	  "{\"users\":[{\"id\":\"2\",\"x\":1},{\"id\":\"1\"}]}",
	  "{\"users\":[{\"id\":\"1\"},{\"id\":\"2\",\"x\":1}]}\n" },
	{ "json of one", FL_FORMAT_JSON, "id", NULL, &fl_resource_node, NODE,
	  "{\"node\":{\"id\":\"7\"}}\n" },
	{ "json of no record", FL_FORMAT_JSON, "id", NULL, &fl_resource_node, "{}", "{}\n" },
	{ "json of a new key", FL_FORMAT_JSON, "id", NULL, &fl_resource_apikey,
	  "{\"apiKey\":\"hskey\"}", "{\"apiKey\":\"hskey\"}\n" },
	{ "json-line", FL_FORMAT_JSON_LINE, "id", "id", &fl_resource_node, FEW,
	  "{\"id\":\"2\"}\n{\"id\":\"9\"}\n{\"id\":\"10\"}\n" },
	{ "yaml", FL_FORMAT_YAML, "name,user", "-id", &fl_resource_node, FEW,
	  "nodes:\n- givenName: b\n  user:\n    name: zoe\n- givenName: b\n  user:\n    name: "
	  "null\n"
	  "- givenName: a\n  user:\n    name: zoe\n" },
};

static void render_selected(void **state)
{
	const struct selected *r = *state;
	const struct fl_output o = {
		.format = r->format,
		.headers = true,
		.columns = r->columns,
		.sort = r->sort,
	};
	struct fl_buf out = fl_buf_make(64 << 10);
	struct fl_fault fault;
	struct fl_json *doc;

	assert_err(fl_output_check(&o, r->resource, &fault), FL_OK);
	assert_err(fl_json_parse(fl_slice_str(r->body), FL_JSON_DEPTH_MAX, &doc), FL_OK);
	fl_output_write(&o, r->resource, fl_slice_str(r->body), fl_json_root(doc), &out);
	assert_text(fl_buf_slice(&out), r->want);
	fl_json_free(doc);
	fl_buf_done(&out);
}

/* ---- as headscale prints it ---- */

static struct selected bares[] = {
	{ "bare json of many", FL_FORMAT_JSON, NULL, NULL, &fl_resource_user,
	  "{\"users\":[{\"id\":\"1\",\"x\":[],\"y\":{}},{\"id\":\"2\",\"x\":[1,null]}]}",
	  "[\n\t{\n\t\t\"id\": \"1\",\n\t\t\"x\": [],\n\t\t\"y\": {}\n\t},\n\t{\n\t\t\"id\": "
	  "\"2\",\n"
	  "\t\t\"x\": [\n\t\t\t1,\n\t\t\tnull\n\t\t]\n\t}\n]\n" },
	{ "bare json of none", FL_FORMAT_JSON, NULL, NULL, &fl_resource_user, "{\"users\":[]}",
	  "[]\n" },
	{ "bare json of one", FL_FORMAT_JSON, NULL, NULL, &fl_resource_user,
	  "{\"user\":{\"id\":\"1\"}}", "{\n\t\"id\": \"1\"\n}\n" },
	{ "bare json of nothing", FL_FORMAT_JSON, NULL, NULL, &fl_resource_user, "{}", "{}\n" },
	{ "bare json of a new key", FL_FORMAT_JSON, NULL, NULL, &fl_resource_apikey,
	  "{\"apiKey\":\"hskey\"}", "\"hskey\"\n" },
	{ "bare json-line", FL_FORMAT_JSON_LINE, NULL, NULL, &fl_resource_user,
	  "{\"users\":[{\"id\":\"1\"},{\"id\":\"2\"}]}", "[{\"id\":\"1\"},{\"id\":\"2\"}]\n" },
	{ "bare yaml", FL_FORMAT_YAML, NULL, NULL, &fl_resource_user,
	  "{\"users\":[{\"id\":\"1\"}]}", "- id: \"1\"\n" },
	{ "bare and chosen", FL_FORMAT_JSON_LINE, "id", "-id", &fl_resource_user,
	  "{\"users\":[{\"id\":\"1\",\"x\":1},{\"id\":\"2\"}]}",
	  "[{\"id\":\"2\"},{\"id\":\"1\"}]\n" },
};

static void render_bare(void **state)
{
	const struct selected *r = *state;
	const struct fl_output o = {
		.format = r->format,
		.bare = true,
		.columns = r->columns,
		.sort = r->sort,
	};
	struct fl_buf out = fl_buf_make(64 << 10);
	struct fl_json *doc;

	assert_err(fl_json_parse(fl_slice_str(r->body), FL_JSON_DEPTH_MAX, &doc), FL_OK);
	fl_output_write(&o, r->resource, fl_slice_str(r->body), fl_json_root(doc), &out);
	assert_text(fl_buf_slice(&out), r->want);
	fl_json_free(doc);
	fl_buf_done(&out);
}

static void unknown_columns(void **state)
{
	static const char *const lists[][2] = {
		{ "id,colour", NULL }, { NULL, "colour" }, { "-id", NULL }, { "id", "id,-colour" }
	};
	struct fl_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		const struct fl_output o = { .columns = lists[i][0], .sort = lists[i][1] };
		assert_err(fl_output_check(&o, &fl_resource_user, &fault), FL_ERR_INVALID);
		assert_non_null(strstr(fault.text, "id, name, display-name, e-mail, created"));
	}
	for (size_t i = 0; i < COUNT(lists); i++) {
		const struct fl_output o = { .columns = i & 1 ? "" : " , ", .sort = NULL };
		assert_err(fl_output_check(&o, &fl_resource_user, &fault), FL_OK);
	}
}

/* Seen from far east of Greenwich. */
static void times_in_utc(void **state)
{
	static const char body[] = "{\"users\":[{\"createdAt\":\"2026-01-02T23:04:05Z\"}]}";
	struct fl_output o = { .format = FL_FORMAT_TABS, .columns = "created" };
	struct fl_buf out = fl_buf_make(1024);
	struct fl_json *doc;

	(void)state;
	setenv("TZ", "EAST-9", 1);
	tzset();
	assert_err(fl_json_parse(fl_slice_str(body), 8, &doc), FL_OK);
	fl_output_write(&o, &fl_resource_user, fl_slice_str(body), fl_json_root(doc), &out);
	o.utc = true;
	fl_output_write(&o, &fl_resource_user, fl_slice_str(body), fl_json_root(doc), &out);
	assert_text(fl_buf_slice(&out), "2026-01-03 08:04:05\n2026-01-02 23:04:05Z\n");
	fl_json_free(doc);
	fl_buf_done(&out);
	setenv("TZ", "UTC", 1);
	tzset();
}

/* Output that does not fit is an error, never half a table. */
static void render_small(void **state)
{
	const struct row *r = *state;
	const struct fl_output o = { .format = r->format, .headers = true };
	struct fl_json *doc;

	assert_err(fl_json_parse(fl_slice_str(r->body), FL_JSON_DEPTH_MAX, &doc), FL_OK);
	for (size_t max = 0; max + 1 < strlen(r->want) && !r->plain && !r->colour; max++) {
		struct fl_buf out = fl_buf_make(max);
		fl_output_write(&o, r->resource, fl_slice_str(r->body), fl_json_root(doc), &out);
		assert_err(fl_buf_err(&out), FL_ERR_TOO_BIG);
		fl_buf_done(&out);
	}
	fl_json_free(doc);
}

static void record(void **state)
{
	const struct fl_output o = { .format = FL_FORMAT_TABLE, .headers = true };
	struct fl_buf out = fl_buf_make(64 << 10);
	struct fl_json *doc;

	(void)state;
	assert_err(fl_json_parse(fl_slice_str("{\"id\":\"1\",\"name\":\"a\"}"), 8, &doc), FL_OK);
	fl_output_record(&o, &fl_resource_user, fl_json_root(doc), &out);
	assert_text(fl_buf_slice(&out), "ID:            1\n"
					"Name:          a\n"
					"Display name:  \n"
					"E-mail:        \n"
					"Created:       \n"
					"Role:          \n"
					"Provider:      \n"
					"Picture:       \n");
	fl_json_free(doc);
	fl_buf_done(&out);
}

/* ---- formats and cleaning ---- */

static struct format {
	const char *word;
	bool terminal, ok;
	enum fl_format want;
} formats[] = {
	{ "", true, true, FL_FORMAT_TABLE },       { "", false, true, FL_FORMAT_TABS },
	{ "table", false, true, FL_FORMAT_TABLE }, { "wide", false, true, FL_FORMAT_WIDE },
	{ "json", true, true, FL_FORMAT_JSON },    { "json-line", true, true, FL_FORMAT_JSON_LINE },
	{ "yaml", true, true, FL_FORMAT_YAML },    { "csv", true, true, FL_FORMAT_CSV },
	{ "name", true, true, FL_FORMAT_NAME },    { "xml", true, false, FL_FORMAT_TABLE },
	{ "JSON", true, false, FL_FORMAT_TABLE },
};

static void choose_format(void **state)
{
	const struct format *f = *state;
	enum fl_format got = FL_FORMAT_TABLE;

	assert_int_equal(fl_output_format(f->word, f->terminal, &got), f->ok);
	assert_int_equal(got, f->want);
}

static struct clean {
	const char *name;
	struct fl_slice text;
	const char *want;
} cleans[] = {
	{ "plain", BYTES("a-b c"), "a-b c" },
	{ "UTF-8", BYTES("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
	  "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "escape", BYTES("\x1b[31m"), "?[31m" },
	{ "tab and line feed", BYTES("a\tb\n"), "a?b?" },
	{ "NUL and DEL", BYTES("a\0b\x7f"), "a?b?" },
	{ "C1", BYTES("\xc2\x9b"), "?" },
	{ "other direction",
	  BYTES("a\xe2\x80\xae"
		"b"),
	  "a?b" },
	{ "isolate", BYTES("\xe2\x81\xa6"), "?" },
	{ "broken", BYTES("\xff\xc3"), "??" },
	{ "cut short", BYTES("a\xe2\x82"), "a??" },
};

static void clean(void **state)
{
	const struct clean *c = *state;
	struct fl_slice in = exact(c->text);
	struct fl_buf out = fl_buf_make(256);

	fl_output_clean(in, &out);
	assert_text(fl_buf_slice(&out), c->want);
	fl_buf_done(&out);
	exact_free(in);
}

int main(void)
{
	static struct suite s;

	setenv("TZ", "UTC", 1);
	tzset();
	ROWS(&s, rows, render);
	ROWS(&s, rows, render_small);
	ROWS(&s, formats, choose_format);
	ROWS(&s, cleans, clean);
	ROWS(&s, selecteds, render_selected);
	ROWS(&s, bares, render_bare);
	suite_add(&s, "unknown columns", unknown_columns, NULL);
	suite_add(&s, "times in UTC", times_in_utc, NULL);
	suite_add(&s, "one record", record, NULL);
	return suite_run(&s, "cli/output");
}
