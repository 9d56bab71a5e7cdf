/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_faults.c - the disk fails while the server runs: who asked hears 503, nobody
 * hears of what was not stored, memory stays equal to the database, and the next try works. Every
 * single write of every request: test_write_faults.c.
 */
#include "client.h"

#include "../store/faulty_vfs.h"

#include <stdio.h>

static struct sys sys;
static struct node witness;
static json_int_t ada;
static char *reusable;

/* All that the API shows, without what time alone changes. */
static char *everything(void)
{
	static const char *const lists[] = { "user", "node", "preauthkey", "apikey" };
	struct fl_buf all = fl_buf_make(1 << 20);

	for (size_t i = 0; i < COUNT(lists); i++) {
		char path[64];
		size_t k;
		snprintf(path, sizeof path, "/api/v1/%s", lists[i]);
		json_t *doc = api_json(&sys, "GET", path, NULL, 200), *node;
		json_array_foreach(json_object_get(doc, "nodes"), k, node)
		{
			json_object_del(node, "online");
			json_object_del(node, "lastSeen");
		}
		char *text = json_dumps(doc, JSON_SORT_KEYS);
		fl_buf_str(&all, text);
		free(text);
		json_decref(doc);
	}
	char *text = fl_str_dup(fl_buf_slice(&all));
	fl_buf_done(&all);
	return text;
}

static void expect_database_equals_memory(void)
{
	char *before = everything();

	sys_halt(&sys);
	sys_boot(&sys);
	char *after = everything();
	assert_string_equal(after, before);
	free(before);
	free(after);
	node_reopen(&witness);
	node_poll(&witness);
}

static size_t witness_frames(void)
{
	sys_turn(&sys, 12);
	assert_false(node_fold(&witness));
	return witness.frames;
}

/* ---- every kind of request while the disk is dead ---- */

static bool has_first_map(void *ctx)
{
	struct node *n = ctx;
	return (n->poll->status == 200 && (node_fold(n) || n->frames > 0)) || call_over(n->poll);
}

static void expect_503(const char *method, const char *path, const char *body)
{
	json_t *doc = api_json(&sys, method, path, body, 503);
	assert_true(strlen(text_at(doc, "detail")) > 10);
	json_decref(doc);
}

static unsigned inner(struct node *n, const char *path, json_t *body)
{
	struct call *k = client_post(&n->c, path, body);
	call_wait(k);
	unsigned status = k->status;
	call_drop(k);
	return status;
}

/* Also when the request says something new that cannot be stored (STO-12). */
static void expect_maps_go_on(struct node *n)
{
	struct fold fresh;

	node_fresh(n, &fresh);
	assert_non_null(fresh.node);
	fold_done(&fresh);
	json_t *body = node_map_body(n);
	json_object_set_new(body, "Stream", json_true());
	json_object_set_new(at(body, "Hostinfo"), "OSVersion", json_string("8"));
	n->poll = client_post(&n->c, "/machine/map", body);
	assert_true(sys_until(&sys, has_first_map, n));
	assert_int_equal(n->poll->status, 200);
	assert_null(at(n->view.node, "Hostinfo.OSVersion"));
	assert_non_null(node_peer(n, "steady"));
}

static void test_dead_disk(void **state)
{
	struct node n, late, asking, late_poller;
	char path[96], body[256];
	(void)state;

	node_open(&n, &sys, "steady");
	node_join(&n, reusable);
	node_poll(&n);
	node_open(&late_poller, &sys, "late-poller");
	node_join(&late_poller, reusable);
	node_open(&late, &sys, "late");
	node_open(&asking, &sys, "asking");
	json_t *answer = node_register(&asking, NULL);
	json_int_t id = node_id(&n);
	char *before = everything();
	size_t frames = witness_frames();

	faulty_vfs_arm(0, FAULTY_DEAD, true);
	expect_503("POST", "/api/v1/user", "{\"name\":\"bob\"}");
	expect_503("POST", "/api/v1/preauthkey", "{\"aclTags\":[\"tag:a\"]}");
	expect_503("POST", "/api/v1/apikey", "{}");
	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/other", (long long)id);
	expect_503("POST", path, NULL);
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)id);
	expect_503("DELETE", path, NULL);
	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}",
		 strrchr(text_at(answer, "AuthURL"), '/') + 1);
	expect_503("POST", "/api/v1/auth/register", body);
	assert_int_equal(inner(&late, "/machine/register", node_register_body(&late, reusable)),
			 503);
	json_t *lite = node_map_body(&n);
	json_object_set_new(lite, "OmitPeers", json_true());
	json_object_set_new(at(lite, "Hostinfo"), "OSVersion", json_string("7"));
	assert_int_equal(inner(&n, "/machine/map", lite), 503);
	/* What needs no write goes on. */
	node_join(&n, NULL);
	expect_maps_go_on(&late_poller);
	assert_false(node_fold(&n));
	struct reply r = sys_get(&sys, "/health");
	assert_int_equal(r.status, 200);
	reply_done(&r);
	char *during = everything();
	assert_string_equal(during, before);
	assert_int_equal(witness_frames(), frames + 1); /* one came online */
	assert_true(faulty_vfs_hit());
	faulty_vfs_disarm();

	/* It works again by itself, the waiting login included. */
	api_ok(&sys, "POST", "/api/v1/auth/register", body);
	api_user(&sys, "bob");
	node_join(&late, reusable);
	assert_true(witness_frames() > frames);
	expect_database_equals_memory();
	node_close(&n);
	node_close(&late);
	node_close(&late_poller);
	node_close(&asking);
	json_decref(answer);
	free(before);
	free(during);
}

/* All requests of one tick share its fate. */
static void test_one_tick_fails_together(void **state)
{
	struct node n[6];
	struct call *k[COUNT(n)];
	char name[16];
	(void)state;

	for (size_t i = 0; i < COUNT(n); i++) {
		snprintf(name, sizeof name, "tick-%zu", i);
		node_open(&n[i], &sys, name);
	}
	sys_turn(&sys, 12);
	char *before = everything();
	faulty_vfs_arm(0, FAULTY_DEAD, false);
	for (size_t i = 0; i < COUNT(n); i++) {
		k[i] = client_post(&n[i].c, "/machine/register",
				   node_register_body(&n[i], reusable));
		client_move(&n[i].c);
	}
	for (size_t i = 0; i < COUNT(n); i++)
		call_wait(k[i]);
	faulty_vfs_disarm();
	for (size_t i = 0; i < COUNT(n); i++) {
		assert_int_equal(k[i]->status, 503);
		call_drop(k[i]);
	}
	char *after = everything();
	assert_string_equal(after, before);
	for (size_t i = 0; i < COUNT(n); i++) {
		node_join(&n[i], reusable);
		node_close(&n[i]);
	}
	expect_database_equals_memory();
	free(before);
	free(after);
}

/* Presence is not stored: it is told even while the disk is dead. */
static void test_presence_needs_no_disk(void **state)
{
	struct node n;
	(void)state;

	node_open(&n, &sys, "present");
	node_join(&n, reusable);
	node_lite(&n, NULL);
	faulty_vfs_arm(0, FAULTY_DEAD, true);
	node_poll(&n);
	witness_frames();
	assert_true(json_is_true(json_object_get(node_peer(&witness, "present"), "Online")));
	faulty_vfs_disarm();
	node_close(&n);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "dead disk", test_dead_disk, NULL);
	suite_add(&suite, "one tick fails together", test_one_tick_fails_together, NULL);
	suite_add(&suite, "presence needs no disk", test_presence_needs_no_disk, NULL);
	faulty_vfs_install();
	sys_start(&sys, false, NULL);
	ada = api_user(&sys, "ada");
	reusable = api_key(&sys, ada, "\"reusable\":true");
	node_open(&witness, &sys, "witness");
	node_join(&witness, reusable);
	node_lite(&witness, NULL);
	node_poll(&witness);
	int failed = suite_run(&suite, "system/faults");
	node_close(&witness);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
