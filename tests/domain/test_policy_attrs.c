/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/test_policy_attrs.c - attributes of nodes, rule by rule of docs/policy.md 7, 13. */
#include "policy_kit.h"

#include <stdio.h>

#define WORLD                                                                                      \
	"user ann ann@example.com role=owner\n"                                                    \
	"user bob bob@example.org role=admin\n"                                                    \
	"user cem cem@example.com\n"                                                               \
	"node phone user=ann\n"                                                                    \
	"node pc user=bob\n"                                                                       \
	"node lap user=cem\n"                                                                      \
	"node web tags=tag:a,tag:b\n"                                                              \
	"node exit tags=tag:x routes=0.0.0.0/0,::/0\n"                                             \
	"node half tags=tag:x routes=::/0\n"                                                       \
	"node router tags=tag:x routes=10.0.0.0/8,100.64.0.0/24\n"                                 \
	"node lost\n"

#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"bob@\",\"nobody@\"]},"                                        \
	"\"hosts\":{\"net\":\"100.64.0.4/31\",\"one\":\"100.64.0.3\"},"                            \
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:x\":[]},"
#define ATTRS(list)     HEAD "\"nodeAttrs\":[" list "]}"
#define GIVE(to, attrs) "{\"target\":[" to "],\"attr\":[" attrs "]}"
#define APP(to, app)    "{\"target\":[" to "],\"app\":{" app "}}"

struct row {
	const char *name, *policy, *node, *told; /* "NAME=ARGS " for each */
};

static struct row rows[] = {
	{ "no policy", NULL, "web", "" },
	{ "no section", HEAD "\"acls\":[]}", "web", "" },
	{ "null section", HEAD "\"nodeAttrs\":null}", "web", "" },
	{ "no target", ATTRS("{\"attr\":[\"x\"]}"), "web", "" },
	{ "empty target", ATTRS(GIVE("", "\"x\"")), "web", "" },
	{ "no attr", ATTRS("{\"target\":[\"*\"]}"), "web", "" },
	{ "empty attr", ATTRS(GIVE("\"*\"", "")), "web", "" },

	/* 7.1: targets */
	{ "a user", ATTRS(GIVE("\"bob@example.org\"", "\"x\"")), "pc", "x=null " },
	{ "not another user", ATTRS(GIVE("\"bob@example.org\"", "\"x\"")), "lap", "" },
	{ "an unknown user is nobody", ATTRS(GIVE("\"nobody@\"", "\"x\"")), "pc", "" },
	{ "an unknown user beside a known one", ATTRS(GIVE("\"nobody@\",\"bob@\"", "\"x\"")), "pc",
	  "x=null " },
	{ "a group with an unknown member", ATTRS(GIVE("\"group:g\"", "\"x\"")), "pc", "x=null " },
	{ "a tag", ATTRS(GIVE("\"tag:b\"", "\"x\"")), "web", "x=null " },
	{ "not another tag", ATTRS(GIVE("\"tag:b\"", "\"x\"")), "exit", "" },
	{ "everybody", ATTRS(GIVE("\"*\"", "\"x\"")), "lost", "x=null " },
	{ "members", ATTRS(GIVE("\"autogroup:member\"", "\"x\"")), "lost", "x=null " },
	{ "members are not tagged", ATTRS(GIVE("\"autogroup:member\"", "\"x\"")), "web", "" },
	{ "tagged", ATTRS(GIVE("\"autogroup:tagged\"", "\"x\"")), "web", "x=null " },
	{ "tagged are no members", ATTRS(GIVE("\"autogroup:tagged\"", "\"x\"")), "lost", "" },
	{ "an address", ATTRS(GIVE("\"fd7a:115c:a1e0::4\"", "\"x\"")), "web", "x=null " },
	{ "a prefix", ATTRS(GIVE("\"100.64.0.4/31\"", "\"x\"")), "exit", "x=null " },
	{ "outside a prefix", ATTRS(GIVE("\"100.64.0.4/31\"", "\"x\"")), "half", "" },
	{ "a host", ATTRS(GIVE("\"one\"", "\"x\"")), "lap", "x=null " },
	{ "a wide host", ATTRS(GIVE("\"net\"", "\"x\"")), "exit", "x=null " },
	{ "a subnet is no address of its router", ATTRS(GIVE("\"10.0.0.1\"", "\"x\"")), "router",
	  "" },
	/* 13 */
	{ "the owner", ATTRS(GIVE("\"autogroup:owner\"", "\"x\"")), "phone", "x=null " },
	{ "an admin is no owner", ATTRS(GIVE("\"autogroup:owner\"", "\"x\"")), "pc", "" },
	{ "an admin", ATTRS(GIVE("\"autogroup:admin\"", "\"x\"")), "pc", "x=null " },
	{ "the owner is an admin", ATTRS(GIVE("\"autogroup:admin\"", "\"x\"")), "phone",
	  "x=null " },
	{ "a member is no admin", ATTRS(GIVE("\"autogroup:admin\"", "\"x\"")), "lap", "" },
	{ "a domain", ATTRS(GIVE("\"user:*@example.com\"", "\"x\"")), "lap", "x=null " },
	{ "another domain", ATTRS(GIVE("\"user:*@example.com\"", "\"x\"")), "pc", "" },

	/* 7.1: names */
	{ "in byte order, each once, from all entries",
	  ATTRS(GIVE("\"tag:a\"", "\"z\",\"b\",\"z\"") "," GIVE("\"bob@\"", "\"no\"") "," GIVE(
		  "\"tag:b\",\"tag:a\"", "\"a\",\"b\",\"B\"")),
	  "web", "B=null a=null b=null z=null " },
	{ "as they are",
	  ATTRS(GIVE("\"tag:a\"",
		     "\"https://example.com/cap?x=1&y\",\"nextdns:no-device-info\",\"nextdns:abc\","
		     "\"unheard of\"")),
	  "web",
	  "https://example.com/cap?x=1&y=null nextdns:abc=null nextdns:no-device-info=null "
	  "unheard of=null " },
	{ "the drive: both only where they are given",
	  ATTRS(GIVE("\"tag:a\"", "\"drive:share\",\"drive:access\"") "," GIVE("\"bob@\"",
									       "\"drive:access\"")),
	  "web", "drive:access=null drive:share=null " },
	{ "the drive: access alone",
	  ATTRS(GIVE("\"tag:a\"", "\"drive:share\",\"drive:access\"") "," GIVE("\"bob@\"",
									       "\"drive:access\"")),
	  "pc", "drive:access=null " },
	{ "the drive: neither by itself", ATTRS(GIVE("\"tag:a\"", "\"drive:share\"")), "lap", "" },
	{ "funnel", ATTRS(GIVE("\"tag:a\"", "\"funnel\"")), "web", "funnel=null " },
	{ "a pool beside",
	  ATTRS("{\"target\":[\"tag:a\"],\"attr\":[\"x\"],"
		"\"ipPool\":[\"100.81.0.0/16\"]}"),
	  "web", "x=null " },

	/* randomizeClientPort */
	{ "client port", HEAD "\"randomizeClientPort\":true}", "lost",
	  "randomize-client-port=null " },
	{ "client port not", HEAD "\"randomizeClientPort\":false}", "lost", "" },
	{ "client port beside others",
	  HEAD "\"randomizeClientPort\":true,\"nodeAttrs\":[" GIVE(
		  "\"*\"", "\"s\",\"q\",\"randomize-client-port\"") "]}",
	  "web", "q=null randomize-client-port=null s=null " },

	/* 13: app */
	{ "a capability", ATTRS(APP("\"tag:a\"", "\"e.com/c\":[{\"k\" : [1, null]}, 2]")), "web",
	  "e.com/c=[{\"k\":[1,null]},2] " },
	{ "not of others", ATTRS(APP("\"tag:a\"", "\"e.com/c\":[1]")), "pc", "" },
	{ "without arguments", ATTRS(APP("\"tag:a\"", "\"e.com/c\":[]")), "web", "e.com/c=[] " },
	{ "null", ATTRS(APP("\"tag:a\"", "\"e.com/c\":null")), "web", "e.com/c=null " },
	{ "lists joined in the order of the document",
	  ATTRS(APP("\"tag:b\"", "\"e.com/c\":[3,4]") "," APP(
		  "\"bob@\"",
		  "\"e.com/c\":[9]") "," APP("\"tag:a\"",
					     "\"e.com/c\":[1]") "," APP("\"*\"",
									"\"e.com/d\":[0]")),
	  "web", "e.com/c=[3,4,1] e.com/d=[0] " },
	{ "empty ones and null add nothing",
	  ATTRS(APP("\"tag:b\"", "\"e.com/c\":[]") "," APP("\"*\"", "\"e.com/c\":null") "," APP(
		  "\"tag:a\"",
		  "\"e.com/c\":[1]") "," APP("\"*\"", "\"e.com/c\":[]") "," APP("\"*\"",
										"\"e.com/c\":[2]")),
	  "web", "e.com/c=[1,2] " },
	{ "several empty ones are one",
	  ATTRS(APP("\"tag:b\"", "\"e.com/c\":[]") "," APP("\"*\"", "\"e.com/c\":[]")), "web",
	  "e.com/c=[] " },
	{ "a list says more than an attribute of its name",
	  ATTRS(GIVE("\"*\"", "\"e.com/c\"") "," APP("\"*\"", "\"e.com/c\":[1]")), "web",
	  "e.com/c=[1] " },
	{ "both in one entry",
	  ATTRS("{\"target\":[\"*\"],\"app\":{\"e.com/c\":[1]},\"attr\":[\"x\",\"a\"]}"), "web",
	  "a=null e.com/c=[1] x=null " },
};

struct told {
	struct fl_buf text;
	const struct fl_policy *p;
	uint64_t node;
};

static void tell(void *ctx, const char *name, const char *args)
{
	struct told *t = ctx;

	fl_buf_printf(&t->text, "%s=%s ", name, args);
	assert_true(fl_policy_has_attr(t->p, t->node, name));
}

static void run_row(void **state)
{
	static const char *const names[] = {
		"x", "a", "b", "drive:share", "drive:access", "e.com/c", "randomize-client-port"
	};
	const struct row *r = *state;
	struct told t = { .text = fl_buf_make(1 << 20) };
	struct kit k;

	kit_init(&k, WORLD, r->policy);
	t.p = k.p;
	t.node = kit_id(&k.world, r->node);
	assert_err(fl_policy_attrs(k.p, t.node, tell, &t), FL_OK);
	assert_text(fl_buf_slice(&t.text), r->told);
	fl_buf_byte(&t.text, '\0');
	for (size_t i = 0; i < COUNT(names); i++) { /* what it has not, it has not */
		char part[64];
		snprintf(part, sizeof part, "%s=", names[i]);
		const char *at = strstr((const char *)t.text.ptr, part);
		bool has = at != NULL && ((const uint8_t *)at == t.text.ptr || at[-1] == ' ');
		assert_int_equal(fl_policy_has_attr(k.p, t.node, names[i]), has);
	}
	assert_err(fl_policy_attrs(k.p, 77, tell, &t), FL_OK);
	assert_int_equal(t.text.len, strlen(r->told) + 1);
	assert_false(fl_policy_has_attr(k.p, 77, "x"));
	assert_false(fl_policy_has_attr(k.p, 77, "randomize-client-port"));
	fl_buf_done(&t.text);
	kit_done(&k);
}

/* ---- 7.3 ---- */

struct exit_row {
	const char *name, *policy, *node;
	bool suggested;
};

static struct exit_row exit_rows[] = {
	{ "an exit node without a policy", NULL, "exit", true },
	{ "an exit node without attributes", HEAD "\"acls\":[]}", "exit", true },
	{ "of one family", HEAD "\"acls\":[]}", "half", true },
	{ "the attribute alone", ATTRS(GIVE("\"*\"", "\"suggest-exit-node\"")), "web", false },
	{ "both", ATTRS(GIVE("\"*\"", "\"suggest-exit-node\"")), "exit", true },
	{ "a router", HEAD "\"acls\":[]}", "router", false },
};

static void run_exit(void **state)
{
	const struct exit_row *r = *state;
	struct kit k;

	kit_init(&k, WORLD, r->policy);
	assert_int_equal(fl_policy_suggests_exit(k.p, kit_id(&k.world, r->node)), r->suggested);
	assert_false(fl_policy_suggests_exit(k.p, 77));
	kit_done(&k);
}

/* ---- steps ---- */

static void step(void **state)
{
	const uint64_t gone[] = { 2 };
	struct fl_policy *next = NULL;
	struct kit_world change;
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, ATTRS(GIVE("\"tag:a\"", "\"x\"") "," GIVE("\"group:g\"", "\"y\"")));
	kit_world_init(&change, "user ann\nuser bob\nnode phone id=1 user=bob\n"
				"node web id=4 tags=tag:b\nnode new id=20 tags=tag:a\n");
	assert_err(fl_policy_step(k.p, change.nodes, 3, gone, 1, &next), FL_OK);
	assert_true(fl_policy_has_attr(next, 1, "y"));
	assert_false(fl_policy_has_attr(next, 4, "x"));
	assert_true(fl_policy_has_attr(next, 20, "x"));
	assert_false(fl_policy_has_attr(next, 2, "y"));
	assert_true((fl_policy_differs(k.p, next, 1) & FL_POLICY_ATTRS) != 0);
	assert_true((fl_policy_differs(k.p, next, 4) & FL_POLICY_ATTRS) != 0); /* lost all */
	assert_false((fl_policy_differs(k.p, next, 3) & FL_POLICY_ATTRS) != 0);
	fl_policy_unref(next);
	kit_world_done(&change);
	kit_done(&k);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, run_row);
	ROWS(&s, exit_rows, run_exit);
	suite_add(&s, "step", step, NULL);
	return suite_run(&s, "policy_attrs");
}
