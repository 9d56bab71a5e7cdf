/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_hostinfo.c - what of a Hostinfo is kept, and that it stays small. */
#include "../base/table.h"

#include <stdio.h>

#include "base/buf.h"
#include "wire/tailcfg/hostinfo.h"

static struct fl_hostinfo *parsed(const char *json)
{
	struct fl_slice text = exact(fl_slice_str(json));
	struct fl_hostinfo *h = NULL;

	assert_err(fl_hostinfo_parse(text, &h), FL_OK);
	exact_free(text);
	return h;
}

/* ---- normalising ---- */

static struct text_case {
	const char *name;
	const char *in;
	const char *want;
} text_rows[] = {
	{ "empty text", "", "{}" },
	{ "null", "null", "{}" },
	{ "empty object", "{}", "{}" },
	{ "unknown members go", "{\"Wish\":1,\"OS\":\"linux\"}", "{\"OS\":\"linux\"}" },
	{ "any case in, Go's case out", "{\"hostname\":\"a\",\"SSHHOSTKEYS\":[\"k\"]}",
	  "{\"Hostname\":\"a\",\"sshHostKeys\":[\"k\"]}" },
	{ "what identifies an installation goes",
	  "{\"BackendLogID\":\"b\",\"FrontendLogID\":\"f\",\"PushDeviceToken\":\"p\"}", "{}" },
	{ "zero values are left out",
	  "{\"OS\":\"\",\"ShieldsUp\":false,\"RoutableIPs\":[],\"Services\":null,\"WoLMACs\":[]}",
	  "{}" },
	{ "unset and false differ for optional flags", "{\"Container\":false,\"Userspace\":null}",
	  "{\"Container\":false}" },
	{ "routes are masked, sorted, unique",
	  "{\"RoutableIPs\":[\"10.0.0.1/8\",\"::/0\",\"0.0.0.0/0\",\"10.0.0.0/8\",\"\",null]}",
	  "{\"RoutableIPs\":[\"0.0.0.0/0\",\"10.0.0.0/8\",\"::/0\"]}" },
	{ "tags are sorted and unique", "{\"RequestTags\":[\"tag:b\",\"tag:a\",\"tag:b\",\"\"]}",
	  "{\"RequestTags\":[\"tag:a\",\"tag:b\"]}" },
	{ "services keep their members",
	  "{\"Services\":[{\"Proto\":\"peerapi4\",\"Port\":1234,\"x\":[]},{}]}",
	  "{\"Services\":[{\"Proto\":\"peerapi4\",\"Port\":1234},{}]}" },
	{ "NetInfo comes last",
	  "{\"NetInfo\":{\"PreferredDERP\":900,\"WorkingUDP\":true,\"Other\":1},\"StateEncrypted\":"
	  "true}",
	  "{\"StateEncrypted\":true,\"NetInfo\":{\"WorkingUDP\":true,\"PreferredDERP\":900}}" },
	{ "latencies have six digits", "{\"NetInfo\":{\"DERPLatency\":{\"1-v4\":0.0123456789}}}",
	  "{\"NetInfo\":{\"DERPLatency\":{\"1-v4\":0.0123457}}}" },
	{ "Go's escapes", "{\"Hostname\":\"<a&b>\"}",
	  "{\"Hostname\":\"\\u003ca\\u0026b\\u003e\"}" },
	{ "nested objects",
	  "{\"Location\":{\"City\":\"Bern\",\"Latitude\":46.9,\"Priority\":0},\"TPM\":{\"Vendor\":"
	  "\"v\"}}",
	  "{\"Location\":{\"City\":\"Bern\",\"Latitude\":46.9},\"TPM\":{\"Vendor\":\"v\"}}" },
	{ "what a client sends",
	  "{\"IPNVersion\":\"1.80.2-t1\",\"BackendLogID\":\"00\",\"OS\":\"linux\",\"OSVersion\":"
	  "\"6.1\","
	  "\"Container\":false,\"Hostname\":\"alpha\",\"Machine\":\"x86_64\",\"GoArch\":\"amd64\","
	  "\"GoVersion\":\"go1.24\",\"Services\":[{\"Proto\":\"peerapi4\",\"Port\":1}],"
	  "\"Userspace\":true,"
	  "\"NetInfo\":{\"MappingVariesByDestIP\":null,\"WorkingIPv6\":false,\"PreferredDERP\":1,"
	  "\"FirewallMode\":\"nft\"}}",
	  "{\"IPNVersion\":\"1.80.2-t1\",\"OS\":\"linux\",\"OSVersion\":\"6.1\",\"Container\":"
	  "false,"
	  "\"Hostname\":\"alpha\",\"Machine\":\"x86_64\",\"GoArch\":\"amd64\",\"GoVersion\":\"go1."
	  "24\","
	  "\"Services\":[{\"Proto\":\"peerapi4\",\"Port\":1}],\"Userspace\":true,"
	  "\"NetInfo\":{\"WorkingIPv6\":false,\"PreferredDERP\":1,\"FirewallMode\":\"nft\"}}" },
};

static void text_row(void **state)
{
	const struct text_case *c = *state;
	struct fl_hostinfo *h = parsed(c->in);

	assert_text(fl_slice_of(h->json, h->json_len), c->want);
	assert_int_equal(strlen(h->json), h->json_len);

	struct fl_hostinfo *again = parsed(h->json);
	assert_true(fl_hostinfo_eq(h, again));
	assert_int_equal(h->peer_len, again->peer_len);
	fl_hostinfo_unref(again);
	fl_hostinfo_unref(h);
}

static struct bad_case {
	const char *name;
	const char *in;
} bad_rows[] = {
	{ "not JSON", "{" },
	{ "an array", "[]" },
	{ "a string for a flag", "{\"ShieldsUp\":\"yes\"}" },
	{ "a number for a string", "{\"OS\":1}" },
	{ "an object for a list", "{\"RoutableIPs\":{}}" },
	{ "a number in a list", "{\"RequestTags\":[1]}" },
	{ "a prefix without bits", "{\"RoutableIPs\":[\"10.0.0.0\"]}" },
	{ "a prefix with too many bits", "{\"RoutableIPs\":[\"10.0.0.0/33\"]}" },
	{ "a list for NetInfo", "{\"NetInfo\":[]}" },
	{ "a negative region", "{\"NetInfo\":{\"PreferredDERP\":-1}}" },
	{ "a region beyond 32 bits", "{\"NetInfo\":{\"PreferredDERP\":4294967296}}" },
	{ "a string for a latency", "{\"NetInfo\":{\"DERPLatency\":{\"1\":\"x\"}}}" },
	{ "a service that is a string", "{\"Services\":[\"x\"]}" },
	{ "65 levels", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" },
};

static void bad_row(void **state)
{
	const struct bad_case *c = *state;
	struct fl_hostinfo *h = (void *)1;

	enum fl_err err = fl_hostinfo_parse(fl_slice_str(c->in), &h);
	assert_true(err == FL_ERR_SYNTAX || err == FL_ERR_TOO_BIG);
	assert_ptr_equal(h, (void *)1);
}

static void fields_are_read(void **state)
{
	(void)state;
	struct fl_hostinfo *h =
		parsed("{\"Hostname\":\"Al Pha\",\"OS\":\"linux\",\"IPNVersion\":\"1.80\","
		       "\"ShieldsUp\":true,\"RoutableIPs\":[\"192.168.1.7/24\"],"
		       "\"RequestTags\":[\"tag:x\"],\"NetInfo\":{\"PreferredDERP\":901}}");

	assert_string_equal(h->hostname, "Al Pha");
	assert_string_equal(h->os, "linux");
	assert_int_equal(h->routes_count, 1);
	assert_int_equal(h->routes[0].bits, 24);
	assert_int_equal(h->routes[0].ip.b[3], 0);
	assert_int_equal(h->request_tags.len, 1);
	assert_true(h->has_netinfo);
	assert_int_equal(h->preferred_derp, 901);
	fl_hostinfo_unref(h);

	h = parsed("{}");
	assert_string_equal(h->hostname, "");
	assert_string_equal(h->os, "");
	assert_false(h->has_netinfo);
	assert_int_equal(h->routes_count, 0);
	fl_hostinfo_unref(h);
}

/* ---- limits ---- */

static void hostname_of(size_t n, size_t want)
{
	struct fl_buf text = fl_buf_make(1 << 16);

	fl_buf_str(&text, "{\"Hostname\":\"");
	for (size_t i = 0; i < n; i++)
		fl_buf_byte(&text, 'h');
	fl_buf_str(&text, "\"}");
	fl_buf_byte(&text, 0);
	struct fl_hostinfo *h = parsed((const char *)text.ptr);
	assert_int_equal(strlen(h->hostname), want);
	assert_int_equal(h->json_len, want + 15);
	fl_hostinfo_unref(h);
	fl_buf_done(&text);
}

static void strings_are_cut(void **state)
{
	(void)state;
	hostname_of(FL_HOSTINFO_STRING_MAX - 1, FL_HOSTINFO_STRING_MAX - 1);
	hostname_of(FL_HOSTINFO_STRING_MAX, FL_HOSTINFO_STRING_MAX);
	hostname_of(FL_HOSTINFO_STRING_MAX + 1, FL_HOSTINFO_STRING_MAX);
	hostname_of(5000, FL_HOSTINFO_STRING_MAX);
}

static void characters_are_not_cut(void **state)
{
	(void)state;
	char json[512] = "{\"OS\":\"";

	memset(json + 7, 'o', FL_HOSTINFO_STRING_MAX - 1);
	memcpy(json + 7 + FL_HOSTINFO_STRING_MAX - 1, "\xc3\xa9\"}", sizeof "\xc3\xa9\"}");
	struct fl_hostinfo *h = parsed(json);
	assert_int_equal(strlen(h->os), FL_HOSTINFO_STRING_MAX - 1);
	fl_hostinfo_unref(h);
}

/* A list of `n` elements printed from a format with one number. */
static struct fl_hostinfo *with_list(const char *head, const char *format, size_t n,
				     const char *tail)
{
	struct fl_buf text = fl_buf_make(8 << 20);

	fl_buf_str(&text, head);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			fl_buf_byte(&text, ',');
		char item[2048];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(item, sizeof item, format, (unsigned)i);
#pragma GCC diagnostic pop
		fl_buf_str(&text, item);
	}
	fl_buf_str(&text, tail);
	fl_buf_byte(&text, 0);
	assert_err(fl_buf_err(&text), FL_OK);
	struct fl_hostinfo *h = parsed((const char *)text.ptr);
	fl_buf_done(&text);
	return h;
}

static size_t count_of(const struct fl_hostinfo *h, const char *what)
{
	size_t n = 0;

	for (const char *p = h->json; (p = strstr(p, what)) != NULL; p += strlen(what))
		n++;
	return n;
}

static struct list_case {
	const char *name;
	const char *head, *format, *tail, *mark;
	size_t max;
} list_rows[] = {
	{ "routes", "{\"RoutableIPs\":[", "\"fd00:%u::/32\"", "]}", "/32", FL_HOSTINFO_ROUTES_MAX },
	{ "tags", "{\"RequestTags\":[", "\"tag:%u\"", "]}", "tag:", FL_HOSTINFO_TAGS_MAX },
	{ "services", "{\"Services\":[", "{\"Port\":9%u}", "]}", "Port", FL_HOSTINFO_SERVICES_MAX },
	{ "host keys", "{\"sshHostKeys\":[", "\"ssh-%u\"", "]}", "ssh-", FL_HOSTINFO_SSH_KEYS_MAX },
	{ "latencies", "{\"NetInfo\":{\"DERPLatency\":{", "\"%u-v4\":0.1", "}}}", "-v4",
	  FL_HOSTINFO_DERP_LATENCY_MAX },
};

static void list_row(void **state)
{
	const struct list_case *c = *state;

	for (size_t n = c->max - 1; n <= c->max + 1; n++) {
		struct fl_hostinfo *h = with_list(c->head, c->format, n, c->tail);
		assert_int_equal(count_of(h, c->mark), n < c->max ? n : c->max);
		fl_hostinfo_unref(h);
	}
}

static void host_keys_are_cut(void **state)
{
	(void)state;
	char json[2000] = "{\"sshHostKeys\":[\"";

	memset(json + 17, 'k', 1500);
	memcpy(json + 1517, "\"]}", sizeof "\"]}");
	struct fl_hostinfo *h = parsed(json);
	assert_int_equal(h->json_len, 17 + 1024 + 3);
	fl_hostinfo_unref(h);
}

static void lists_go_before_the_text_is_too_long(void **state)
{
	(void)state;
	char format[1200];

	/* Sixteen keys of which each byte is escaped sixfold. */
	memset(format, '<', sizeof format);
	format[0] = '"';
	memcpy(format + 1000, "%u\"", sizeof "%u\"");
	struct fl_hostinfo *h = with_list("{\"OS\":\"linux\",\"RoutableIPs\":[\"10.0.0.0/8\"],"
					  "\"sshHostKeys\":[",
					  format, 16, "],\"Distro\":\"d\"}");
	assert_string_equal(h->json,
			    "{\"OS\":\"linux\",\"Distro\":\"d\",\"RoutableIPs\":[\"10.0.0.0/8\"]}");
	assert_int_equal(h->routes_count, 1);
	fl_hostinfo_unref(h);
}

static void claims_go_last(void **state)
{
	(void)state;
	char format[300];

	memset(format, '<', sizeof format);
	memcpy(format, "\"tag:", 5);
	memcpy(format + 250, "%u\"", sizeof "%u\"");
	struct fl_hostinfo *h =
		with_list("{\"OS\":\"linux\",\"ShieldsUp\":true,\"RequestTags\":[", format, 64,
			  "],\"NetInfo\":{\"PreferredDERP\":9,\"PMP\":true}}");
	assert_string_equal(
		h->json, "{\"OS\":\"linux\",\"ShieldsUp\":true,\"NetInfo\":{\"PreferredDERP\":9}}");
	assert_int_equal(h->request_tags.len, 0);
	fl_hostinfo_unref(h);
}

static void a_megabyte_stays_small(void **state)
{
	(void)state;
	size_t n = (1 << 20) - 64;
	char *json = malloc(n + 64);

	assert_non_null(json);
	memcpy(json, "{\"Hostname\":\"", sizeof "{\"Hostname\":\"");
	memset(json + 13, '<', n);
	memcpy(json + 13 + n, "\"}", sizeof "\"}");
	struct fl_hostinfo *h = parsed(json);
	assert_int_equal(strlen(h->hostname), FL_HOSTINFO_STRING_MAX);
	assert_true(h->json_len < FL_HOSTINFO_JSON_MAX);
	fl_hostinfo_unref(h);
	free(json);
}

/* ---- merging and comparing ---- */

static struct merge_case {
	const char *name;
	const char *old, *fresh; /* old NULL = none */
	const char *want;
} merge_rows[] = {
	{ "no old one", NULL, "{\"OS\":\"b\"}", "{\"OS\":\"b\"}" },
	{ "old without NetInfo", "{\"OS\":\"a\"}", "{\"OS\":\"b\"}", "{\"OS\":\"b\"}" },
	{ "NetInfo is carried over", "{\"OS\":\"a\",\"NetInfo\":{\"PreferredDERP\":7}}",
	  "{\"OS\":\"b\"}", "{\"OS\":\"b\",\"NetInfo\":{\"PreferredDERP\":7}}" },
	{ "also into an empty one", "{\"OS\":\"a\",\"NetInfo\":{\"PreferredDERP\":7}}", "{}",
	  "{\"NetInfo\":{\"PreferredDERP\":7}}" },
	{ "also out of one with nothing else", "{\"NetInfo\":{\"PreferredDERP\":7}}",
	  "{\"OS\":\"b\"}", "{\"OS\":\"b\",\"NetInfo\":{\"PreferredDERP\":7}}" },
	{ "a fresh NetInfo wins", "{\"NetInfo\":{\"PreferredDERP\":7}}",
	  "{\"NetInfo\":{\"PreferredDERP\":8}}", "{\"NetInfo\":{\"PreferredDERP\":8}}" },
	{ "even an empty one", "{\"NetInfo\":{\"PreferredDERP\":7}}", "{\"NetInfo\":{}}",
	  "{\"NetInfo\":{}}" },
	{ "absent members are gone", "{\"OS\":\"a\",\"Distro\":\"d\",\"NetInfo\":{}}",
	  "{\"OS\":\"b\"}", "{\"OS\":\"b\",\"NetInfo\":{}}" },
};

static void merge_row(void **state)
{
	const struct merge_case *c = *state;
	struct fl_hostinfo *old = c->old ? parsed(c->old) : NULL, *fresh = parsed(c->fresh),
			   *out = NULL;

	assert_err(fl_hostinfo_merge(old, fresh, &out), FL_OK);
	assert_string_equal(out->json, c->want);
	if (strcmp(c->fresh, c->want) == 0)
		assert_ptr_equal(out, fresh);
	fl_hostinfo_unref(old);
	fl_hostinfo_unref(fresh);
	assert_null(fl_hostinfo_unref(out));
}

static struct same_case {
	const char *name;
	const char *a, *b; /* NULL = none */
	bool eq;
} same_rows[] = {
	{ "none and none", NULL, NULL, true },
	{ "none and some", NULL, "{}", false },
	{ "the same", "{\"OS\":\"a\"}", "{\"OS\":\"a\"}", true },
	{ "order does not matter", "{\"OS\":\"a\",\"App\":\"b\"}", "{\"App\":\"b\",\"OS\":\"a\"}",
	  true },
	{ "another OS", "{\"OS\":\"a\"}", "{\"OS\":\"b\"}", false },
	{ "one more member", "{\"OS\":\"a\"}", "{\"OS\":\"a\",\"App\":\"b\"}", false },
	{ "another home", "{\"NetInfo\":{\"PreferredDERP\":1}}",
	  "{\"NetInfo\":{\"PreferredDERP\":2}}", false },
	{ "another latency", "{\"NetInfo\":{\"PreferredDERP\":1,\"DERPLatency\":{\"1\":0.1}}}",
	  "{\"NetInfo\":{\"PreferredDERP\":1,\"DERPLatency\":{\"1\":0.2}}}", false },
	{ "NetInfo without a home", "{}", "{\"NetInfo\":{\"PMP\":true}}", false },
};

static void same_row(void **state)
{
	const struct same_case *c = *state;
	struct fl_hostinfo *a = c->a ? parsed(c->a) : NULL, *b = c->b ? parsed(c->b) : NULL;

	assert_int_equal(fl_hostinfo_eq(a, b), c->eq);
	assert_int_equal(fl_hostinfo_eq(b, a), c->eq);
	fl_hostinfo_unref(a);
	fl_hostinfo_unref(b);
}

static void references_are_counted(void **state)
{
	(void)state;
	struct fl_hostinfo *h = parsed("{}");

	assert_ptr_equal(fl_hostinfo_ref(h), h);
	assert_null(fl_hostinfo_unref(h));
	assert_string_equal(h->json, "{}");
	assert_null(fl_hostinfo_unref(h));
	assert_null(fl_hostinfo_unref(NULL));
}

/* ---- clients that read one frame a message ---- */

static struct frame_case {
	const char *name;
	const char *in;
	bool want;
} frame_rows[] = {
	{ "says nothing", "{}", false },
	{ "another program", "{\"App\":\"golinks\"}", false },
	{ "a prefix of the name", "{\"App\":\"tailscale-r\"}", false },
	{ "the name inside another", "{\"App\":\"a tailscale-rs\"}", false },
	{ "the name", "{\"App\":\"tailscale-rs\"}", true },
	{ "the name and a program", "{\"App\":\"tailscale-rs (mine)\"}", true },
};

static void frame_row(void **state)
{
	const struct frame_case *c = *state;
	struct fl_hostinfo *h = parsed(c->in),
			   *info = parsed("{\"NetInfo\":{\"PreferredDERP\":1}}");
	struct fl_hostinfo *merged = NULL;

	assert_int_equal(h->one_frame, c->want);
	assert_err(fl_hostinfo_merge(info, h, &merged), FL_OK);
	assert_int_equal(merged->one_frame, c->want);
	fl_hostinfo_unref(merged);
	fl_hostinfo_unref(info);
	fl_hostinfo_unref(h);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, text_rows, text_row);
	ROWS(&s, bad_rows, bad_row);
	suite_add(&s, "fields are read", fields_are_read, NULL);
	suite_add(&s, "strings are cut", strings_are_cut, NULL);
	suite_add(&s, "characters are not cut", characters_are_not_cut, NULL);
	ROWS(&s, list_rows, list_row);
	suite_add(&s, "host keys are cut", host_keys_are_cut, NULL);
	suite_add(&s, "lists go before the text is too long", lists_go_before_the_text_is_too_long,
		  NULL);
	suite_add(&s, "claims go last", claims_go_last, NULL);
	suite_add(&s, "a megabyte stays small", a_megabyte_stays_small, NULL);
	ROWS(&s, merge_rows, merge_row);
	ROWS(&s, same_rows, same_row);
	ROWS(&s, frame_rows, frame_row);
	suite_add(&s, "references are counted", references_are_counted, NULL);
	return suite_run(&s, "wire/hostinfo");
}
