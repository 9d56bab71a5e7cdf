/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_write_faults.c - the disk fails at every single write, sync and truncation of
 * every kind of request that stores something.
 *
 * Who asked hears either success or 503. After a 503 memory and what a crash would leave are as
 * before, and nobody else was told or disturbed; the same request works once the disk does. After a
 * success a crash at once leaves all of it, that request and those before. STEP: see sys_step.
 */
#include "client.h"

#include "../domain/state_kit.h"
#include "../store/faulty_vfs.h"
#include "../store/store_kit.h"

#include <stdio.h>

enum { PLACES_MAX = 100 }; /* of one request */

static struct sys sys;
static struct node witness, subject;
static json_int_t ada;
static char *reusable;

/* One kind of request. */
struct deed {
	const char *name;
	void (*prepare)(void); /* what it needs, while the disk works; or NULL */
	unsigned (*act)(void); /* asks; the status of the answer */
	void (*tidy)(void);    /* or NULL */
};

static unsigned serial; /* no two attempts at a deed say the same */
static json_int_t id;
static char text[256];
static struct node guest;

/* ---- asking ---- */

static unsigned ask(const char *method, const char *path, const char *body)
{
	struct reply r = api_call(&sys, method, path, body);
	unsigned status = r.status;

	if (status == 503)
		assert_non_null(strstr((const char *)r.body.ptr, "database"));
	if (status != 200 && status != 503)
		fail_msg("%s %s: %u: %s", method, path, status, (char *)r.body.ptr);
	reply_done(&r);
	return status;
}

__attribute__((format(printf, 2, 3))) static unsigned ask_at(const char *method, const char *format,
							     ...)
{
	char path[256];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof path, format, args);
	va_end(args);
	return ask(method, path, NULL);
}

static unsigned ask_inside(struct node *n, const char *path, json_t *body)
{
	struct call *k = client_post(&n->c, path, body);

	call_wait(k);
	unsigned status = k->status;
	if (status == 503)
		assert_true(k->body.len > 10);
	call_drop(k);
	return status;
}

/* ---- users ---- */

static void make_user(void)
{
	snprintf(text, sizeof text, "user-%u", serial);
	id = api_user(&sys, text);
}

static unsigned create_user(void)
{
	snprintf(text, sizeof text, "{\"name\":\"user-%u\"}", serial);
	return ask("POST", "/api/v1/user", text);
}

static unsigned rename_user(void)
{
	return ask_at("POST", "/api/v1/user/%lld/rename/renamed-%u", (long long)id, serial);
}

static unsigned give_role(void)
{
	char path[64];

	snprintf(path, sizeof path, "/api/v1/user/%lld/role", (long long)id);
	return ask("PUT", path, "{\"role\":\"admin\"}");
}

static unsigned delete_user(void)
{
	return ask_at("DELETE", "/api/v1/user/%lld", (long long)id);
}

/* ---- keys ---- */

static json_int_t newest(const char *list_path, const char *member)
{
	json_t *list = api_json(&sys, "GET", list_path, NULL, 200), *all = at(list, member);
	json_int_t found = atoll(text_at(json_array_get(all, json_array_size(all) - 1), "id"));

	json_decref(list);
	return found;
}

static void make_preauth(void)
{
	free(api_key(&sys, ada, NULL));
	id = newest("/api/v1/preauthkey", "preAuthKeys");
}

static unsigned create_preauth(void)
{
	return ask("POST", "/api/v1/preauthkey", "{\"aclTags\":[\"tag:a\"]}");
}

static unsigned expire_preauth(void)
{
	snprintf(text, sizeof text, "{\"id\":\"%lld\"}", (long long)id);
	return ask("POST", "/api/v1/preauthkey/expire", text);
}

static unsigned delete_preauth(void)
{
	return ask_at("DELETE", "/api/v1/preauthkey?id=%lld", (long long)id);
}

static void make_api_key(void)
{
	api_ok(&sys, "POST", "/api/v1/apikey", "{}");
	id = newest("/api/v1/apikey", "apiKeys");
}

static unsigned create_api_key(void)
{
	return ask("POST", "/api/v1/apikey", "{}");
}

static unsigned expire_api_key(void)
{
	snprintf(text, sizeof text, "{\"id\":\"%lld\"}", (long long)id);
	return ask("POST", "/api/v1/apikey/expire", text);
}

static unsigned delete_api_key(void)
{
	return ask_at("DELETE", "/api/v1/apikey/any?id=%lld", (long long)id);
}

/* ---- nodes come and go ---- */

static void open_guest(void)
{
	snprintf(text, sizeof text, "guest-%u", serial);
	node_open(&guest, &sys, text);
}

static void close_guest(void)
{
	node_close(&guest);
}

static void bring_key(void)
{
	char *key = api_key(&sys, ada, NULL);

	open_guest();
	snprintf(text, sizeof text, "%s", key);
	free(key);
}

static unsigned register_with_key(void)
{
	return ask_inside(&guest, "/machine/register", node_register_body(&guest, text));
}

static void ask_for_login(void)
{
	open_guest();
	json_t *answer = node_register(&guest, NULL);
	snprintf(text, sizeof text, "{\"user\":\"ada\",\"authId\":\"%s\"}",
		 strrchr(text_at(answer, "AuthURL"), '/') + 1);
	json_decref(answer);
}

static unsigned approve_login(void)
{
	return ask("POST", "/api/v1/auth/register", text);
}

static void join_guest(void)
{
	open_guest();
	node_join(&guest, reusable);
	id = node_id(&guest);
}

static unsigned delete_node(void)
{
	return ask_at("DELETE", "/api/v1/node/%lld", (long long)id);
}

static unsigned log_out(void)
{
	json_t *body = node_register_body(&guest, NULL);

	json_object_set_new(body, "Expiry", json_string("1970-01-01T00:02:03Z"));
	return ask_inside(&guest, "/machine/register", body);
}

static void have_new_key(void)
{
	join_guest();
	fl_node_key_format(&guest.key, text);
	node_new_key(&guest);
}

static unsigned rotate_key(void)
{
	json_t *body = node_register_body(&guest, reusable);

	json_object_set_new(body, "OldNodeKey", json_string(text));
	return ask_inside(&guest, "/machine/register", body);
}

/* ---- what is said of a node ---- */

static unsigned rename_node(void)
{
	return ask_at("POST", "/api/v1/node/%lld/rename/subject-%u", (long long)node_id(&subject),
		      serial);
}

static unsigned expire_node(void)
{
	char path[64];

	snprintf(path, sizeof path, "/api/v1/node/%lld/expire", (long long)node_id(&subject));
	snprintf(text, sizeof text, "{\"expiry\":\"2100-01-01T00:%02u:%02uZ\"}", serial / 60 % 60,
		 serial % 60);
	return ask("POST", path, text);
}

static unsigned approve_routes(void)
{
	char path[64];

	snprintf(path, sizeof path, "/api/v1/node/%lld/approve_routes",
		 (long long)node_id(&subject));
	snprintf(text, sizeof text, "{\"routes\":[\"10.%u.%u.0/24\"]}", serial / 256, serial % 256);
	return ask("POST", path, text);
}

static unsigned tag_node(void)
{
	char path[64];

	snprintf(path, sizeof path, "/api/v1/node/%lld/tags", (long long)id);
	return ask("POST", path, "{\"tags\":[\"tag:a\"]}");
}

static unsigned update_node(const char *name, json_t *value)
{
	json_t *body = node_map_body(&subject);

	json_object_set_new(body, "OmitPeers", json_true());
	json_object_set_new(at(body, "Hostinfo"), name, value);
	return ask_inside(&subject, "/machine/map", body);
}

static unsigned tell_version(void)
{
	snprintf(text, sizeof text, "%u", serial);
	return update_node("OSVersion", json_string(text));
}

static unsigned tell_routes(void)
{
	return update_node("RoutableIPs",
			   json_pack("[s]", serial % 2 ? "10.0.0.0/24" : "10.1.0.0/24"));
}

/* ---- policy ---- */

#define POLICY                                                                                     \
	"{\\\"tagOwners\\\":{\\\"tag:a\\\":[\\\"ada@\\\"]},"                                       \
	"\\\"acls\\\":[{\\\"action\\\":\\\"accept\\\",\\\"src\\\":[\\\"*\\\"],"                    \
	"\\\"dst\\\":[\\\"*:*\\\"]}]}"

static unsigned set_policy(void)
{
	char body[512];

	snprintf(body, sizeof body, "{\"policy\":\"/* %u */ " POLICY "\"}", serial);
	return ask("PUT", "/api/v1/policy", body);
}

static void have_another_policy(void)
{
	assert_int_equal(set_policy(), 200);
}

static unsigned roll_back(void)
{
	return ask("POST", "/api/v1/policy/rollback/1", "{}");
}

static struct deed deeds[] = {
	{ "create a user", NULL, create_user, NULL },
	{ "rename a user", make_user, rename_user, NULL },
	{ "give a role", make_user, give_role, NULL },
	{ "delete a user", make_user, delete_user, NULL },
	{ "create a pre auth key", NULL, create_preauth, NULL },
	{ "expire a pre auth key", make_preauth, expire_preauth, NULL },
	{ "delete a pre auth key", make_preauth, delete_preauth, NULL },
	{ "create an API key", NULL, create_api_key, NULL },
	{ "expire an API key", make_api_key, expire_api_key, NULL },
	{ "delete an API key", make_api_key, delete_api_key, NULL },
	{ "register with a key", bring_key, register_with_key, close_guest },
	{ "approve a login", ask_for_login, approve_login, close_guest },
	{ "rotate a node key", have_new_key, rotate_key, close_guest },
	{ "log out", join_guest, log_out, close_guest },
	{ "delete a node", join_guest, delete_node, close_guest },
	{ "rename a node", NULL, rename_node, NULL },
	{ "expire a node", NULL, expire_node, NULL },
	{ "approve routes", NULL, approve_routes, NULL },
	{ "tag a node", join_guest, tag_node, close_guest },
	{ "update a hostinfo", NULL, tell_version, NULL },
	{ "announce routes", NULL, tell_routes, NULL },
	{ "set the policy", NULL, set_policy, NULL },
	{ "roll the policy back", have_another_policy, roll_back, NULL },
};

/* ---- one deed at one place ---- */

static struct disk {
	const char *name;
	bool log;
	enum faulty_mode mode;
	bool full;
	bool may_come_back; /* a crash before the next commit may bring back what was refused */
	size_t every;       /* place; a journal has three times as many, and many alike */
} disks[] = {
	{ "error in one operation", true, FAULTY_ONCE, false, false, 1 },
	{ "full from then on", true, FAULTY_DEAD, true, true, 1 },
	{ "error in one operation, without a log", false, FAULTY_ONCE, false, true, 3 },
};

static size_t witness_frames(void)
{
	sys_turn(&sys, 6);
	assert_false(node_fold(&witness));
	return witness.frames;
}

/* Says the first line that differs: the whole is long. */
static void expect_same(const char *got, const char *want, const char *what)
{
	size_t line = 0, n = 0;

	for (; got[n] != '\0' && got[n] == want[n]; n++)
		line = got[n] == '\n' ? n + 1 : line;
	if (got[n] != want[n])
		fail_msg("%s:\n got %.*s\nwant %.*s", what, (int)strcspn(got + line, "\n"),
			 got + line, (int)strcspn(want + line, "\n"), want + line);
}

static void expect_after_crash(const char *want)
{
	faulty_vfs_pause(true);
	char *got = store_kit_after_crash(sys_path(&sys, "db.sqlite"));
	faulty_vfs_pause(false);
	expect_same(got, want, "after a crash");
	free(got);
}

static void expect_nothing_happened(const struct disk *disk, const char *before, size_t frames)
{
	char *now = kit_dump(sys_state(&sys));

	expect_same(now, before, "after a refusal");
	assert_int_equal(witness_frames(), frames);
	if (!disk->may_come_back)
		expect_after_crash(before);
	free(now);
}

/* False when the deed has fewer operations than that. */
static bool fails_at(const struct disk *disk, const struct deed *deed, long place, size_t *refused)
{
	serial++;
	if (deed->prepare != NULL)
		deed->prepare();
	size_t frames = witness_frames();
	char *before = kit_dump(sys_state(&sys));
	faulty_vfs_arm(place, disk->mode, disk->full);
	unsigned status = deed->act();
	bool hit = faulty_vfs_hit();
	faulty_vfs_disarm();
	if (status != 200) {
		assert_true(hit);
		assert_int_equal(status, 503);
		expect_nothing_happened(disk, before, frames);
		assert_int_equal(deed->act(), 200);
		++*refused;
	}
	char *after = kit_dump(sys_state(&sys));
	assert_string_not_equal(after, before);
	expect_after_crash(after);
	if (deed->tidy != NULL)
		deed->tidy();
	free(before);
	free(after);
	return hit;
}

static void test_deeds(void **state)
{
	const struct disk *disk = *state;
	size_t refused = 0, step = disk->every * sys_step(4);
	char extra[256];

	snprintf(extra, sizeof extra,
		 "policy:\n  mode: database\ndatabase:\n  sqlite:\n    write_ahead_log: %s\n",
		 disk->log ? "true" : "false");
	sys_start(&sys, false, extra);
	ada = api_user(&sys, "ada");
	assert_int_equal(set_policy(), 200);
	reusable = api_key(&sys, ada, "\"reusable\":true");
	node_enter(&witness, &sys, "witness", ada, NULL);
	node_enter(&subject, &sys, "subject", ada, NULL);
	for (size_t i = 0; i < COUNT(deeds); i++) {
		size_t was = refused;
		for (long at = (long)(i % step); fails_at(disk, &deeds[i], at, &refused);) {
			assert_true(witness_frames() > 0);
			node_assert_complete(&witness);
			at += (long)step;
			assert_true(at < PLACES_MAX);
		}
		assert_true(refused > was || step > 1); /* it writes */
		print_message("\t%s: refused %zu times\n", deeds[i].name, refused - was);
	}
	assert_true(refused > COUNT(deeds));
	assert_false(node_fold(&subject));
	node_close(&witness);
	node_close(&subject);
	free(reusable);
	sys_stop(&sys);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, disks, test_deeds);
	faulty_vfs_install();
	return suite_run(&suite, "system/write_faults");
}
