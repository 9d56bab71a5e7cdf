/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/system/test_pending.c - logins that wait for a person, in a table of four that forgets. */
#include "client.h"

#include <stdio.h>

enum { TABLE = 4 };

/* Records of one live two seconds, those of the other for minutes. */
static struct sys sys, patient, *server = &sys;

struct waiting {
	struct node n;
	char url[160];
	struct call *k; /* the follow-up */
};

static void ask(struct waiting *w, const char *hostname)
{
	node_open(&w->n, server, hostname);
	json_t *answer = node_register(&w->n, NULL);
	snprintf(w->url, sizeof w->url, "%s", text_at(answer, "AuthURL"));
	json_decref(answer);
}

static struct call *follow(struct waiting *w)
{
	json_t *body = node_register_body(&w->n, NULL);

	json_object_set_new(body, "Followup", json_string(w->url));
	return client_post(&w->n.c, "/machine/register", body);
}

static unsigned decide(const struct waiting *w, const char *how)
{
	char path[64], body[256];

	snprintf(path, sizeof path, "/api/v1/auth/%s", how);
	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}",
		 strrchr(w->url, '/') + 1);
	struct reply r = api_call(server, "POST", path, body);
	unsigned status = r.status;
	reply_done(&r);
	return status;
}

static void close_all(struct waiting *w, size_t count)
{
	for (size_t i = 0; i < count; i++)
		node_close(&w[i].n);
}

static void test_approval_is_heard_at_once(void **state)
{
	struct waiting w;
	(void)state;

	ask(&w, "approved");
	w.k = follow(&w);
	sys_turn(&sys, 8);
	assert_false(call_over(w.k));
	assert_int_equal(decide(&w, "register"), 200);
	json_t *answer = call_json(w.k, 200);
	assert_string_equal(text_at(answer, "AuthURL"), "");
	assert_string_equal(text_at(answer, "Login.LoginName"), "ada");
	json_decref(answer);
	/* The connection broke meanwhile: the follow-up repeated succeeds as well. */
	answer = call_json(follow(&w), 200);
	assert_string_equal(text_at(answer, "Error"), "");
	assert_string_equal(text_at(answer, "Login.LoginName"), "ada");
	json_decref(answer);
	node_poll(&w.n);
	node_close(&w.n);
}

static void test_rejection_gives_a_new_address(void **state)
{
	struct waiting w;
	(void)state;

	ask(&w, "rejected");
	w.k = follow(&w);
	sys_turn(&sys, 8);
	assert_int_equal(decide(&w, "reject"), 200);
	json_t *answer = call_json(w.k, 200);
	assert_string_not_equal(text_at(answer, "AuthURL"), "");
	assert_string_not_equal(text_at(answer, "AuthURL"), w.url);
	json_decref(answer);
	assert_int_equal(decide(&w, "register"), 404);
	node_close(&w.n);
}

static void test_expiry_gives_a_new_address(void **state)
{
	struct waiting w;
	(void)state;

	ask(&w, "forgotten");
	w.k = follow(&w);
	json_t *answer = call_json(w.k, 200); /* after the cache's two seconds */
	assert_string_not_equal(text_at(answer, "AuthURL"), "");
	assert_string_not_equal(text_at(answer, "AuthURL"), w.url);
	json_decref(answer);
	node_close(&w.n);
}

/* Who began to wait a moment ago is not displaced by a newcomer; who left is. */
static void test_full(void **state)
{
	struct waiting w[TABLE + 1];
	char name[16];
	(void)state;

	server = &patient;
	for (size_t i = 0; i < TABLE; i++) {
		snprintf(name, sizeof name, "wait-%zu", i);
		ask(&w[i], name);
		w[i].k = follow(&w[i]);
	}
	sys_turn(&patient, 8);
	node_open(&w[TABLE].n, &patient, "newcomer");
	struct call *refused = client_post(&w[TABLE].n.c, "/machine/register",
					   node_register_body(&w[TABLE].n, NULL));
	call_wait(refused);
	assert_int_equal(refused->status, 503);
	assert_non_null(memmem(refused->body.ptr, refused->body.len, "too many logins", 15));
	call_drop(refused);
	for (size_t i = 0; i < TABLE; i++)
		assert_false(call_over(w[i].k));
	/* The second leaves, and its place is the newcomer's. */
	node_close(&w[1].n);
	sys_turn(&patient, 8);
	json_t *answer = node_register(&w[TABLE].n, NULL);
	snprintf(w[TABLE].url, sizeof w[TABLE].url, "%s", text_at(answer, "AuthURL"));
	json_decref(answer);
	assert_int_equal(sys_stats(&patient).pending, TABLE);
	assert_int_equal(decide(&w[1], "register"), 404);
	assert_int_equal(decide(&w[TABLE], "register"), 200);
	assert_false(call_over(w[0].k));
	assert_int_equal(decide(&w[0], "register"), 200);
	answer = call_json(w[0].k, 200);
	assert_string_equal(text_at(answer, "Login.LoginName"), "ada");
	json_decref(answer);
	node_open(&w[1].n, server, "wait-1");
	close_all(w, COUNT(w));
	server = &sys;
}

/* A client that repeats its follow-up without ending the first displaces itself. */
static void test_many_followers_of_one(void **state)
{
	enum { MANY = 20 };
	struct waiting w;
	struct call *k[MANY];
	unsigned waiting = 0;
	(void)state;

	ask(&w, "impatient");
	for (unsigned i = 0; i < MANY; i++)
		k[i] = follow(&w);
	sys_turn(&sys, 20);
	for (unsigned i = 0; i < MANY; i++)
		waiting += !call_over(k[i]);
	assert_int_equal(waiting, 4);
	assert_int_equal(decide(&w, "register"), 200);
	for (unsigned i = 0; i < MANY; i++)
		call_wait(k[i]);
	node_close(&w.n);
}

/* Two administrators, one login, one tick. */
static void test_decided_twice(void **state)
{
	struct waiting w;
	(void)state;

	ask(&w, "twice");
	w.k = follow(&w);
	sys_turn(&sys, 8);
	assert_int_equal(decide(&w, "register"), 200);
	assert_int_equal(decide(&w, "register"), 404);
	assert_int_equal(decide(&w, "reject"), 404);
	json_t *answer = call_json(w.k, 200);
	assert_string_equal(text_at(answer, "Login.LoginName"), "ada");
	json_decref(answer);
	node_close(&w.n);
}

/* Who waits and goes away leaves nothing behind. */
static void test_follower_goes(void **state)
{
	struct waiting w;
	(void)state;

	ask(&w, "gone");
	for (unsigned i = 0; i < 10; i++) {
		w.k = follow(&w);
		sys_turn(&sys, 6);
		call_drop(w.k);
		sys_turn(&sys, 6);
	}
	node_reopen(&w.n);
	w.k = follow(&w);
	sys_turn(&sys, 6);
	client_close(&w.n.c);
	sys_turn(&sys, 6);
	assert_int_equal(decide(&w, "register"), 200);
	client_open(&w.n.c, &sys, NULL);
	node_close(&w.n);
}

static void test_pages(void **state)
{
	static const struct {
		const char *path;
		unsigned status;
	} rows[] = {
		{ "/register/hskey-authreq-000000000000000000000000", 410 },
		{ "/register/x", 400 },
		{ "/register/%3Cscript%3Ealert(1)%3C/script%3E", 404 },
		{ "/register/hskey-authreq-%3Cscript%3Ealert%3C%3E%3C", 400 },
		{ "/register/", 404 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply r = sys_get(&sys, rows[i].path);
		if (r.status != rows[i].status && !(r.status == 400 && rows[i].status == 404))
			fail_msg("%s: %u", rows[i].path, r.status);
		assert_null(strstr((char *)r.body.ptr, "script>alert"));
		reply_done(&r);
	}
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "approval is heard at once", test_approval_is_heard_at_once, NULL);
	suite_add(&suite, "rejection gives a new address", test_rejection_gives_a_new_address,
		  NULL);
	suite_add(&suite, "expiry gives a new address", test_expiry_gives_a_new_address, NULL);
	suite_add(&suite, "full of those who wait", test_full, NULL);
	suite_add(&suite, "many followers of one", test_many_followers_of_one, NULL);
	suite_add(&suite, "decided twice", test_decided_twice, NULL);
	suite_add(&suite, "follower goes", test_follower_goes, NULL);
	suite_add(&suite, "pages", test_pages, NULL);
	sys_start(&sys, false,
		  "tuning:\n  register_cache_max_entries: 4\n  register_cache_expiration: 2s\n");
	sys_start(&patient, false, "tuning:\n  register_cache_max_entries: 4\n");
	api_user(&sys, "ada");
	api_user(&patient, "ada");
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/pending");
	sys_stop(&patient);
	sys_stop(&sys);
	return failed;
}
