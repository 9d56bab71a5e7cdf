/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_theft.c - a stranger who knows somebody's node key, which is no secret: peers
 * see it. On no path may it give him anything, tell him anything, or touch the owner.
 */
#include "client.h"

#include <stdio.h>

static struct sys sys;
static struct node victim, thief;
static char *reusable;

/* The victim as the API shows it, as text. */
static char *portrait(void)
{
	json_t *list = api_json(&sys, "GET", "/api/v1/node", NULL, 200), *node;
	char *text = NULL;
	size_t i;

	json_array_foreach(at(list, "nodes"), i, node)
	{
		if (strcmp(text_at(node, "name"), "victim") == 0)
			text = json_dumps(node, JSON_SORT_KEYS);
	}
	json_decref(list);
	assert_non_null(text);
	return text;
}

static void expect_discloses_nothing(const struct fl_buf *body)
{
	static const char *const secrets[] = { "victim", "ada",   "100.64.",
					       "fd7a:",  "Peers", "DERPMap" };

	for (size_t i = 0; i < COUNT(secrets); i++)
		if (body->len > 0 &&
		    memmem(body->ptr, body->len, secrets[i], strlen(secrets[i])) != NULL)
			fail_msg("the answer names \"%s\": %.*s", secrets[i], (int)body->len,
				 (char *)body->ptr);
}

static const char *victims_key(void)
{
	static char text[FL_KEY_TEXT_MAX];
	fl_node_key_format(&victim.key, text);
	return text;
}

/* After what others did has arrived. */
static size_t frames_now(void)
{
	sys_turn(&sys, 8);
	assert_false(node_fold(&victim));
	return victim.frames;
}

/* ---- register ---- */

static json_t *restart(void)
{
	json_t *body = node_register_body(&thief, NULL);
	json_object_set_new(body, "NodeKey", json_string(victims_key()));
	return body;
}

static json_t *logout(void)
{
	json_t *body = restart();
	json_object_set_new(body, "Expiry", json_string("1970-01-01T00:02:03Z"));
	return body;
}

static json_t *shorten(void)
{
	json_t *body = restart();
	json_object_set_new(body, "Expiry", json_string("2200-01-01T00:00:00Z"));
	return body;
}

static json_t *auth_key(void)
{
	json_t *body = node_register_body(&thief, reusable);
	json_object_set_new(body, "NodeKey", json_string(victims_key()));
	return body;
}

static json_t *auth_key_and_logout(void)
{
	json_t *body = auth_key();
	json_object_set_new(body, "Expiry", json_string("1970-01-01T00:02:03Z"));
	return body;
}

static json_t *followup_of_nothing(void)
{
	json_t *body = restart();
	json_object_set_new(
		body, "Followup",
		json_string(
			"http://127.0.0.1:8080/register/hskey-authreq-000000000000000000000000"));
	return body;
}

static json_t *followup_of_his_own(void)
{
	json_t *answer = node_register(&thief, NULL), *body = restart();
	json_object_set(body, "Followup", at(answer, "AuthURL"));
	json_decref(answer);
	return body;
}

static json_t *case_variant(void)
{
	json_t *body = node_register_body(&thief, NULL);
	json_object_set_new(body, "nodekey", json_string(victims_key()));
	return body;
}

static struct {
	const char *name;
	json_t *(*make)(void);
} registers[] = {
	{ "register: restart", restart },
	{ "register: logout", logout },
	{ "register: change of expiry", shorten },
	{ "register: auth key", auth_key },
	{ "register: auth key and logout", auth_key_and_logout },
	{ "register: follow-up of nothing", followup_of_nothing },
	{ "register: follow-up of his own login", followup_of_his_own },
	{ "register: name in another case", case_variant },
};

static void expect_victim_untouched(char *before, size_t frames)
{
	char *after = portrait();

	assert_string_equal(after, before);
	assert_false(node_fold(&victim));
	assert_int_equal(victim.frames, frames);
	node_lite(&victim, NULL);
	free(after);
	free(before);
}

static void test_register(void **state)
{
	const struct {
		const char *name;
		json_t *(*make)(void);
	} *row = *state;
	size_t frames = frames_now();
	char *before = portrait();

	struct call *k = client_post(&thief.c, "/machine/register", row->make());
	call_wait(k);
	expect_discloses_nothing(&k->body);
	json_t *answer = call_json(k, 200);
	assert_non_null(strstr(text_at(answer, "Error"), "unauthorized"));
	assert_true(json_is_false(at(answer, "MachineAuthorized")));
	assert_true(json_is_false(at(answer, "NodeKeyExpired")));
	json_decref(answer);
	expect_victim_untouched(before, frames);
}

/* The old key of somebody else alone is a stranger's request. */
static void test_old_node_key_grants_nothing(void **state)
{
	size_t frames = frames_now();
	char *before = portrait();
	json_t *body = node_register_body(&thief, NULL);
	(void)state;

	json_object_set_new(body, "OldNodeKey", json_string(victims_key()));
	struct call *k = client_post(&thief.c, "/machine/register", body);
	call_wait(k);
	expect_discloses_nothing(&k->body);
	json_t *answer = call_json(k, 200);
	assert_non_null(strstr(text_at(answer, "AuthURL"), "/register/"));
	json_decref(answer);
	expect_victim_untouched(before, frames);
}

/* ---- interactive ---- */

static const char *id_of(json_t *answer)
{
	return strrchr(text_at(answer, "AuthURL"), '/') + 1;
}

/* He asks first with a key that its owner then registers; the approval must not take it away. */
static void test_approval_of_a_stolen_key(void **state)
{
	struct node owner;
	char body[256];
	(void)state;

	node_open(&owner, &sys, "owner");
	json_t *ask = node_register_body(&thief, NULL);
	char text[FL_KEY_TEXT_MAX];
	fl_node_key_format(&owner.key, text);
	json_object_set_new(ask, "NodeKey", json_string(text));
	json_t *answer = call_json(client_post(&thief.c, "/machine/register", ask), 200);
	node_join(&owner, reusable);
	node_poll(&owner);
	size_t frames = owner.frames;
	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}", id_of(answer));
	struct reply r = api_call(&sys, "POST", "/api/v1/auth/register", body);
	assert_true(r.status >= 400 && r.status < 500);
	reply_done(&r);

	/* Nor does his follow-up become the owner's answer. */
	ask = node_register_body(&thief, NULL);
	json_object_set_new(ask, "NodeKey", json_string(text));
	json_object_set(ask, "Followup", at(answer, "AuthURL"));
	struct call *k = client_post(&thief.c, "/machine/register", ask);
	call_wait(k);
	expect_discloses_nothing(&k->body);
	json_t *second = call_json(k, 200);
	assert_non_null(strstr(text_at(second, "Error"), "unauthorized"));
	assert_false(node_fold(&owner));
	assert_int_equal(owner.frames, frames);
	node_join(&owner, NULL);
	json_decref(second);
	json_decref(answer);
	node_close(&owner);
}

/* Somebody else's login cannot be waited on: neither with one's own node key nor with theirs. */
static void test_followup_of_another(void **state)
{
	struct node asking;
	char theirs[FL_KEY_TEXT_MAX];
	(void)state;

	node_open(&asking, &sys, "asking");
	json_t *answer = node_register(&asking, NULL);
	fl_node_key_format(&asking.key, theirs);
	for (unsigned with_key = 0; with_key < 2; with_key++) {
		json_t *body = node_register_body(&thief, NULL);
		json_object_set(body, "Followup", at(answer, "AuthURL"));
		if (with_key)
			json_object_set_new(body, "NodeKey", json_string(theirs));
		json_t *got = call_json(client_post(&thief.c, "/machine/register", body), 200);
		assert_string_not_equal(text_at(got, "AuthURL"), text_at(answer, "AuthURL"));
		assert_string_not_equal(text_at(got, "AuthURL"), "");
		json_decref(got);
	}
	/* The one who asked is approved and hears it. */
	json_t *again = node_register_body(&asking, NULL);
	json_object_set(again, "Followup", at(answer, "AuthURL"));
	struct call *k = client_post(&asking.c, "/machine/register", again);
	sys_turn(&sys, 8);
	assert_false(call_over(k));
	char body[256];
	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}", id_of(answer));
	api_ok(&sys, "POST", "/api/v1/auth/register", body);
	json_t *done = call_json(k, 200);
	assert_string_equal(text_at(done, "Login.LoginName"), "ada");
	json_decref(done);
	json_decref(answer);
	node_close(&asking);
}

/* ---- map ---- */

static struct {
	const char *name;
	bool stream, omit, read_only;
} maps[] = {
	{ "map: stream", true, false, false },
	{ "map: stream, omit peers", true, true, false },
	{ "map: stream, read-only", true, false, true },
	{ "map: lite", false, true, false },
	{ "map: one-shot", false, false, false },
	{ "map: read-only", false, false, true },
	{ "map: relay map", false, true, true },
};

static void test_map(void **state)
{
	const struct {
		const char *name;
		bool stream, omit, read_only;
	} *row = *state;
	size_t frames = frames_now();
	char *before = portrait();
	json_t *body = node_map_body(&thief);

	json_object_set_new(body, "NodeKey", json_string(victims_key()));
	json_object_set_new(body, "Stream", json_boolean(row->stream));
	json_object_set_new(body, "OmitPeers", json_boolean(row->omit));
	json_object_set_new(body, "ReadOnly", json_boolean(row->read_only));
	json_object_set_new(body, "Endpoints", json_pack("[s]", "192.0.2.66:66"));
	uint64_t opened = sys_stats(&sys).sessions_opened;
	struct call *k = client_post(&thief.c, "/machine/map", body);
	call_wait(k);
	assert_int_equal(k->status, 401);
	expect_discloses_nothing(&k->body);
	assert_int_equal(sys_stats(&sys).sessions_opened, opened);
	call_drop(k);
	expect_victim_untouched(before, frames);
}

static void expect_refused(const char *method, const char *path)
{
	struct call *k = client_call(&thief.c, method, path, fl_slice_str("{}"), NULL);
	call_wait(k);
	assert_true(k->status >= 400);
	call_drop(k);
}

/* Nothing of the outer and admin paths is inside, nothing of the inner ones outside. */
static void test_paths_stay_where_they_belong(void **state)
{
	static const char *const inside[] = { "/machine/map", "/machine/register",
					      "/machine/whoami" };
	static const char *const outside[] = { "/key?v=145",
					       "/api/v1/node",
					       "/verify",
					       "/metrics",
					       "/derp",
					       "/machine/../api/v1/node",
					       "/machine/%2e%2e/verify",
					       "//machine/map" };
	(void)state;

	for (size_t i = 0; i < COUNT(outside); i++)
		expect_refused("POST", outside[i]);
	for (size_t i = 0; i < COUNT(inside); i++) {
		struct reply r = api_send(&sys, "", "POST", inside[i], fl_slice_str("{}"));
		assert_int_equal(r.status, 404);
		reply_done(&r);
		r = api_send(&sys, NULL, "POST", inside[i], fl_slice_str("{}"));
		assert_int_equal(r.status, 404);
		reply_done(&r);
	}
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, registers, test_register);
	suite_add(&suite, "register: old node key", test_old_node_key_grants_nothing, NULL);
	suite_add(&suite, "approval of a stolen key", test_approval_of_a_stolen_key, NULL);
	suite_add(&suite, "follow-up of another", test_followup_of_another, NULL);
	ROWS(&suite, maps, test_map);
	suite_add(&suite, "paths stay where they belong", test_paths_stay_where_they_belong, NULL);
	sys_start(&sys, false, NULL);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	node_open(&victim, &sys, "victim");
	node_join(&victim, reusable);
	node_poll(&victim);
	node_lite(&victim, NULL);
	node_open(&thief, &sys, "thief");
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/theft");
	node_close(&victim);
	node_close(&thief);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
