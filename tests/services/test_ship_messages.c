/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_ship_messages.c - the message log: what is in it, what is not, and a disk
 * that takes no more. The files are read by a reader of its own.
 */
#include "ship_kit.h"

#include "base/log.h"
#include "io/file.h"
#include "services/ship/admin_impl.h"
#include "wire/pcapng.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LEN = 96, ALL_MAX = 64 << 20, MESSAGES_MAX = 4096 };

/* ---- a reader ---- */

struct message {
	const uint8_t *bytes;
	uint32_t kept, whole;
	bool inbound;
	uint64_t at, lost;
	char comment[257];
};

struct file {
	struct fl_buf all;
	size_t sections, interfaces, count;
	struct message at[MESSAGES_MAX];
};

static uint64_t number(const uint8_t *p, size_t width)
{
	uint64_t v = 0;

	for (size_t i = width; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static void read_options(const uint8_t *p, const uint8_t *end, struct message *m)
{
	while (end - p >= 4 && number(p, 2) != 0) {
		size_t code = number(p, 2), len = number(p + 2, 2);
		assert_true(len <= (size_t)(end - p) - 4);
		if (code == 1)
			snprintf(m->comment, sizeof m->comment, "%.*s", (int)len,
				 (const char *)p + 4);
		else if (code == 2)
			m->inbound = (number(p + 4, 4) & 3) == 1;
		else if (code == 4)
			m->lost = number(p + 4, 8);
		p += 4 + (len + 3) / 4 * 4;
	}
}

static void read_block(const uint8_t *p, size_t len, struct file *f)
{
	uint64_t kind = number(p, 4);

	if (kind == 0x0a0d0d0a) {
		assert_int_equal(number(p + 8, 4), 0x1a2b3c4d);
		f->sections++;
	} else if (kind == 1) {
		assert_int_equal(number(p + 8, 2), 147);
		f->interfaces++;
	} else {
		struct message *m = &f->at[f->count++];
		assert_int_equal(kind, 6);
		assert_true(f->count < MESSAGES_MAX);
		*m = (struct message){
			.bytes = p + 28,
			.kept = (uint32_t)number(p + 20, 4),
			.whole = (uint32_t)number(p + 24, 4),
			.at = number(p + 12, 4) << 32 | number(p + 16, 4),
		};
		read_options(p + 28 + (m->kept + 3) / 4 * 4, p + len - 4, m);
	}
}

static struct file *read_log(const char *path)
{
	struct file *f = test_calloc(1, sizeof *f);
	struct fl_fault fault = { "" };
	size_t at = 0;

	if (fl_file_read(path, ALL_MAX, &fault, &f->all) != FL_OK)
		fail_msg("%s", fault.text);
	while (at < f->all.len) {
		const uint8_t *p = f->all.ptr + at;
		assert_true(f->all.len - at >= 12);
		size_t len = number(p + 4, 4);
		assert_true(len >= 12 && len % 4 == 0 && len <= f->all.len - at);
		assert_int_equal(number(p + len - 4, 4), len);
		read_block(p, len, f);
		at += len;
	}
	assert_int_equal(f->sections, f->interfaces);
	return f;
}

static void file_done(struct file *f)
{
	fl_buf_done(&f->all);
	test_free(f);
}

static bool holds(const struct file *f, const char *text)
{
	return memmem(f->all.ptr, f->all.len, text, strlen(text)) != NULL;
}

/* ---- a log alone ---- */

static struct fl_loop *loop;
static char dir[KIT_DIR_MAX], path[PATH_LEN], old[PATH_LEN];

static int set_up(void **state)
{
	(void)state;
	kit_dir(dir);
	snprintf(path, sizeof path, "%s/log.pcapng", dir);
	snprintf(old, sizeof old, "%s/log.pcapng.1", dir);
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < 1000 && fl_loop_poll(loop); i++)
		if (i == 500)
			fl_loop_cut(loop);
	fl_loop_free(loop);
	kit_dir_remove(dir);
	return 0;
}

static struct fl_ship_message_log *open_log(uint64_t max, bool plain)
{
	const struct fl_ship_message_log_config cfg = {
		.path = path, .max = max, .plain = plain, .ship_id = "Us-1"
	};
	struct fl_ship_message_log *g;
	struct fl_fault fault = { "" };

	if (fl_ship_message_log_new(loop, &cfg, &fault, &g) != FL_OK)
		fail_msg("%s", fault.text);
	return g;
}

static const struct fl_ski somebody = { .b = { 0xd7, 0xc3 } };

static void put(struct fl_ship_message_log *g, const char *text)
{
	fl_ship_message_log_put(g, &somebody, 7, true, fl_slice_str(text));
}

static void what_is_said_is_there(void **state)
{
	struct fl_ship_message_log *g = open_log(0, false);
	fl_wall before = fl_loop_wall(loop);
	struct stat st;

	(void)state;
	put(g, "\1{\"connectionPinInput\":[{\"pin\":\"12345678\"}]}");
	fl_ship_message_log_put(g, &somebody, 8, false, fl_slice_str("\2{\"a\":1}"));
	fl_wall after = fl_loop_wall(loop);
	fl_ship_message_log_free(g);
	fl_ship_message_log_put(NULL, &somebody, 8, false, fl_slice_str("\2{}"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	struct file *f = read_log(path);
	assert_int_equal(f->sections, 1);
	assert_int_equal(f->count, 2);
	assert_true(f->at[0].inbound && !f->at[1].inbound);
	assert_true(f->at[0].at >= (uint64_t)before && f->at[1].at <= (uint64_t)after);
	assert_string_equal(f->at[0].comment, "ski=d7c3000000000000000000000000000000000000 "
					      "direction=in connection=7");
	assert_string_equal(f->at[1].comment, "ski=d7c3000000000000000000000000000000000000 "
					      "direction=out connection=8");
	assert_memory_equal(f->at[1].bytes, "\2{\"a\":1}", 8);
	assert_true(holds(f, "{\"pin\":\"***\"}") && !holds(f, "12345678"));
	assert_true(holds(f, "SHIP messages of Us-1"));
	file_done(f);
}

static void secrets_are_there_when_they_are_wanted(void **state)
{
	struct fl_ship_message_log *g = open_log(0, true);

	(void)state;
	put(g, "\1{\"connectionPinInput\":[{\"pin\":\"12345678\"}]}");
	fl_ship_message_log_free(g);
	struct file *f = read_log(path);
	assert_true(holds(f, "12345678"));
	file_done(f);
}

static void it_goes_on_after_a_restart_and_a_crash(void **state)
{
	static const size_t cuts[] = { 1, 3, 4, 11, 12, 50 };

	(void)state;
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		unlink(path);
		struct fl_ship_message_log *g = open_log(0, false);
		put(g, "\2{\"a\":1}");
		put(g, "\2{\"a\":2}");
		fl_ship_message_log_free(g);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(truncate(path, st.st_size - (off_t)cuts[i]), 0);
		g = open_log(0, false);
		put(g, "\2{\"a\":3}");
		fl_ship_message_log_free(g);
		struct file *f = read_log(path);
		assert_int_equal(f->sections, 2);
		assert_int_equal(f->count, 2);
		assert_memory_equal(f->at[0].bytes, "\2{\"a\":1}", 8);
		assert_memory_equal(f->at[1].bytes, "\2{\"a\":3}", 8);
		file_done(f);
	}
}

static void put_bytes(const char *name, const void *bytes, size_t len)
{
	struct fl_fault fault;
	assert_ok(fl_file_write(name, 0600, fl_slice_of(bytes, len), &fault));
}

static void what_power_left_is_ours_and_other_files_are_not(void **state)
{
	static const struct {
		uint8_t bytes[40];
		size_t len;
		bool ours;
	} rows[] = {
		{ "\x0a", 1, true },
		{ "\x0a\x0d\x0d\x0a\x28\0\0\0", 8, true },
		{ "\0\0\0\0\0\0\0\0", 40, true },
		{ "\x0a\x0d\x0d\x0a\x0c\0\0\0\0\0\0\0", 12, true }, /* its other end is missing */
		{ "h", 1, false },
		{ "#!/bin/sh\n", 10, false },
		{ "\xd4\xc3\xb2\xa1", 24, false }, /* pcap of old */
	};
	const struct fl_ship_message_log_config cfg = { .path = path, .ship_id = "Us-1" };
	struct fl_ship_message_log *g;
	struct fl_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put_bytes(path, rows[i].bytes, rows[i].len);
		enum fl_err err = fl_ship_message_log_new(loop, &cfg, &fault, &g);
		assert_int_equal(err, rows[i].ours ? FL_OK : FL_ERR_INVALID);
		if (err == FL_OK) {
			put(g, "\2{\"a\":1}");
			fl_ship_message_log_free(g);
			file_done(read_log(path));
		}
	}
}

static void both_files_stay_within_the_size(void **state)
{
	static char text[200 << 10];
	struct fl_ship_message_log_stats s;
	struct fl_ship_message_log *g = open_log(FL_SHIP_MESSAGE_LOG_LEAST, true);
	struct stat st, st_old;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	for (int i = 0; i < 10; i++)
		put(g, text);
	fl_ship_message_log_stats(g, &s);
	assert_int_equal(s.lost, 0);
	fl_ship_message_log_free(g);
	assert_int_equal(stat(path, &st) + stat(old, &st_old), 0);
	assert_true(st.st_size + st_old.st_size <= FL_SHIP_MESSAGE_LOG_LEAST);
	struct file *f = read_log(path), *o = read_log(old);
	assert_int_equal(f->sections, 1);
	assert_int_equal(o->sections, 1);
	assert_int_equal(f->count + o->count, 10);
	assert_int_equal(o->count, 5);
	file_done(f);
	file_done(o);
}

static void a_long_message_is_cut(void **state)
{
	static char text[FL_PCAPNG_SNAP + 10];
	struct fl_ship_message_log *g = open_log(0, true);

	(void)state;
	memset(text, 'x', sizeof text - 1);
	put(g, text);
	fl_ship_message_log_free(g);
	struct file *f = read_log(path);
	assert_int_equal(f->at[0].kept, FL_PCAPNG_SNAP);
	assert_int_equal(f->at[0].whole, sizeof text - 1);
	file_done(f);
}

/* Nothing leaves for the disk before the tick ends. */
static void what_waits_is_bounded(void **state)
{
	static char text[100 << 10];
	struct fl_ship_message_log_stats s;
	struct fl_ship_message_log *g = open_log(64 << 20, true);

	(void)state;
	memset(text, 'x', sizeof text - 1);
	for (int i = 0; i < 100; i++)
		put(g, text);
	fl_ship_message_log_stats(g, &s);
	assert_true(s.waiting >= FL_SHIP_MESSAGE_LOG_WAITING);
	assert_true(s.waiting < FL_SHIP_MESSAGE_LOG_WAITING + (101 << 10));
	assert_int_equal(s.lost, 100 - s.waiting / (100 << 10));
	for (int i = 0; s.waiting > 0; i++) {
		fl_loop_poll(loop);
		fl_ship_message_log_stats(g, &s);
	}
	put(g, "\2{}");
	fl_ship_message_log_free(g);
	struct file *f = read_log(path);
	assert_int_equal(f->count, 100 - s.lost + 1);
	assert_int_equal(f->at[f->count - 1].lost, s.lost);
	file_done(f);
}

static void a_small_log_is_none(void **state)
{
	const struct fl_ship_message_log_config cfg = { .path = path,
							.ship_id = "Us-1",
							.max = FL_SHIP_MESSAGE_LOG_LEAST - 1 };
	struct fl_ship_message_log *g;
	struct fl_fault fault;

	(void)state;
	assert_int_equal(fl_ship_message_log_new(loop, &cfg, &fault, &g), FL_ERR_INVALID);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* ---- of a hub ---- */

/* No file may be longer than this: a disk that is full, to the byte. */
static void limit(rlim_t bytes)
{
	const struct rlimit l = { bytes, RLIM_INFINITY };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* What the log says of the writer, who has a thread of his own. */
static atomic_uint said_failing, said_again;

static void on_log(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	said_failing += memmem(line, len, "are not written down", 20) != NULL;
	said_again += memmem(line, len, "written down again", 18) != NULL;
}

static fl_wall no_clock(void *ctx)
{
	(void)ctx;
	return 0;
}

struct counted {
	const struct kit_hub *hub;
	uint64_t written, lost;
};

static bool has_counted(const struct counted *c)
{
	struct fl_ship_message_log_stats s;

	fl_ship_message_log_stats(c->hub->hub->log, &s);
	return s.written >= c->written && s.lost >= c->lost && s.waiting == 0;
}

/* The writer does not wake the loop. */
static void wait_counted(struct counted *c)
{
	const fl_wall until = fl_loop_wall(loop) + 20 * FL_SEC;

	while (!has_counted(c)) {
		assert_true(fl_loop_wall(loop) < until);
		fl_loop_poll(loop);
	}
}

static void send_number(struct kit_hub *from, const struct kit_hub *to, unsigned n)
{
	struct fl_ski ski = kit_ski(to);
	char text[64];

	snprintf(text, sizeof text, "{\"datagram\":{\"n\":%u}}", n);
	assert_ok(fl_ship_hub_send(from->hub, &ski, fl_slice_str(text), false, NULL));
}

static void a_hub_goes_on_without_a_disk(void **state)
{
	struct kit_hub *a = test_calloc(1, sizeof *a), *b = test_calloc(1, sizeof *b);
	struct counted want = { .hub = a };
	struct stat st;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	fl_log_setup(FL_LOG_INFO, FL_LOG_TEXT, on_log, no_clock, NULL);
	a->cfg.message_log = path;
	b->cfg.pin = "12345678";
	kit_start(a, loop);
	kit_start(b, loop);
	struct fl_ski ski = kit_ski(b);
	kit_pair(b, a);
	kit_introduce(a, b);
	kit_wait_count(a, FL_SHIP_EV_PIN_WANTED, 1);
	assert_ok(fl_ship_hub_pin(a->hub, &ski, "12345678", NULL));
	kit_wait_complete(a, b);
	want.written = a->hub->counts.messages_in + a->hub->counts.messages_out;
	wait_counted(&want);

	assert_int_equal(stat(path, &st), 0);
	limit((rlim_t)st.st_size + 20); /* the disk is full */
	for (unsigned n = 1; n <= 3; n++)
		send_number(a, b, n);
	kit_wait_count(b, FL_SHIP_EV_DATA, 3);
	want.lost = 3;
	wait_counted(&want);
	assert_int_equal(said_failing, 1);
	assert_int_equal(said_again, 0);
	limit(RLIM_INFINITY);
	send_number(a, b, 4);
	kit_wait_count(b, FL_SHIP_EV_DATA, 4);
	want.written++;
	wait_counted(&want);
	kit_done(a);
	kit_done(b);
	fl_log_setup(FL_LOG_ERROR, FL_LOG_TEXT, NULL, no_clock, NULL);
	assert_int_equal(said_failing, 1);
	assert_int_equal(said_again, 1);

	struct file *f = read_log(path);
	assert_int_equal(f->sections, 1);
	assert_true(holds(f, "{\"pin\":\"***\"}") && !holds(f, "12345678"));
	assert_memory_equal(f->at[0].bytes, "\0\0", 2);
	assert_true(holds(f, "connectionHello") && holds(f, "{\"n\":4}") && !holds(f, "{\"n\":2}"));
	size_t after = 0;
	for (size_t i = 0; i < f->count; i++)
		if (f->at[i].lost > 0)
			after = i;
	assert_int_equal(f->at[after].lost, 3);
	assert_non_null(memmem(f->at[after].bytes, f->at[after].kept, "{\"n\":4}", 7));
	assert_false(f->at[after].inbound);
	file_done(f);
	test_free(a);
	test_free(b);
}

static void a_hub_does_not_start_over_another_file(void **state)
{
	struct kit_hub *a = test_calloc(1, sizeof *a);
	struct fl_fault fault = { "" };
	struct fl_ship_hub_config cfg = { .state_dir = dir,
					  .listen.ip = fl_ip_v4(127, 0, 0, 1),
					  .mdns = FL_MDNS_NONE,
					  .message_log = path };

	(void)state;
	put_bytes(path, "diary", 5);
	assert_int_equal(fl_ship_hub_new(loop, &cfg, &fault, &a->hub), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "another kind of file"));
	test_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(what_is_said_is_there),
		T(secrets_are_there_when_they_are_wanted),
		T(it_goes_on_after_a_restart_and_a_crash),
		T(what_power_left_is_ours_and_other_files_are_not),
		T(both_files_stay_within_the_size),
		T(a_long_message_is_cut),
		T(what_waits_is_bounded),
		T(a_small_log_is_none),
		T(a_hub_goes_on_without_a_disk),
		T(a_hub_does_not_start_over_another_file),
#undef T
	};
	return cmocka_run_group_tests_name("services/ship_messages", tests, NULL, NULL);
}
