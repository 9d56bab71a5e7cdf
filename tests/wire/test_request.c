/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_request.c - register and map requests, and the register answer. */
#include "../base/table.h"

#include <stdio.h>

#include "wire/tailcfg/request.h"

#define HEX1 "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX2 "2222222222222222222222222222222222222222222222222222222222222222"
#define HEX0 "0000000000000000000000000000000000000000000000000000000000000000"
#define HEXA "aAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaAA"

static enum fl_err parse_register(const char *json, struct fl_register_request *out)
{
	struct fl_slice text = exact(fl_slice_str(json));
	enum fl_err err = fl_register_request_parse(text, out);

	exact_free(text);
	return err;
}

static enum fl_err parse_map(const char *json, struct fl_map_request *out)
{
	struct fl_slice text = exact(fl_slice_str(json));
	enum fl_err err = fl_map_request_parse(text, NULL, out);

	exact_free(text);
	return err;
}

/* ---- register ---- */

/* docs/protocol/control.md 4.1, the example of a first join. */
static const char join[] =
	"{\"Version\":145,\"NodeKey\":\"nodekey:" HEX1 "\",\"OldNodeKey\":\"nodekey:" HEX0
	"\",\"NLKey\":\"nlpub:" HEX2 "\",\"Auth\":{\"AuthKey\":\"K\"},\n"
	" \"Expiry\":\"0001-01-01T00:00:00Z\",\"Followup\":\"\",\"Hostinfo\":{\"IPNVersion\":\"1.0."
	"0\","
	"\"BackendLogID\":\"" HEX1
	"\",\"OS\":\"linux\",\"Hostname\":\"alpha\"},\"NodeKeySignature\":null}";

static void a_first_join(void **state)
{
	(void)state;
	struct fl_register_request r;

	assert_err(parse_register(join, &r), FL_OK);
	assert_int_equal(r.version, 145);
	assert_int_equal(r.node_key.b[31], 0x11);
	assert_string_equal(r.auth_key, "K");
	assert_null(r.followup);
	assert_true(r.expiry == 0);
	assert_false(r.ephemeral);
	assert_string_equal(r.hostinfo->json,
			    "{\"IPNVersion\":\"1.0.0\",\"OS\":\"linux\",\"Hostname\":\"alpha\"}");
	fl_register_request_done(&r);
	assert_null(r.auth_key);
	fl_register_request_done(&r);
}

static void every_prefix_of_a_join_fails(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof join - 1; n++) {
		struct fl_slice text = exact(fl_slice_of(join, n));
		struct fl_register_request r;
		assert_err(fl_register_request_parse(text, &r), FL_ERR_SYNTAX);
		exact_free(text);
	}
}

static void a_logout(void **state)
{
	(void)state;
	struct fl_register_request r;

	assert_err(parse_register("{\"Version\":113,\"NodeKey\":\"nodekey:" HEX1
				  "\",\"Expiry\":\"1970-01-01T01:02:03+01:00\"}",
				  &r),
		   FL_OK);
	assert_true(r.expiry == 123 * FL_SEC);
	assert_null(r.auth_key);
	assert_string_equal(r.hostinfo->json, "{}");
	fl_register_request_done(&r);
}

static void a_followup(void **state)
{
	(void)state;
	struct fl_register_request r;

	assert_err(parse_register("{\"Version\":113,\"NodeKey\":\"nodekey:" HEXA
				  "\",\"Followup\":\"https://h/register/x\",\"Ephemeral\":true}",
				  &r),
		   FL_OK);
	assert_string_equal(r.followup, "https://h/register/x");
	assert_int_equal(r.node_key.b[0], 0xaa);
	assert_true(r.ephemeral);
	fl_register_request_done(&r);
}

static void names_match_in_any_case(void **state)
{
	(void)state;
	struct fl_register_request r;

	assert_err(parse_register("{\"version\":1,\"NODEKEY\":\"nodekey:" HEX1
				  "\",\"nodeKey\":\"nodekey:" HEX2
				  "\",\"VERSION\":120,\"auth\":{\"AUTHKEY\":\"k\"},\"hostinfo\":"
				  "{\"hostname\":\"h\"}}",
				  &r),
		   FL_OK);
	assert_int_equal(r.version, 120);
	assert_int_equal(r.node_key.b[0], 0x22);
	assert_string_equal(r.auth_key, "k");
	assert_string_equal(r.hostinfo->hostname, "h");
	fl_register_request_done(&r);
}

static void nothing_is_required(void **state)
{
	(void)state;
	struct fl_register_request r;

	assert_err(parse_register(
			   "{\"Auth\":null,\"Hostinfo\":null,\"NodeKey\":null,\"Wish\":[{}]}", &r),
		   FL_OK);
	assert_int_equal(r.version, 0);
	assert_true(fl_node_key_is_zero(&r.node_key));
	assert_non_null(r.hostinfo);
	fl_register_request_done(&r);
}

static struct bad_case {
	const char *name;
	const char *json;
	enum fl_err want;
} register_bad_rows[] = {
	{ "empty", "", FL_ERR_SYNTAX },
	{ "null", "null", FL_ERR_SYNTAX },
	{ "an array", "[]", FL_ERR_SYNTAX },
	{ "version as text", "{\"Version\":\"145\"}", FL_ERR_SYNTAX },
	{ "negative version", "{\"Version\":-1}", FL_ERR_SYNTAX },
	{ "version beyond 32 bits", "{\"Version\":4294967296}", FL_ERR_SYNTAX },
	{ "key with the wrong prefix", "{\"NodeKey\":\"mkey:" HEX1 "\"}", FL_ERR_SYNTAX },
	{ "key that is too short", "{\"NodeKey\":\"nodekey:11\"}", FL_ERR_SYNTAX },
	{ "key that is too long", "{\"NodeKey\":\"nodekey:" HEX1 "11\"}", FL_ERR_SYNTAX },
	{ "key with a bad digit", "{\"NodeKey\":\"nodekey:g" HEX1 "\"}", FL_ERR_SYNTAX },
	{ "empty key", "{\"NodeKey\":\"\"}", FL_ERR_SYNTAX },
	{ "key as a number", "{\"NodeKey\":1}", FL_ERR_SYNTAX },
	{ "auth as text", "{\"Auth\":\"K\"}", FL_ERR_SYNTAX },
	{ "auth key as a number", "{\"Auth\":{\"AuthKey\":1}}", FL_ERR_SYNTAX },
	{ "auth key with U+0000", "{\"Auth\":{\"AuthKey\":\"a\\u0000b\"}}", FL_ERR_SYNTAX },
	{ "expiry as a number", "{\"Expiry\":0}", FL_ERR_SYNTAX },
	{ "expiry that is no time", "{\"Expiry\":\"never\"}", FL_ERR_SYNTAX },
	{ "ephemeral as text", "{\"Ephemeral\":\"true\"}", FL_ERR_SYNTAX },
	{ "Hostinfo as text", "{\"Hostinfo\":\"{}\"}", FL_ERR_SYNTAX },
	{ "a bad route inside", "{\"Hostinfo\":{\"RoutableIPs\":[\"x\"]}}", FL_ERR_SYNTAX },
};

static void register_bad_row(void **state)
{
	const struct bad_case *c = *state;
	struct fl_register_request r = { .version = 77 };

	assert_err(parse_register(c->json, &r), c->want);
	assert_int_equal(r.version, 77);
}

/* {"Auth":{"AuthKey":"kkk..."}} or {"Followup":"kkk..."} with n letters. */
static enum fl_err parse_long(const char *head, size_t n, const char *tail)
{
	size_t size = n + 100;
	char *json = malloc(size);
	struct fl_register_request r;

	assert_non_null(json);
	snprintf(json, size, "%s%*s%s", head, (int)n, "", tail);
	memset(json + strlen(head), 'k', n);
	enum fl_err err = parse_register(json, &r);
	if (err == FL_OK)
		fl_register_request_done(&r);
	free(json);
	return err;
}

static void long_texts_are_refused(void **state)
{
	(void)state;
	for (int over = -1; over <= 1; over++) {
		enum fl_err want = over > 0 ? FL_ERR_TOO_BIG : FL_OK;
		assert_err(parse_long("{\"Auth\":{\"AuthKey\":\"",
				      (size_t)(FL_TAILCFG_AUTHKEY_MAX + over), "\"}}"),
			   want);
		assert_err(
			parse_long("{\"Followup\":\"", (size_t)(FL_TAILCFG_URL_MAX + over), "\"}"),
			want);
	}
}

static enum fl_err parse_nested(size_t levels)
{
	char json[512] = "{\"x\":";
	struct fl_register_request r;

	memset(json + 5, '[', levels - 1);
	memset(json + 5 + levels - 1, ']', levels - 1);
	json[5 + 2 * (levels - 1)] = '}';
	enum fl_err err = parse_register(json, &r);
	if (err == FL_OK)
		fl_register_request_done(&r);
	return err;
}

static void nesting_is_bounded(void **state)
{
	(void)state;
	assert_err(parse_nested(FL_TAILCFG_DEPTH_MAX - 1), FL_OK);
	assert_err(parse_nested(FL_TAILCFG_DEPTH_MAX), FL_OK);
	assert_err(parse_nested(FL_TAILCFG_DEPTH_MAX + 1), FL_ERR_TOO_BIG);
}

static void a_megabyte_is_read(void **state)
{
	(void)state;
	size_t n = 1 << 20;
	char *json = malloc(n + 1);
	struct fl_register_request r;

	assert_non_null(json);
	memset(json, ' ', n);
	json[n] = '\0';
	memcpy(json, "{\"Version\":9,\"Hostinfo\":{\"Hostname\":\"", 37);
	memset(json + 37, 'h', n - 40);
	memcpy(json + n - 3, "\"}}", 3);
	assert_err(parse_register(json, &r), FL_OK);
	assert_int_equal(strlen(r.hostinfo->hostname), FL_HOSTINFO_STRING_MAX);
	fl_register_request_done(&r);
	free(json);
}

/* ---- the register answer ---- */

static struct answer_case {
	const char *name;
	struct fl_register_response r;
	const char *want;
} answer_rows[] = {
	{ "success, as in the reference",
	  { .user_id = 1001,
	    .login_name = "alice@tail.example",
	    .display_name = "Alice",
	    .machine_authorized = true },
	  "{\"User\":{\"ID\":1001,\"DisplayName\":\"Alice\"},\"Login\":{\"ID\":1001,\"Provider\":"
	  "\"\","
	  "\"LoginName\":\"alice@tail.example\",\"DisplayName\":\"Alice\"},\"NodeKeyExpired\":"
	  "false,"
	  "\"MachineAuthorized\":true,\"AuthURL\":\"\",\"NodeKeySignature\":null,\"Error\":\"\"}" },
	{ "a URL to visit",
	  { .auth_url = "https://h/register/a?b&c" },
	  "{\"User\":{\"ID\":0,\"DisplayName\":\"\"},\"Login\":{\"ID\":0,\"Provider\":\"\","
	  "\"LoginName\":\"\",\"DisplayName\":\"\"},\"NodeKeyExpired\":false,"
	  "\"MachineAuthorized\":false,\"AuthURL\":\"https://h/register/a?b\\u0026c\","
	  "\"NodeKeySignature\":null,\"Error\":\"\"}" },
	{ "a refusal",
	  { .node_key_expired = true, .error = "no \"such\" key" },
	  "{\"User\":{\"ID\":0,\"DisplayName\":\"\"},\"Login\":{\"ID\":0,\"Provider\":\"\","
	  "\"LoginName\":\"\",\"DisplayName\":\"\"},\"NodeKeyExpired\":true,"
	  "\"MachineAuthorized\":false,\"AuthURL\":\"\",\"NodeKeySignature\":null,"
	  "\"Error\":\"no \\\"such\\\" key\"}" },
};

static void answer_row(void **state)
{
	const struct answer_case *c = *state;
	struct fl_buf out = fl_buf_make(1 << 16);

	fl_register_response_write(&c->r, &out);
	assert_err(fl_buf_err(&out), FL_OK);
	assert_text(fl_buf_slice(&out), c->want);
	fl_buf_done(&out);
}

/* ---- map ---- */

/* docs/protocol/control.md 5.1, the two examples. */
static const char poll[] = "{\"Version\":145,\"Compress\":\"zstd\",\"KeepAlive\":true,\"NodeKey\":"
			   "\"nodekey:" HEX1 "\",\"DiscoKey\":\"discokey:" HEX2
			   "\",\"Stream\":true,\"Hostinfo\":{\"OS\":\"linux\"}}";
static const char lite[] = "{\"Version\":145,\"Compress\":\"zstd\",\"KeepAlive\":true,\"NodeKey\":"
			   "\"nodekey:" HEX1 "\",\"DiscoKey\":\"discokey:" HEX2
			   "\",\"Hostinfo\":{\"OS\":\"linux\"},\"Endpoints\":"
			   "[\"192.0.2.10:41641\"],\"EndpointTypes\":[2],\"OmitPeers\":true}";

static void a_long_poll(void **state)
{
	(void)state;
	struct fl_map_request r;

	assert_err(parse_map(poll, &r), FL_OK);
	assert_int_equal(r.version, 145);
	assert_true(r.compress_zstd && r.stream);
	assert_false(r.omit_peers || r.read_only || r.has_endpoints);
	assert_int_equal(r.node_key.b[0], 0x11);
	assert_int_equal(r.disco_key.b[0], 0x22);
	assert_true(r.has_hostinfo);
	assert_string_equal(r.hostinfo->os, "linux");
	fl_map_request_done(&r);
}

static void a_lite_update(void **state)
{
	(void)state;
	struct fl_map_request r;

	assert_err(parse_map(lite, &r), FL_OK);
	assert_true(r.omit_peers && r.has_endpoints);
	assert_false(r.stream);
	assert_int_equal(r.endpoints_count, 1);
	assert_int_equal(r.endpoints[0].at.port, 41641);
	assert_int_equal(r.endpoints[0].type, 2);
	fl_map_request_done(&r);
	fl_map_request_done(&r);
}

static void every_prefix_of_an_update_fails(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof lite - 1; n++) {
		struct fl_slice text = exact(fl_slice_of(lite, n));
		struct fl_map_request r;
		assert_err(fl_map_request_parse(text, NULL, &r), FL_ERR_SYNTAX);
		exact_free(text);
	}
}

static void absent_parts_are_absent(void **state)
{
	(void)state;
	struct fl_map_request r;

	assert_err(parse_map("{\"ReadOnly\":true,\"Hostinfo\":null,\"Endpoints\":null,"
			     "\"Compress\":\"gzip\"}",
			     &r),
		   FL_OK);
	assert_true(r.read_only);
	assert_false(r.has_hostinfo || r.has_endpoints || r.compress_zstd);
	assert_null(r.hostinfo);
	fl_map_request_done(&r);
}

static struct endpoints_case {
	const char *name;
	const char *json;
	const char *want; /* "address type" each, separated by a blank and a comma */
} endpoints_rows[] = {
	{ "none", "{\"Endpoints\":[]}", "" },
	{ "both families",
	  "{\"Endpoints\":[\"1.2.3.4:5\",\"[2001:db8::1]:6\"],\"EndpointTypes\":[1,4]}",
	  "1.2.3.4:5/1 [2001:db8::1]:6/4 " },
	{ "too few types", "{\"Endpoints\":[\"1.2.3.4:5\",\"1.2.3.4:6\"],\"EndpointTypes\":[3]}",
	  "1.2.3.4:5/3 1.2.3.4:6/0 " },
	{ "no types", "{\"Endpoints\":[\"1.2.3.4:5\"]}", "1.2.3.4:5/0 " },
	{ "too many types", "{\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":[1,2,3]}",
	  "1.2.3.4:5/1 " },
	{ "duplicates", "{\"Endpoints\":[\"1.2.3.4:5\",\"1.2.3.4:5\"],\"EndpointTypes\":[1,2]}",
	  "1.2.3.4:5/1 " },
	{ "IPv6 link-local",
	  "{\"Endpoints\":[\"[fe80::1]:5\",\"1.2.3.4:5\"],\"EndpointTypes\":[1,2]}",
	  "1.2.3.4:5/2 " },
	{ "zones", "{\"Endpoints\":[\"[fe80::1%eth0]:5\",\"[2001:db8::1%1]:5\"]}", "" },
	{ "null and empty",
	  "{\"Endpoints\":[null,\"\",\"1.2.3.4:5\"],\"EndpointTypes\":[null,1,2]}",
	  "1.2.3.4:5/2 " },
	{ "IPv4 link-local stays", "{\"Endpoints\":[\"169.254.1.2:5\"]}", "169.254.1.2:5/0 " },
};

static void endpoints_row(void **state)
{
	const struct endpoints_case *c = *state;
	struct fl_buf got = fl_buf_make(1 << 12);
	char text[FL_ADDRPORT_TEXT_MAX];
	struct fl_map_request r;

	assert_err(parse_map(c->json, &r), FL_OK);
	assert_true(r.has_endpoints);
	for (size_t i = 0; i < r.endpoints_count; i++) {
		fl_addrport_format(&r.endpoints[i].at, text);
		fl_buf_printf(&got, "%s/%u ", text, r.endpoints[i].type);
	}
	assert_text(fl_buf_slice(&got), c->want);
	fl_buf_done(&got);
	fl_map_request_done(&r);
}

static void endpoints_are_bounded(void **state)
{
	(void)state;
	for (size_t n = FL_TAILCFG_ENDPOINTS_MAX - 1; n <= FL_TAILCFG_ENDPOINTS_MAX + 1; n++) {
		struct fl_buf json = fl_buf_make(1 << 16);
		struct fl_map_request r;
		fl_buf_str(&json, "{\"Endpoints\":[");
		for (size_t i = 0; i < n; i++)
			fl_buf_printf(&json, "%s\"1.2.3.4:%zu\"", i ? "," : "", i + 1);
		fl_buf_str(&json, "]}");
		fl_buf_byte(&json, 0);
		assert_err(parse_map((const char *)json.ptr, &r), FL_OK);
		assert_int_equal(r.endpoints_count,
				 n < FL_TAILCFG_ENDPOINTS_MAX ? n : FL_TAILCFG_ENDPOINTS_MAX);
		fl_map_request_done(&r);
		fl_buf_done(&json);
	}
}

/* ---- the same words again ---- */

#define SAID "{\"OS\":\"linux\",\"Hostname\":\"a}\\\"{\"}"

static struct again {
	const char *name, *json, *os;
	bool same;
} again_rows[] = {
	{ "again: nothing else", "{\"Hostinfo\":" SAID "}", "linux", true },
	{ "again: at the end", "{\"A\":{\"Hostinfo\":{}},\"B\":[{}],\"Hostinfo\":" SAID "}",
	  "linux", true },
	{ "again: in other case", "{\"hostINFO\":" SAID ",\"Version\":1}", "linux", true },
	{ "again: other words", "{\"Hostinfo\":{\"OS\":\"linux\"}}", "linux", false },
	{ "again: with spaces", "{\"Hostinfo\": " SAID "}", "linux", false },
	{ "again: deeper", "{\"A\":{\"Hostinfo\":" SAID "}}", NULL, false },
	{ "again: then another", "{\"Hostinfo\":" SAID ",\"Hostinfo\":{\"OS\":\"b\"}}", "b",
	  false },
	{ "again: then one in other case", "{\"Hostinfo\":" SAID ",\"HostInfo\":{\"OS\":\"b\"}}",
	  "b", false },
	{ "again: then one with escapes",
	  "{\"Hostinfo\":" SAID ",\"Host\\u0069nfo\":{\"OS\":\"b\"}}", "b", false },
	{ "again: as a text first", "{\"A\":\"Hostinfo\",\"Hostinfo\":" SAID "}", "linux", false },
};

/* What was told twice counts as told once: a client's own node is all that it concerns. */
static void again_row(void **state)
{
	const struct again *c = *state;
	struct fl_map_request first, r;
	struct fl_slice text = exact(fl_slice_str(c->json));

	assert_err(parse_map("{\"Hostinfo\":" SAID "}", &first), FL_OK);
	assert_err(fl_map_request_parse(text, first.hostinfo, &r), FL_OK);
	exact_free(text);
	assert_int_equal(r.has_hostinfo, c->os != NULL);
	if (c->os != NULL)
		assert_string_equal(r.hostinfo->os, c->os);
	assert_int_equal(r.hostinfo == first.hostinfo, c->same);
	fl_map_request_done(&first);
	if (c->same) /* it has a reference of its own */
		assert_string_equal(r.hostinfo->hostname, "a}\"{");
	fl_map_request_done(&r);
}

static void the_rest_is_read_anew(void **state)
{
	(void)state;
	struct fl_map_request first, r;

	assert_err(parse_map(poll, &first), FL_OK);
	assert_err(fl_map_request_parse(fl_slice_str(lite), first.hostinfo, &r), FL_OK);
	assert_ptr_equal(r.hostinfo, first.hostinfo);
	assert_true(r.omit_peers && !r.stream);
	assert_int_equal(r.endpoints[0].at.port, 41641);
	fl_map_request_done(&r);
	for (size_t n = 0; n < sizeof lite - 1; n++) {
		struct fl_slice text = exact(fl_slice_of(lite, n));
		assert_err(fl_map_request_parse(text, first.hostinfo, &r), FL_ERR_SYNTAX);
		exact_free(text);
	}
	fl_map_request_done(&first);
}

static void equal_content_learns_the_words(void **state)
{
	(void)state;
	struct fl_map_request old, fresh, r;
	const char *other = "{\"Hostinfo\":{\"OS\":\"linux\",\"Unknown\":1}}";

	assert_err(parse_map(poll, &old), FL_OK);
	assert_err(parse_map(other, &fresh), FL_OK);
	fl_hostinfo_learn(old.hostinfo, fresh.hostinfo);
	fl_map_request_done(&fresh);
	assert_err(fl_map_request_parse(fl_slice_str(other), old.hostinfo, &r), FL_OK);
	assert_ptr_equal(r.hostinfo, old.hostinfo);
	fl_map_request_done(&r);

	assert_err(parse_map("{\"Hostinfo\":{\"OS\":\"macOS\"}}", &fresh), FL_OK);
	fl_hostinfo_learn(old.hostinfo, fresh.hostinfo);
	fl_map_request_done(&fresh);
	assert_err(fl_map_request_parse(fl_slice_str(other), old.hostinfo, &r), FL_OK);
	assert_ptr_equal(r.hostinfo, old.hostinfo);
	fl_map_request_done(&r);
	fl_map_request_done(&old);
}

static struct bad_case map_bad_rows[] = {
	{ "map: empty", "", FL_ERR_SYNTAX },
	{ "map: stream as a number", "{\"Stream\":1}", FL_ERR_SYNTAX },
	{ "map: compress as a flag", "{\"Compress\":true}", FL_ERR_SYNTAX },
	{ "map: disco key with another prefix", "{\"DiscoKey\":\"nodekey:" HEX1 "\"}",
	  FL_ERR_SYNTAX },
	{ "map: endpoints as text", "{\"Endpoints\":\"1.2.3.4:5\"}", FL_ERR_SYNTAX },
	{ "map: endpoint without port", "{\"Endpoints\":[\"1.2.3.4\"]}", FL_ERR_SYNTAX },
	{ "map: endpoint as a number", "{\"Endpoints\":[1]}", FL_ERR_SYNTAX },
	{ "map: types as text", "{\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":\"1\"}",
	  FL_ERR_SYNTAX },
	{ "map: type that is too large", "{\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":[256]}",
	  FL_ERR_SYNTAX },
	{ "map: Hostinfo as a list", "{\"Hostinfo\":[]}", FL_ERR_SYNTAX },
};

static void map_bad_row(void **state)
{
	const struct bad_case *c = *state;
	struct fl_map_request r = { .version = 77 };

	assert_err(parse_map(c->json, &r), c->want);
	assert_int_equal(r.version, 77);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "a first join", a_first_join, NULL);
	suite_add(&s, "every prefix of a join fails", every_prefix_of_a_join_fails, NULL);
	suite_add(&s, "a logout", a_logout, NULL);
	suite_add(&s, "a follow-up", a_followup, NULL);
	suite_add(&s, "names match in any case", names_match_in_any_case, NULL);
	suite_add(&s, "nothing is required", nothing_is_required, NULL);
	ROWS(&s, register_bad_rows, register_bad_row);
	suite_add(&s, "long texts are refused", long_texts_are_refused, NULL);
	suite_add(&s, "nesting is bounded", nesting_is_bounded, NULL);
	suite_add(&s, "a megabyte is read", a_megabyte_is_read, NULL);
	ROWS(&s, answer_rows, answer_row);
	suite_add(&s, "a long poll", a_long_poll, NULL);
	suite_add(&s, "a lite update", a_lite_update, NULL);
	suite_add(&s, "every prefix of an update fails", every_prefix_of_an_update_fails, NULL);
	suite_add(&s, "absent parts are absent", absent_parts_are_absent, NULL);
	ROWS(&s, endpoints_rows, endpoints_row);
	suite_add(&s, "endpoints are bounded", endpoints_are_bounded, NULL);
	ROWS(&s, map_bad_rows, map_bad_row);
	ROWS(&s, again_rows, again_row);
	suite_add(&s, "the rest is read anew", the_rest_is_read_anew, NULL);
	suite_add(&s, "equal content learns the words", equal_content_learns_the_words, NULL);
	return suite_run(&s, "wire/request");
}
