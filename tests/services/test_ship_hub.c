/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_ship_hub.c - two hubs over loopback: pairing, payloads, parting. */
#include "ship_kit.h"

#include "services/ship/hub_impl.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct pair {
	struct fl_loop *loop;
	struct kit_hub *a, *b;
};

static int setup(void **state)
{
	struct pair *p = test_calloc(1, sizeof *p);

	assert_ok(fl_loop_new(&p->loop));
	p->a = test_calloc(1, sizeof *p->a);
	p->b = test_calloc(1, sizeof *p->b);
	kit_start(p->a, p->loop);
	kit_start(p->b, p->loop);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	kit_done(p->a);
	kit_done(p->b);
	for (int i = 0; i < 1000 && fl_loop_poll(p->loop); i++)
		if (i == 500)
			fl_loop_cut(p->loop);
	fl_loop_free(p->loop);
	test_free(p->a);
	test_free(p->b);
	test_free(p);
	return 0;
}

static void send_text(struct kit_hub *from, struct kit_hub *to, const char *text)
{
	struct fl_ski ski = kit_ski(to);
	struct fl_fault fault = { "" };

	enum fl_err err = fl_ship_hub_send(from->hub, &ski, fl_slice_str(text), false, &fault);
	if (err != FL_OK)
		fail_msg("%s: %s", fl_err_text(err), fault.text);
}

static void expect_data(struct kit_hub *k, size_t count, const char *text)
{
	kit_wait_count(k, FL_SHIP_EV_DATA, count);
	assert_string_equal(kit_last(k, FL_SHIP_EV_DATA)->data, text);
}

static void both_registered_connect(void **state)
{
	struct pair *p = *state;

	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_complete(p->a, p->b);
	assert_int_equal(kit_count(p->a, FL_SHIP_EV_CONNECTED), 1);
	assert_int_equal(kit_count(p->b, FL_SHIP_EV_CONNECTED), 1);
	assert_string_equal(kit_last(p->a, FL_SHIP_EV_SHIP_ID)->text, fl_ship_hub_id(p->b->hub));
	send_text(p->a, p->b, "{\"datagram\":{\"header\":{\"msgCounter\":1}}}");
	expect_data(p->b, 1, "{\"datagram\":{\"header\":{\"msgCounter\":1}}}");
	send_text(p->b, p->a, "{\"datagram\":{\"payload\":{\"cmd\":[]}}}");
	expect_data(p->a, 1, "{\"datagram\":{\"payload\":{\"cmd\":{}}}}");
}

static void no_longer_paired(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);
	struct fl_device_info info;

	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_complete(p->a, p->b);
	assert_ok(fl_ship_hub_unpair(p->a->hub, &ski, NULL));
	assert_false(kit_last(p->a, FL_SHIP_EV_TRUST)->trusted);
	kit_wait_count(p->a, FL_SHIP_EV_DISCONNECTED, 1);
	kit_wait_count(p->b, FL_SHIP_EV_DISCONNECTED, 1);
	assert_int_equal(fl_devices_info(fl_ship_hub_devices(p->a->hub), &ski, &info),
			 FL_ERR_NOT_FOUND);
	assert_int_equal(fl_ship_hub_unpair(p->a->hub, &ski, NULL), FL_ERR_NOT_FOUND);
	assert_true(kit_is_trusted(p->b, p->a)); /* the other side keeps its own mind */
}

static void of_an_unpaired_device_nothing_is_left(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);
	const uint8_t key[FL_HASH_LEN] = { 1 };
	struct fl_device_info info;

	assert_ok(fl_ship_hub_pair(p->a->hub, &ski, NULL, "Pump", NULL));
	assert_ok(fl_ship_hub_pin_key(p->a->hub, &ski, key, NULL));
	assert_ok(fl_ship_hub_unpair(p->a->hub, &ski, NULL));
	assert_int_equal(fl_devices_info(fl_ship_hub_devices(p->a->hub), &ski, &info),
			 FL_ERR_NOT_FOUND);
}

static void one_that_is_not_trusted_waits(void **state)
{
	struct pair *p = *state;

	kit_introduce(p->a, p->b);
	kit_wait_state(p->b, p->a, FL_DEVICES_RECEIVED_REQUEST);
	assert_false(kit_is_trusted(p->b, p->a));
	kit_pair(p->b, p->a);
	kit_wait_complete(p->a, p->b);
	assert_int_equal(kit_count(p->b, FL_SHIP_EV_CONNECTED), 1);
}

static void one_that_waits_is_refused(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->a);

	assert_int_equal(fl_ship_hub_refuse(p->b->hub, &ski, NULL), FL_ERR_NOT_FOUND);
	kit_introduce(p->a, p->b);
	kit_wait_state(p->b, p->a, FL_DEVICES_RECEIVED_REQUEST);
	assert_ok(fl_ship_hub_refuse(p->b->hub, &ski, NULL));
	kit_wait_state(p->a, p->b, FL_DEVICES_REMOTE_DENIED);
	assert_false(kit_is_trusted(p->b, p->a));
	assert_int_equal(kit_count(p->a, FL_SHIP_EV_CONNECTED), 0);
	assert_int_equal(kit_count(p->b, FL_SHIP_EV_TRUST), 0);
}

static void a_window_lets_in(void **state)
{
	struct pair *p = *state;

	assert_int_equal(fl_ship_hub_window(p->b->hub, 121, NULL), FL_ERR_INVALID);
	assert_ok(fl_ship_hub_window(p->b->hub, 60, NULL));
	kit_introduce(p->a, p->b);
	kit_wait_complete(p->a, p->b);
	assert_true(kit_is_trusted(p->b, p->a));
	assert_true(kit_last(p->b, FL_SHIP_EV_TRUST)->trusted);
}

/* Nothing is announced here, so nobody knows what `a` is. */
static void a_device_that_may_be_one_thing_only_is_let_in_as_that(void **state)
{
	struct pair *p = *state;
	const struct fl_device_limit limit = { .ski = kit_ski(p->a), .categories = 1u << 3 };
	struct fl_ski ski = kit_ski(p->a);
	struct fl_device_info info;

	p->b->cfg.limits = &limit;
	p->b->cfg.limits_count = 1;
	kit_stop(p->b);
	kit_start(p->b, p->loop);
	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_state(p->a, p->b, FL_DEVICES_ERROR);
	assert_non_null(strstr(kit_last(p->a, FL_SHIP_EV_STATE)->text, "HTTP status 403"));
	assert_ok(fl_devices_info(fl_ship_hub_devices(p->b->hub), &ski, &info));
	assert_int_equal(info.state, FL_DEVICES_ERROR);
	assert_int_equal(info.allow, 1u << 3);
	assert_int_equal(kit_count(p->b, FL_SHIP_EV_CONNECTED), 0);
}

/* The port stays, so that the other side finds it again. */
static void restart(struct kit_hub *k)
{
	k->cfg.listen.port = kit_port(k);
	kit_stop(k);
	kit_start(k, k->loop);
}

static void a_restart_forgets_nothing(void **state)
{
	struct pair *p = *state;
	struct fl_ski before = kit_ski(p->b);
	char id[64];

	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_complete(p->a, p->b);
	snprintf(id, sizeof id, "%s", fl_ship_hub_id(p->b->hub));
	restart(p->b);
	struct fl_ski after = kit_ski(p->b);
	assert_memory_equal(&after, &before, sizeof after);
	assert_string_equal(fl_ship_hub_id(p->b->hub), id);
	assert_true(kit_is_trusted(p->b, p->a));
	kit_wait_count(p->a, FL_SHIP_EV_DISCONNECTED, 1);
	kit_wait_complete(p->a, p->b);
	send_text(p->b, p->a, "{\"datagram\":{\"n\":1}}");
	expect_data(p->a, 1, "{\"datagram\":{\"n\":1}}");
}

static void both_dial_at_once(void **state)
{
	struct pair *p = *state;

	for (int round = 0; round < 50; round++) {
		kit_introduce(p->a, p->b);
		kit_introduce(p->b, p->a);
		kit_wait_complete(p->a, p->b);
		size_t n = kit_count(p->b, FL_SHIP_EV_DATA);
		send_text(p->a, p->b, "{\"datagram\":{}}");
		kit_wait_count(p->b, FL_SHIP_EV_DATA, n + 1);
		assert_true(fl_devices_check(fl_ship_hub_devices(p->a->hub)));
		assert_true(fl_devices_check(fl_ship_hub_devices(p->b->hub)));
		kit_done(p->a);
		kit_done(p->b);
		*p->a = (struct kit_hub){ 0 };
		*p->b = (struct kit_hub){ 0 };
		kit_start(p->a, p->loop);
		kit_start(p->b, p->loop);
	}
}

/* ---- places where nobody or somebody else is ---- */

/* The kernel accepts, nobody reads: a dial hangs in TLS. */
static int black_hole(uint16_t *out_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*out_port = ntohs(at.sin_port);
	return fd;
}

static bool is_dialling(void *ctx)
{
	const struct kit_hub *k = ctx;
	return !fl_list_empty(&k->hub->dials) && k->hub->counts.dials > 0;
}

static void stops_while_a_dial_hangs(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);
	uint16_t port;
	int fd = black_hole(&port);

	kit_pair(p->a, p->b);
	assert_ok(fl_ship_hub_connect(p->a->hub, &ski, "127.0.0.1", port, NULL, NULL));
	kit_wait(p->loop, is_dialling, p->a, 10);
	fl_time begun = fl_loop_now(p->loop);
	kit_stop(p->a);
	assert_true(fl_loop_now(p->loop) - begun < FL_SEC / 2);
	close(fd);
}

/* One who does not answer the farewell: it was connected, so it is told of as disconnected. */
static void a_silent_device_is_told_of_at_the_end(void **state)
{
	struct pair *p = *state;

	p->a->cfg.timers.close = 10 * FL_SEC; /* longer than the hub gives it */
	restart(p->a);
	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_complete(p->a, p->b);
	fl_ship_hub_hold(p->b->hub, true);
	kit_stop(p->a);
	assert_int_equal(kit_count(p->a, FL_SHIP_EV_DISCONNECTED), 1);
	fl_ship_hub_hold(p->b->hub, false);
}

static void another_device_is_there(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);

	ski.b[0] ^= 1;
	assert_ok(fl_ship_hub_pair(p->a->hub, &ski, NULL, NULL, NULL));
	assert_ok(fl_ship_hub_connect(p->a->hub, &ski, "127.0.0.1", kit_port(p->b), NULL, NULL));
	kit_wait_count(p->a, FL_SHIP_EV_STATE, 2);
	const struct kit_event *e = kit_last(p->a, FL_SHIP_EV_STATE);
	assert_memory_equal(&e->ski, &ski, sizeof ski);
	assert_non_null(strstr(e->text, "SKI"));
	assert_int_equal(kit_count(p->b, FL_SHIP_EV_STATE), 0);
}

/* ---- an application that does not keep up ---- */

static enum fl_err send_much(struct pair *p)
{
	struct fl_ski ski = kit_ski(p->a);
	char text[8192];

	memset(text, 'x', sizeof text);
	memcpy(text, "{\"datagram\":\"", 13);
	memcpy(text + sizeof text - 2, "\"}", 2);
	return fl_ship_hub_send(p->b->hub, &ski, fl_slice_of(text, sizeof text), false, NULL);
}

static void what_waits_is_bounded_and_not_lost(void **state)
{
	struct pair *p = *state;

	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_complete(p->a, p->b);
	fl_ship_hub_hold(p->a->hub, true);
	enum fl_err err = FL_OK;
	for (size_t i = 0; err == FL_OK && i < 10000; i++) {
		err = send_much(p);
		fl_loop_poll(p->loop);
	}
	assert_int_equal(err, FL_ERR_FULL);
	assert_int_equal(kit_count(p->a, FL_SHIP_EV_DATA), 0);
	size_t sent = (size_t)p->b->hub->counts.payloads_out;
	assert_true(sent > 100);
	fl_ship_hub_hold(p->a->hub, false);
	kit_wait_count(p->a, FL_SHIP_EV_DATA, sent);
	send_text(p->b, p->a, "{\"datagram\":{}}");
	kit_wait_count(p->a, FL_SHIP_EV_DATA, sent + 1);
	assert_int_equal(kit_count(p->a, FL_SHIP_EV_DISCONNECTED), 0);
}

/* ---- a disk that does not take it ---- */

/* Something in the way of the file: as good as a full disk, for root too. */
static void block_disk(const struct kit_hub *k, bool blocked)
{
	char path[KIT_DIR_MAX + 32];

	snprintf(path, sizeof path, "%s/devices.json", k->dir);
	if (!blocked) {
		assert_int_equal(rmdir(path), 0);
		return;
	}
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void trust_that_cannot_be_kept_is_refused(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);
	struct fl_fault fault = { "" };

	block_disk(p->a, true);
	assert_int_equal(fl_ship_hub_pair(p->a->hub, &ski, NULL, NULL, &fault), FL_ERR_IO);
	assert_non_null(strstr(fault.text, "devices.json"));
	assert_false(kit_is_trusted(p->a, p->b));
	assert_int_equal(kit_count(p->a, FL_SHIP_EV_TRUST), 0);
	block_disk(p->a, false);
	kit_pair(p->a, p->b);
	assert_true(kit_is_trusted(p->a, p->b));
	block_disk(p->a, true);
	assert_int_equal(fl_ship_hub_unpair(p->a->hub, &ski, &fault), FL_ERR_IO);
	assert_true(kit_is_trusted(p->a, p->b));
	block_disk(p->a, false);
}

static void a_refusal_that_cannot_be_kept_changes_nothing(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);
	struct fl_fault fault = { "" };

	kit_pair(p->a, p->b);
	block_disk(p->a, true);
	assert_int_equal(fl_ship_hub_refuse(p->a->hub, &ski, &fault), FL_ERR_IO);
	assert_non_null(strstr(fault.text, "devices.json"));
	assert_true(kit_is_trusted(p->a, p->b));
	block_disk(p->a, false);
	assert_ok(fl_ship_hub_refuse(p->a->hub, &ski, NULL));
	assert_false(kit_is_trusted(p->a, p->b));
	restart(p->a);
	assert_false(kit_is_trusted(p->a, p->b));
}

/* What cannot be refused does not leave the disk for a moment either. */
static void who_is_connected_cannot_be_refused(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);

	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_complete(p->a, p->b);
	block_disk(p->a, true);
	assert_int_equal(fl_ship_hub_refuse(p->a->hub, &ski, NULL), FL_ERR_STATE);
	assert_true(kit_is_trusted(p->a, p->b));
	block_disk(p->a, false);
}

static void a_window_trusts_nobody_whom_the_disk_does_not_keep(void **state)
{
	struct pair *p = *state;

	assert_ok(fl_ship_hub_window(p->b->hub, 60, NULL));
	block_disk(p->b, true);
	kit_introduce(p->a, p->b);
	kit_wait_state(p->a, p->b, FL_DEVICES_INITIATED);
	kit_wait_count(p->b, FL_SHIP_EV_TRUST, 1);
	assert_false(kit_last(p->b, FL_SHIP_EV_TRUST)->trusted);
	assert_int_equal(kit_count(p->b, FL_SHIP_EV_TRUST), 1);
	assert_false(kit_is_trusted(p->b, p->a));
	assert_int_equal(kit_count(p->b, FL_SHIP_EV_CONNECTED), 0);
	block_disk(p->b, false);
}

/* ---- PINs ---- */

static void ask_for_pin(struct kit_hub *k)
{
	k->cfg.pin = "12345678";
	restart(k);
}

static void a_pin_is_asked_for_until_it_is_right(void **state)
{
	struct pair *p = *state;
	struct fl_ski ski = kit_ski(p->b);

	ask_for_pin(p->b);
	kit_pair(p->b, p->a);
	kit_introduce(p->a, p->b);
	kit_wait_count(p->a, FL_SHIP_EV_PIN_WANTED, 1);
	assert_string_equal(kit_last(p->a, FL_SHIP_EV_PIN_WANTED)->text, "");
	assert_int_equal(fl_ship_hub_pin(p->a->hub, &ski, "none", NULL), FL_ERR_INVALID);
	assert_ok(fl_ship_hub_pin(p->a->hub, &ski, "87654321", NULL));
	kit_wait_count(p->a, FL_SHIP_EV_PIN_WANTED, 2);
	assert_string_equal(kit_last(p->a, FL_SHIP_EV_PIN_WANTED)->text, "the PIN was wrong");
	assert_ok(fl_ship_hub_pin(p->a->hub, &ski, "12345678", NULL));
	kit_wait_complete(p->a, p->b);
	assert_int_equal(fl_ship_hub_pin(p->a->hub, &ski, "12345678", NULL), FL_ERR_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(both_registered_connect),
		T(no_longer_paired),
		T(of_an_unpaired_device_nothing_is_left),
		T(one_that_is_not_trusted_waits),
		T(one_that_waits_is_refused),
		T(a_window_lets_in),
		T(a_device_that_may_be_one_thing_only_is_let_in_as_that),
		T(a_restart_forgets_nothing),
		T(both_dial_at_once),
		T(stops_while_a_dial_hangs),
		T(a_silent_device_is_told_of_at_the_end),
		T(another_device_is_there),
		T(what_waits_is_bounded_and_not_lost),
		T(trust_that_cannot_be_kept_is_refused),
		T(a_refusal_that_cannot_be_kept_changes_nothing),
		T(who_is_connected_cannot_be_refused),
		T(a_window_trusts_nobody_whom_the_disk_does_not_keep),
		T(a_pin_is_asked_for_until_it_is_right),
#undef T
	};
	return cmocka_run_group_tests_name("services/ship_hub", tests, NULL, NULL);
}
