/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_kill.c - the server is killed at any moment under registrations and changes.
 *
 * A child runs the server; the parent's clients talk to it, and a killer strikes after a random
 * number of their moves. What was acknowledged is there after the next start, with the same ids,
 * keys and addresses; what was refused is not. KILLS and SEED come from the environment.
 */
#include "client.h"

#include "base/rng.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS_DEFAULT = 50, MEMBERS_MAX = 4096, AT_ONCE = 4 };

/* What the server has acknowledged about one machine. */
struct member {
	struct fl_private_key machine, secret;
	char hostname[24];
	json_int_t id;
	json_t *addresses;
	char version[16];       /* of its OS, the last update that was answered */
	char asked_version[16]; /* not answered yet: either may be there */
};

static struct member members[MEMBERS_MAX];
static size_t member_count;
static struct sys sys;
static struct fl_rng rng;
static char *reusable;

/* ---- the child ---- */

static pid_t child;

/* Runs the server until killed; tells its port first. */
static void serve(int out)
{
	struct fl_fault fault;

	/* The parent's loop stays as it is: its descriptors are shared. */
	if (fl_loop_new(&sys.loop) != FL_OK || sys_try(&sys, &fault) != FL_OK) {
		fprintf(stderr, "the server did not start: %s\n", fault.text);
		_exit(1);
	}
	uint16_t port = fl_server_at(sys.server).port;
	if (write(out, &port, sizeof port) != sizeof port)
		_exit(1);
	for (;;)
		fl_loop_run(sys.loop);
}

static void start_child(void)
{
	int ends[2];
	uint16_t port = 0;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve(ends[1]);
	close(ends[1]);
	if (read(ends[0], &port, sizeof port) != sizeof port)
		fail_msg("the server did not start after a kill");
	close(ends[0]);
	sys.at = (struct fl_addrport){ fl_ip_v4(127, 0, 0, 1), port };
}

static void kill_child(void)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* ---- members ---- */

static struct member *new_member(void)
{
	struct member *m = &members[member_count];

	assert_true(member_count < MEMBERS_MAX);
	snprintf(m->hostname, sizeof m->hostname, "m%zu", member_count);
	assert_err(fl_private_key_new(&m->machine), FL_OK);
	assert_err(fl_private_key_new(&m->secret), FL_OK);
	return m;
}

static void as_node(const struct member *m, struct node *n)
{
	*n = (struct node){ .secret = m->secret };
	fl_private_key_public(&n->secret, n->key.b);
	memcpy(n->disco.b, n->key.b, sizeof n->disco.b);
	snprintf(n->hostname, sizeof n->hostname, "%s", m->hostname);
}

/* Something a client does, in flight. */
struct deed {
	struct node n;
	struct member *m;
	struct call *k;
	enum { JOIN, UPDATE } what;
	bool answered;
};

/* A known member that is not busy, or NULL. */
static struct member *pick(const bool *taken)
{
	for (unsigned tries = 0; tries < 8 && member_count > 0; tries++) {
		size_t i = fl_rng_below(&rng, member_count);
		if (!taken[i] && members[i].id != 0)
			return &members[i];
	}
	return NULL;
}

static void begin(struct deed *d, bool *taken)
{
	*d = (struct deed){ .what = UPDATE };
	d->m = fl_rng_below(&rng, 2) == 0 ? pick(taken) : NULL;
	if (d->m == NULL) {
		d->what = JOIN;
		d->m = new_member();
		member_count++;
	}
	taken[d->m - members] = true;
	as_node(d->m, &d->n);
	client_dial(&d->n.c, &sys, &d->m->machine, 145);
}

static void send_deed(struct deed *d)
{
	if (d->what == JOIN) {
		d->k = client_post(&d->n.c, "/machine/register",
				   node_register_body(&d->n, reusable));
		return;
	}
	json_t *body = node_map_body(&d->n);
	snprintf(d->m->asked_version, sizeof d->m->asked_version, "%" PRIu64,
		 fl_rng_below(&rng, 1000000));
	json_object_set_new(body, "OmitPeers", json_true());
	json_object_set_new(at(body, "Hostinfo"), "OSVersion", json_string(d->m->asked_version));
	d->k = client_post(&d->n.c, "/machine/map", body);
}

static void note_answer(struct deed *d)
{
	d->answered = true;
	assert_int_equal(d->k->status, 200);
	if (d->what == JOIN) {
		json_t *answer = json_loadb((char *)d->k->body.ptr, d->k->body.len, 0, NULL);
		assert_string_equal(text_at(answer, "Error"), "");
		json_decref(answer);
		d->m->id = -1; /* acknowledged; which one is asked after the next start */
	} else {
		memcpy(d->m->version, d->m->asked_version, sizeof d->m->version);
	}
}

static void move(struct deed *d)
{
	client_move(&d->n.c);
	if (d->n.c.phase == CLIENT_OPEN && d->k == NULL)
		send_deed(d);
	if (d->k != NULL && d->k->ended && !d->answered)
		note_answer(d);
}

/* ---- one life of the server ---- */

static void wait_for_any(const struct deed *deeds)
{
	struct pollfd fds[AT_ONCE];

	for (size_t i = 0; i < AT_ONCE; i++)
		fds[i] = (struct pollfd){ deeds[i].n.c.fd, POLLIN, 0 };
	poll(fds, AT_ONCE, 2);
}

static void live_and_die(void)
{
	static bool taken[MEMBERS_MAX];
	struct deed deeds[AT_ONCE];
	uint64_t moves = 1 + fl_rng_below(&rng, 400);

	memset(taken, 0, sizeof taken);
	for (size_t i = 0; i < AT_ONCE; i++)
		begin(&deeds[i], taken);
	for (; moves > 0; moves--) {
		struct deed *d = &deeds[fl_rng_below(&rng, AT_ONCE)];
		wait_for_any(deeds);
		move(d);
		if (!d->answered)
			continue;
		taken[d->m - members] = false;
		client_close(&d->n.c);
		begin(d, taken);
	}
	kill_child();
	for (size_t i = 0; i < AT_ONCE; i++) {
		move(&deeds[i]); /* an answer may have left before the end */
		client_close(&deeds[i].n.c);
	}
}

static json_t *by_key(json_t *nodes)
{
	json_t *map = json_object(), *node;
	size_t i;

	json_array_foreach(nodes, i, node) json_object_set(map, text_at(node, "nodeKey"), node);
	assert_int_equal(json_object_size(map), json_array_size(nodes));
	return map;
}

static void check_member(json_t *nodes, struct member *m)
{
	char key[FL_KEY_TEXT_MAX];
	struct node n;

	as_node(m, &n);
	fl_node_key_format(&n.key, key);
	json_t *node = json_object_get(nodes, key);
	if (node == NULL) {
		if (m->id != 0)
			fail_msg("%s was acknowledged and is lost", m->hostname);
		return;
	}
	assert_string_equal(text_at(node, "name"), m->hostname);
	if (m->id > 0)
		assert_int_equal(atoll(text_at(node, "id")), m->id);
	if (m->addresses != NULL)
		assert_true(json_equal(m->addresses, at(node, "ipAddresses")));
	m->id = atoll(text_at(node, "id"));
	json_decref(m->addresses);
	m->addresses = json_deep_copy(at(node, "ipAddresses"));
}

/* Acknowledged updates of a hostinfo are seen by whoever asks for a map. */
static void check_versions(void)
{
	struct fold view;
	struct node looker;
	size_t i = 0;

	while (i < member_count && members[i].id <= 0)
		i++;
	if (i == member_count)
		return;
	as_node(&members[i], &looker);
	client_open(&looker.c, &sys, &members[i].machine);
	node_fresh(&looker, &view);
	for (i++; i < member_count; i++) {
		struct member *m = &members[i];
		char id[24];
		snprintf(id, sizeof id, "%lld", (long long)m->id);
		json_t *shown = at(json_object_get(view.peers, id), "Hostinfo.OSVersion");
		const char *text = shown != NULL ? json_string_value(shown) : "";
		if (m->version[0] != '\0' && strcmp(text, m->version) != 0 &&
		    strcmp(text, m->asked_version) != 0)
			fail_msg("%s shows \"%s\", acknowledged \"%s\"", m->hostname, text,
				 m->version);
		snprintf(m->version, sizeof m->version, "%s", text);
	}
	fold_done(&view);
	client_close(&looker.c);
}

static void check_everything(void)
{
	json_t *list = api_json(&sys, "GET", "/api/v1/node", NULL, 200),
	       *nodes = by_key(at(list, "nodes"));
	size_t known = 0;

	for (size_t i = 0; i < member_count; i++) {
		check_member(nodes, &members[i]);
		known += members[i].id != 0;
	}
	assert_int_equal(json_object_size(nodes), known); /* and nothing else */
	json_decref(nodes);
	json_decref(list);
	check_versions();
}

static unsigned number_of(const char *name, unsigned fallback)
{
	const char *text = getenv(name);
	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : fallback;
}

static void test_kill_at_random_moments(void **state)
{
	unsigned kills = number_of("KILLS", KILLS_DEFAULT);
	(void)state;

	fl_rng_init(&rng, number_of("SEED", 1));
	sys_start(&sys, false, NULL);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	sys_halt(&sys);
	for (unsigned i = 0; i < kills; i++) {
		start_child();
		if (i > 0)
			check_everything();
		live_and_die();
	}
	start_child();
	check_everything();
	kill_child();
	printf("\t%u kills, %zu machines\n", kills, member_count);
	for (size_t i = 0; i < member_count; i++)
		json_decref(members[i].addresses);
	free(reusable);
	sys_remove(&sys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill_at_random_moments),
	};
	return cmocka_run_group_tests_name("system/kill", tests, NULL, NULL);
}
