/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_stall.c - a worker that stands still stops those whom it carries, and nobody
 * else.
 *
 * It is held where it hands its letters over: their mailbox is locked here meanwhile.
 */
#include "client.h"

#include "services/control/internal.h"

enum { NODES = 6 }; /* two for each of three workers */

static struct sys sys;
static struct node nodes[NODES];

static struct fl_noise_server *noise(void)
{
	return &fl_server_control(sys.server)->noise;
}

static const struct fl_noise_desk *desk_of(const struct node *n)
{
	fl_list_each(it, &noise()->links)
	{
		const struct fl_noise_link *l = fl_list_entry(it, struct fl_noise_link, link);
		if (fl_machine_key_eq(&l->machine, &n->c.machine_public))
			return l->desk;
	}
	fail_msg("%s has no connection", n->hostname);
	return NULL;
}

struct rename {
	const struct fl_noise_desk *held;
	const char *name;
};

static bool sees(struct node *n, const char *name)
{
	const char *id;
	json_t *peer;

	node_fold(n);
	json_object_foreach(n->view.peers, id, peer)
	{
		if (strncmp(text_at(peer, "Name"), name, strlen(name)) == 0)
			return true;
	}
	return false;
}

static bool others_see(void *ctx)
{
	const struct rename *r = ctx;

	for (size_t i = 1; i < NODES; i++)
		if (desk_of(&nodes[i]) != r->held && !sees(&nodes[i], r->name))
			return false;
	return true;
}

static bool all_see(void *ctx)
{
	struct rename everybody = *(const struct rename *)ctx;

	everybody.held = NULL; /* nobody's */
	return others_see(&everybody);
}

static void rename_first(const char *name)
{
	char path[96];

	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/%s", (long long)node_id(&nodes[0]),
		 name);
	api_ok(&sys, "POST", path, NULL);
}

static struct call *ask_for_map(struct node *n)
{
	json_t *body = node_map_body(n);

	json_object_set_new(body, "ReadOnly", json_true());
	return client_post(&n->c, "/machine/map", body);
}

static void test_others_go_on(void **state)
{
	(void)state;
	struct node late;
	struct fl_noise_desk *held = &noise()->desks[noise()->next_desk % noise()->desks_count];
	struct rename r = { .held = held, .name = "renamed" };
	struct node *victim = NULL;

	for (size_t i = 1; i < NODES; i++)
		if (desk_of(&nodes[i]) == held)
			victim = &nodes[i];
	assert_non_null(victim);
	sys_turn(&sys, 12); /* nothing is on its way from there: the loop would stop at the lock */
	pthread_mutex_lock(&held->worker.worker.from.lock);
	struct call *k = ask_for_map(victim);
	sys_turn(&sys, 8);
	rename_first(r.name);
	assert_true(sys_until(&sys, others_see, &r));
	assert_false(sees(victim, r.name));
	assert_false(call_over(k));

	/* The next connection is this worker's, the one after it another's. */
	struct client waits = { 0 };
	client_dial(&waits, &sys, NULL, 145);
	sys_turn(&sys, 8);
	assert_false(client_settled(&waits));
	node_enter(&late, &sys, "late", api_user(&sys, "eve"), NULL);
	assert_true(sees(&late, r.name));

	pthread_mutex_unlock(&held->worker.worker.from.lock);
	call_wait(k);
	assert_int_equal(k->status, 200);
	assert_true(sys_until(&sys, client_settled, &waits));
	assert_int_equal(waits.phase, CLIENT_OPEN);
	assert_true(sys_until(&sys, all_see, &r));
	client_close(&waits);
	node_close(&late);
}

int main(void)
{
	struct suite suite = { 0 };
	char name[16];

	suite_add(&suite, "others go on", test_others_go_on, NULL);
	sys_start(&sys, false, NULL);
	json_int_t ada = api_user(&sys, "ada");
	for (size_t i = 0; i < NODES; i++) {
		snprintf(name, sizeof name, "n%zu", i);
		node_enter(&nodes[i], &sys, name, ada, NULL);
	}
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/stall");
	for (size_t i = 0; i < NODES; i++)
		node_close(&nodes[i]);
	sys_stop(&sys);
	return failed;
}
