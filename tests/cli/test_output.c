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
	  "ID,Name,Display name,E-mail,Created,Provider,Picture\n"
	  "1,alice,\"Alice, \"\"A\"\"\",a@b.c,2026-01-02 03:04:05,,\n"
	  "22,b\xc3\xb6"
	  "b,,,,,\n" },
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
	suite_add(&s, "one record", record, NULL);
	return suite_run(&s, "cli/output");
}
