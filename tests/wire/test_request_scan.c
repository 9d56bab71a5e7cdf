/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_request_scan.c - map requests read from the text, beside those read by a tree. */
#include "../base/table.h"

#include <stdio.h>

#include "same_request.h"
#include "wire/json.h"
#include "wire/tailcfg/hostinfo_json.h"
#include "wire/tailcfg/request_scan.h"

#define HEX1  "1111111111111111111111111111111111111111111111111111111111111111"
#define HEXA  "aAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaAA"
#define SAID  "{\"OS\":\"a}\\\"{\",\"App\":\"\\\\\",\"NetInfo\":{\"X\":[{}]}}"
#define HOST  "\"Hostinfo\":" SAID
#define FIRST "{" HOST ","

static const char lite[] =
	"{\"Version\":145,\"Compress\":\"zstd\",\"KeepAlive\":true,\"NodeKey\":\"nodekey:" HEX1
	"\",\"DiscoKey\":\"discokey:" HEXA "\"," HOST
	",\"Endpoints\":[\"192.0.2.10:41641\",\"[2001:db8::1]:1\"],\"EndpointTypes\":[2,1],"
	"\"OmitPeers\":true,\"TKAHead\":\"x\",\"MapSessionSeq\":7}";

/* Reads it both ways. Is the short one sure? If so, both must have come to the same. */
static bool is_sure(struct fl_slice text, struct fl_slice said, enum fl_err *out_tree)
{
	struct fl_map_request got = { .version = 77 }, want = { 0 };

	*out_tree = fl_request_tree(text, said, &want);
	bool sure = fl_request_scan(text, said, &got);
	if (!sure)
		assert_int_equal(got.version, 77); /* untouched */
	else if (*out_tree != FL_OK || !same_request(&got, &want))
		fail_msg("the tree reads \"%.*s\" otherwise", (int)text.len, text.ptr);
	if (sure)
		fl_map_request_done(&got);
	fl_map_request_done(&want);
	return sure;
}

/* As in a request of somebody whose Hostinfo is known. */
static bool is_sure_alone(struct fl_slice json)
{
	struct fl_slice text = exact(json), said = fl_hostinfo_find(text);
	enum fl_err tree;
	bool sure = said.len > 0 && is_sure(text, said, &tree);

	exact_free(text);
	return sure;
}

/* ---- texts that are sure, and others for which the tree is there ---- */

static struct row {
	const char *name, *json;
	bool sure;
	enum fl_err tree;
} rows[] = {
	{ "a lite update", lite, true, FL_OK },
	{ "nothing but Hostinfo", "{" HOST "}", true, FL_OK },
	{ "every flag", FIRST "\"Stream\":true,\"OmitPeers\":true,\"ReadOnly\":true}", true,
	  FL_OK },
	{ "no flag", FIRST "\"Stream\":false,\"OmitPeers\":false,\"ReadOnly\":false}", true,
	  FL_OK },
	{ "null is absent",
	  FIRST "\"Version\":null,\"NodeKey\":null,\"Stream\":null,\"Endpoints\":null,\"X\":null}",
	  true, FL_OK },
	{ "another compression", FIRST "\"Compress\":\"gzip\"}", true, FL_OK },
	{ "the largest version", FIRST "\"Version\":4294967295}", true, FL_OK },
	{ "version 0", FIRST "\"Version\":0}", true, FL_OK },
	{ "white space",
	  " {\t\"Version\" :\r\n1 ," HOST " , \"Endpoints\": [ \"1.2.3.4:5\" , \"1.2.3.4:6\" ] ,"
	  "\"EndpointTypes\":[ ] , \"Stream\" : true\n}\n ",
	  true, FL_OK },
	{ "unknown scalars",
	  FIRST "\"A\":\"{[\",\"B\":0,\"C\":true,\"D\":false,\"E\":9223372036854775807,\"\":\"\"}",
	  true, FL_OK },
	{ "an unknown one twice", FIRST "\"A\":1,\"A\":2}", true, FL_OK },
	{ "names inside strings", FIRST "\"A\":\"Version\",\"B\":\":{\"}", true, FL_OK },

	{ "endpoints: none", FIRST "\"Endpoints\":[],\"EndpointTypes\":[]}", true, FL_OK },
	{ "endpoints: types first",
	  FIRST "\"EndpointTypes\":[1,4],\"Endpoints\":[\"1.2.3.4:5\",\"[2001:db8::1]:6\"]}", true,
	  FL_OK },
	{ "endpoints: too few types",
	  FIRST "\"Endpoints\":[\"1.2.3.4:5\",\"1.2.3.4:6\"],\"EndpointTypes\":[3]}", true, FL_OK },
	{ "endpoints: no types", FIRST "\"Endpoints\":[\"1.2.3.4:5\"]}", true, FL_OK },
	{ "endpoints: only types", FIRST "\"EndpointTypes\":[1]}", true, FL_OK },
	{ "endpoints: types of nothing", FIRST "\"Endpoints\":null,\"EndpointTypes\":[300,\"\"]}",
	  true, FL_OK },
	{ "endpoints: too many types",
	  FIRST "\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":[255,2,256,\"x\"]}", true, FL_OK },
	{ "endpoints: duplicates, a zone, one link",
	  FIRST
	  "\"Endpoints\":[\"[fe80::1%eth0]:5\",\"\",\"1.2.3.4:5\",\"[fe80::1]:5\",\"1.2.3.4:5\","
	  "\"169.254.1.2:5\"],\"EndpointTypes\":[1,2,3,4,5,6]}",
	  true, FL_OK },
	{ "endpoints: a type that is too large",
	  FIRST "\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":[256]}", false, FL_ERR_SYNTAX },
	{ "endpoints: a negative type",
	  FIRST "\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":[-1]}", false, FL_ERR_SYNTAX },
	{ "endpoints: a type as text",
	  FIRST "\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":[\"1\"]}", false, FL_ERR_SYNTAX },
	{ "endpoints: a type of null",
	  FIRST "\"Endpoints\":[\"1.2.3.4:5\"],\"EndpointTypes\":[null]}", false, FL_OK },
	{ "endpoints: null in the list", FIRST "\"Endpoints\":[null,\"1.2.3.4:5\"]}", false,
	  FL_OK },
	{ "endpoints: a number", FIRST "\"Endpoints\":[1]}", false, FL_ERR_SYNTAX },
	{ "endpoints: a list", FIRST "\"Endpoints\":[[]]}", false, FL_ERR_SYNTAX },
	{ "endpoints: as text", FIRST "\"Endpoints\":\"1.2.3.4:5\"}", false, FL_ERR_SYNTAX },
	{ "endpoints: types as text", FIRST "\"EndpointTypes\":\"1\"}", false, FL_OK },
	{ "endpoints: without port", FIRST "\"Endpoints\":[\"1.2.3.4:5\",\"1.2.3.4\"]}", false,
	  FL_ERR_SYNTAX },
	{ "endpoints: with an escape", FIRST "\"Endpoints\":[\"1.2.3.4\\u003a5\"]}", false, FL_OK },
	{ "endpoints: a comma at the end", FIRST "\"Endpoints\":[\"1.2.3.4:5\",]}", false,
	  FL_ERR_SYNTAX },
	{ "endpoints: nothing between", FIRST "\"Endpoints\":[\"1.2.3.4:5\" \"1.2.3.4:6\"]}", false,
	  FL_ERR_SYNTAX },
	{ "endpoints: twice", FIRST "\"Endpoints\":[\"1.2.3.4:5\"],\"Endpoints\":[]}", false,
	  FL_OK },

	{ "a member twice", FIRST "\"Version\":1,\"Version\":2}", false, FL_OK },
	{ "Hostinfo twice", FIRST "\"Hostinfo\":{}}", false, FL_OK },
	{ "Hostinfo twice, null", FIRST "\"Hostinfo\":null}", false, FL_OK },
	{ "Hostinfo by another name", "{\"A\":" SAID "}", false, FL_OK },
	{ "a member twice, null", FIRST "\"Stream\":true,\"Stream\":null}", false, FL_OK },
	{ "a member in other case", FIRST "\"version\":1}", false, FL_OK },
	{ "a member in two cases", FIRST "\"Version\":1,\"VERSION\":2}", false, FL_OK },
	{ "Hostinfo in other case", "{\"hostinfo\":" SAID "}", false, FL_OK },
	{ "a name with an escape", FIRST "\"\\u0056ersion\":1}", false, FL_OK },
	{ "an unknown name with an escape", FIRST "\"\\u0041\":1}", false, FL_OK },
	{ "a text with an escape", FIRST "\"Compress\":\"z\\u0073td\"}", false, FL_OK },
	{ "a text beyond ASCII", FIRST "\"A\":\"\xc3\xbc\"}", false, FL_OK },
	{ "a text of no UTF-8", FIRST "\"A\":\"\xff\"}", false, FL_ERR_SYNTAX },
	{ "a text with a tab", FIRST "\"A\":\"\t\"}", false, FL_ERR_SYNTAX },
	{ "a text with DEL", FIRST "\"A\":\"\x7f\"}", false, FL_OK },
	{ "an unknown list", FIRST "\"A\":[]}", false, FL_OK },
	{ "an unknown object", FIRST "\"A\":{}}", false, FL_OK },

	{ "number: beyond 32 bits", FIRST "\"Version\":4294967296}", false, FL_ERR_SYNTAX },
	{ "number: negative", FIRST "\"Version\":-1}", false, FL_ERR_SYNTAX },
	{ "number: minus nothing", FIRST "\"Version\":-0}", false, FL_OK },
	{ "number: with a plus", FIRST "\"Version\":+1}", false, FL_ERR_SYNTAX },
	{ "number: a fraction", FIRST "\"Version\":1.0}", false, FL_ERR_SYNTAX },
	{ "number: an exponent", FIRST "\"Version\":1e2}", false, FL_ERR_SYNTAX },
	{ "number: a leading zero", FIRST "\"Version\":01}", false, FL_ERR_SYNTAX },
	{ "number: none", FIRST "\"Version\":}", false, FL_ERR_SYNTAX },
	{ "number: as text", FIRST "\"Version\":\"1\"}", false, FL_ERR_SYNTAX },
	{ "number: in a word", FIRST "\"Version\":1x}", false, FL_ERR_SYNTAX },
	{ "number: unknown, a fraction", FIRST "\"A\":1.5}", false, FL_OK },
	{ "number: unknown, negative", FIRST "\"A\":-1}", false, FL_OK },
	{ "number: unknown, a leading zero", FIRST "\"A\":00}", false, FL_ERR_SYNTAX },
	{ "number: unknown, beyond 63 bits", FIRST "\"A\":9223372036854775808}", false,
	  FL_ERR_SYNTAX },

	{ "flag: a number", FIRST "\"Stream\":1}", false, FL_ERR_SYNTAX },
	{ "flag: text", FIRST "\"Stream\":\"true\"}", false, FL_ERR_SYNTAX },
	{ "flag: a longer word", FIRST "\"Stream\":trues}", false, FL_ERR_SYNTAX },
	{ "flag: in other case", FIRST "\"Stream\":True}", false, FL_ERR_SYNTAX },
	{ "flag: two words", FIRST "\"Stream\":true true}", false, FL_ERR_SYNTAX },
	{ "null: a longer word", FIRST "\"A\":nullx}", false, FL_ERR_SYNTAX },
	{ "null: twice", FIRST "\"A\":null null}", false, FL_ERR_SYNTAX },
	{ "compress: a flag", FIRST "\"Compress\":true}", false, FL_ERR_SYNTAX },
	{ "key: another prefix", FIRST "\"DiscoKey\":\"nodekey:" HEX1 "\"}", false, FL_ERR_SYNTAX },
	{ "key: too short", FIRST "\"NodeKey\":\"nodekey:11\"}", false, FL_ERR_SYNTAX },
	{ "key: empty", FIRST "\"NodeKey\":\"\"}", false, FL_ERR_SYNTAX },
	{ "key: a number", FIRST "\"NodeKey\":1}", false, FL_ERR_SYNTAX },

	{ "whole: a comma at the end", "{" HOST ",}", false, FL_ERR_SYNTAX },
	{ "whole: a comma too many", FIRST ",\"A\":1}", false, FL_ERR_SYNTAX },
	{ "whole: no comma", FIRST "\"A\":1 \"B\":2}", false, FL_ERR_SYNTAX },
	{ "whole: no colon", FIRST "\"A\" 1}", false, FL_ERR_SYNTAX },
	{ "whole: a name that does not open", FIRST "xVersion\":1}", false, FL_ERR_SYNTAX },
	{ "whole: no name", FIRST "1}", false, FL_ERR_SYNTAX },
	{ "whole: Hostinfo in a list without end", "{\"Hostinfo\":[" SAID, false, FL_ERR_SYNTAX },
	{ "whole: no end", "{" HOST, false, FL_ERR_SYNTAX },
	{ "whole: another end", "{" HOST "]", false, FL_ERR_SYNTAX },
	{ "whole: a list", "[" HOST "]", false, FL_ERR_SYNTAX },
	{ "whole: another behind", "{" HOST "}{}", false, FL_ERR_SYNTAX },
	{ "whole: letters in front", "x{" HOST "}", false, FL_ERR_SYNTAX },
	{ "whole: letters behind Hostinfo", "{" HOST "x}", false, FL_ERR_SYNTAX },
	{ "whole: Hostinfo without a name in front", "{1,\"A\" " HOST "}", false, FL_ERR_SYNTAX },
	{ "whole: Hostinfo in a list of another end", "{\"A\":[" HOST "}}", false, FL_ERR_SYNTAX },
};

/* Hostinfo is where it is, even where fl_hostinfo_find would not be sure of it. */
static void scan_row(void **state)
{
	const struct row *c = *state;
	struct fl_slice text = exact(fl_slice_str(c->json));
	const char *said = memmem(text.ptr, text.len, SAID, strlen(SAID));
	enum fl_err tree;

	assert_non_null(said);
	assert_int_equal(is_sure(text, fl_slice_of(said, strlen(SAID)), &tree), c->sure);
	assert_err(tree, c->tree);
	exact_free(text);
}

/* ---- limits ---- */

static bool is_sure_buf(struct fl_buf *json)
{
	assert_err(fl_buf_err(json), FL_OK);
	bool sure = is_sure_alone(fl_buf_slice(json));
	fl_buf_done(json);
	return sure;
}

static void many_endpoints(void **state)
{
	(void)state;
	for (size_t n = FL_TAILCFG_ENDPOINTS_MAX - 1; n <= FL_TAILCFG_ENDPOINTS_MAX + 1; n++) {
		struct fl_buf json = fl_buf_make(1 << 16);
		fl_buf_str(&json, FIRST "\"Endpoints\":[");
		for (size_t i = 0; i < n; i++)
			fl_buf_printf(&json, "%s\"1.2.3.4:%zu\"", i ? "," : "", i + 1);
		fl_buf_str(&json, "],\"EndpointTypes\":[");
		for (size_t i = 0; i < n; i++)
			fl_buf_printf(&json, "%s%zu", i ? "," : "", i);
		fl_buf_str(&json, "]}");
		assert_true(is_sure_buf(&json));
	}
}

static void long_texts_are_for_the_tree(void **state)
{
	(void)state;
	const char *head = "\"A\":\"";
	size_t around = strlen(FIRST) + strlen(head) + 2 - (strlen(HOST) - strlen("\"Hostinfo\":"));

	for (int over = 0; over <= 1; over++) {
		struct fl_buf json = fl_buf_make(1 << 17);
		fl_buf_printf(&json, "%s%s%*s\"}", FIRST, head,
			      (int)(FL_JSON_VALUES_MAX - around) + over, "");
		assert_int_equal(is_sure_buf(&json), over == 0);
	}
}

/* ---- any text: who is sure agrees with the tree ---- */

static void every_prefix_is_unsure(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof lite - 1; n++)
		assert_false(is_sure_alone(fl_slice_of(lite, n)));
}

static void every_byte_changed(void **state)
{
	(void)state;
	static const char others[] = "\0\t\n \"\\{}[],:%-+.0159aEeNnftuz\x1f\x7f\x80\xc3\xff";
	char json[sizeof lite];
	size_t sure = 0;

	memcpy(json, lite, sizeof lite);
	for (size_t i = 0; i < sizeof lite - 1; i++) {
		for (size_t k = 0; k < sizeof others - 1; k++) {
			json[i] = others[k];
			sure += is_sure_alone(fl_slice_of(json, sizeof lite - 1));
		}
		json[i] = lite[i];
	}
	assert_true(sure > 0);
}

/* The first `head` bytes of it and the last `tail`. */
static void join_ends(size_t head, size_t tail)
{
	struct fl_buf json = fl_buf_make(2 * sizeof lite);

	fl_buf_put(&json, lite, head);
	fl_buf_put(&json, lite + sizeof lite - 1 - tail, tail);
	(void)is_sure_buf(&json);
}

static void every_byte_left_out_or_twice(void **state)
{
	(void)state;
	size_t len = sizeof lite - 1;

	for (size_t i = 0; i < len; i++) {
		join_ends(i, len - i - 1);
		join_ends(i + 1, len - i);
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, scan_row);
	suite_add(&s, "many endpoints", many_endpoints, NULL);
	suite_add(&s, "long texts are for the tree", long_texts_are_for_the_tree, NULL);
	suite_add(&s, "every prefix is unsure", every_prefix_is_unsure, NULL);
	suite_add(&s, "every byte changed", every_byte_changed, NULL);
	suite_add(&s, "every byte left out or twice", every_byte_left_out_or_twice, NULL);
	return suite_run(&s, "wire/request_scan");
}
