/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_ship_store.c - the state folder: kept whole, and never begun anew by itself.
 */
#include "ship_kit.h"

#include "base/text.h"
#include "crypto/prim.h"
#include "services/ship/store_impl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW (1767225600 * FL_SEC) /* 2026-01-01 */

static const struct fl_ship_identity_spec spec = {
	.brand = "Acme Inc", .model = "Box", .serial = "42", .now = NOW
};

static int setup(void **state)
{
	char *dir = test_malloc(KIT_DIR_MAX);

	kit_dir(dir);
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	kit_dir_remove(*state);
	test_free(*state);
	return 0;
}

/* ---- helpers ---- */

static struct fl_ship_store *open_ok(const char *dir)
{
	struct fl_fault fault = { "" };
	struct fl_ship_store *s = NULL;

	if (fl_ship_store_open(dir, &fault, &s) != FL_OK)
		fail_msg("%s", fault.text);
	return s;
}

static void write_file(const char *dir, const char *name, const char *text, mode_t mode)
{
	char path[KIT_DIR_MAX + 32];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void remove_file(const char *dir, const char *name)
{
	char path[KIT_DIR_MAX + 32];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static mode_t mode_of(const char *dir, const char *name)
{
	char path[KIT_DIR_MAX + 32];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static struct fl_device_record record(uint8_t n)
{
	struct fl_device_record r = { .trusted = true, .fixed_port = 4712 };

	memset(r.ski.b, n, sizeof r.ski.b);
	snprintf(r.ship_id, sizeof r.ship_id, "Device-%u", n);
	return r;
}

/* Reads the identity in the folder and says what came of it. */
static enum fl_err identity_of(const char *dir, const struct fl_ship_identity_spec *sp,
			       struct fl_ship_identity *out, struct fl_fault *fault)
{
	struct fl_ship_store *s = open_ok(dir);

	enum fl_err err = fl_ship_store_identity(s, sp, fault, out);
	fl_ship_store_close(s);
	return err;
}

/* ---- the folder ---- */

static void one_hub_at_a_time(void **state)
{
	const char *dir = *state;
	struct fl_fault fault = { "" };
	struct fl_ship_store *s = open_ok(dir), *other = NULL;

	assert_int_equal(fl_ship_store_open(dir, &fault, &other), FL_ERR_BUSY);
	assert_non_null(strstr(fault.text, dir));
	fl_ship_store_close(s);
	fl_ship_store_close(open_ok(dir));
	assert_int_equal(fl_ship_store_open("", &fault, &other), FL_ERR_INVALID);
	assert_int_equal(fl_ship_store_open("/proc/none/here", &fault, &other), FL_ERR_NOT_FOUND);
}

static void it_is_made_for_its_owner_alone(void **state)
{
	char dir[KIT_DIR_MAX + 8];
	struct fl_ship_identity id;
	struct fl_fault fault = { "" };

	snprintf(dir, sizeof dir, "%s/new", (const char *)*state);
	mode_t old = umask(0);
	assert_ok(identity_of(dir, &spec, &id, &fault));
	umask(old);
	fl_ship_identity_done(&id);
	assert_int_equal(mode_of(dir, "."), 0700);
	assert_int_equal(mode_of(dir, "identity.pem"), 0600);
	assert_int_equal(mode_of(dir, "ship_id"), 0600);
	assert_int_equal(mode_of(dir, "lock"), 0600);
	kit_dir_remove(dir);
}

/* ---- identity ---- */

static void it_stays_who_it_is(void **state)
{
	const char *dir = *state;
	struct fl_ship_identity a, b;
	struct fl_fault fault = { "" };

	assert_ok(identity_of(dir, &spec, &a, &fault));
	assert_memory_equal(a.ship_id, "AcmeInc-Box-", 12);
	assert_non_null(strstr(a.facts.subject, "Box-42"));
	assert_ok(identity_of(dir, &spec, &b, &fault));
	assert_memory_equal(&a.facts.computed, &b.facts.computed, sizeof a.facts.computed);
	assert_string_equal(a.ship_id, b.ship_id);
	struct fl_slice cert = fl_ship_identity_cert(&b);
	assert_memory_equal(cert.ptr, "-----BEGIN CERTIFICATE-----", 27);
	assert_null(memmem(cert.ptr, cert.len, "PRIVATE", 7));
	fl_ship_identity_done(&a);
	fl_ship_identity_done(&b);
}

static const char long_id[] = "1234567890123456789012345678901234567890123456789012345678901234";

static void an_id_that_is_asked_for_is_kept(void **state)
{
	const char *dir = *state;
	struct fl_ship_identity_spec asked = spec;
	struct fl_ship_identity id;
	struct fl_fault fault = { "" };
	static const char *const bad[] = { "a;b", "a\nb", "xdatagramx", long_id };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		asked.id = bad[i];
		assert_int_equal(identity_of(dir, &asked, &id, &fault), FL_ERR_INVALID);
	}
	asked.id = "Demo-EVSE-234567890";
	assert_ok(identity_of(dir, &asked, &id, &fault));
	assert_string_equal(id.ship_id, asked.id);
	fl_ship_identity_done(&id);
	asked.id = "Other";
	assert_int_equal(identity_of(dir, &asked, &id, &fault), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "Demo-EVSE-234567890"));
}

static void what_is_there_and_broken_is_an_error(void **state)
{
	const char *dir = *state;
	struct fl_ship_identity id;
	struct fl_fault fault = { "" };

	assert_ok(identity_of(dir, &spec, &id, &fault));
	char *pem = fl_str_dup(fl_buf_slice(&id.pem));
	assert_non_null(pem);
	fl_ship_identity_done(&id);

	write_file(dir, "identity.pem", "no PEM", 0600);
	assert_int_equal(identity_of(dir, &spec, &id, &fault), FL_ERR_CORRUPT);
	assert_non_null(strstr(fault.text, "identity.pem"));
	write_file(dir, "identity.pem", "", 0600);
	assert_int_equal(identity_of(dir, &spec, &id, &fault), FL_ERR_CORRUPT);
	char *key = strstr(pem, "-----BEGIN PRIVATE KEY");
	assert_non_null(key);
	*key = '\0'; /* the certificate alone */
	write_file(dir, "identity.pem", pem, 0600);
	assert_int_equal(identity_of(dir, &spec, &id, &fault), FL_ERR_CORRUPT);
	*key = '-';
	write_file(dir, "identity.pem", pem, 0640);
	assert_int_equal(identity_of(dir, &spec, &id, &fault), FL_ERR_DENIED);
	assert_non_null(strstr(fault.text, "chmod 600"));
	write_file(dir, "identity.pem", pem, 0600);
	write_file(dir, "ship_id", "\n", 0600);
	assert_int_equal(identity_of(dir, &spec, &id, &fault), FL_ERR_CORRUPT);
	free(pem);
}

static void one_that_devices_know_is_not_made_anew(void **state)
{
	const char *dir = *state;
	const struct fl_device_record r = record(1);
	struct fl_ship_store *s = open_ok(dir);
	struct fl_ship_identity id;
	struct fl_fault fault = { "" };

	assert_ok(fl_ship_store_identity(s, &spec, &fault, &id));
	fl_ship_identity_done(&id);
	assert_ok(fl_ship_store_put(s, &r, &fault));
	fl_ship_store_close(s);
	remove_file(dir, "identity.pem");
	assert_int_equal(identity_of(dir, &spec, &id, &fault), FL_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "1 devices are paired"));
	remove_file(dir, "ship_id");
	assert_int_equal(identity_of(dir, &spec, &id, &fault), FL_ERR_NOT_FOUND);
	remove_file(dir, "devices.json");
	assert_ok(identity_of(dir, &spec, &id, &fault));
	fl_ship_identity_done(&id);
}

static void one_from_elsewhere_is_put_in(void **state)
{
	const char *dir = *state;
	struct fl_ship_identity old, id;
	struct fl_fault fault = { "" };
	char other[KIT_DIR_MAX];

	kit_dir(other);
	assert_ok(identity_of(other, &spec, &old, &fault));
	struct fl_ship_store *s = open_ok(dir);
	assert_int_equal(fl_ship_store_identity_read(s, &fault, &id), FL_ERR_NOT_FOUND);
	struct fl_slice pem = fl_buf_slice(&old.pem);
	assert_int_equal(fl_ship_store_identity_put(s, pem, "a;b", false, &fault), FL_ERR_INVALID);
	assert_int_equal(
		fl_ship_store_identity_put(s, fl_ship_identity_cert(&old), "X", false, &fault),
		FL_ERR_INVALID);
	assert_ok(fl_ship_store_identity_put(s, pem, old.ship_id, false, &fault));
	assert_int_equal(fl_ship_store_identity_put(s, pem, old.ship_id, false, &fault),
			 FL_ERR_EXISTS);
	assert_ok(fl_ship_store_identity_put(s, pem, old.ship_id, true, &fault));
	assert_ok(fl_ship_store_identity_read(s, &fault, &id));
	assert_memory_equal(&id.facts.computed, &old.facts.computed, sizeof id.facts.computed);
	assert_string_equal(id.ship_id, old.ship_id);
	fl_ship_identity_done(&id);
	fl_ship_identity_done(&old);
	fl_ship_store_close(s);
	kit_dir_remove(other);
}

/* ---- devices ---- */

static void records_come_back_as_they_were(void **state)
{
	const char *dir = *state;
	struct fl_device_record r = record(7), plain = record(3);
	struct fl_ship_store *s = open_ok(dir);

	snprintf(r.name, sizeof r.name, "W\xc3\xa4rmepumpe \"<1>\"");
	snprintf(r.fixed_host, sizeof r.fixed_host, "10.0.0.7");
	snprintf(r.fixed_path, sizeof r.fixed_path, "/ship/");
	r.has_pin_sha = true;
	memset(r.key_pin, 0xa5, sizeof r.key_pin);
	plain.fixed_port = 0;
	assert_ok(fl_ship_store_put(s, &r, NULL));
	assert_ok(fl_ship_store_put(s, &plain, NULL));
	assert_int_equal(mode_of(dir, "devices.json"), 0600);
	fl_ship_store_close(s);

	s = open_ok(dir);
	assert_int_equal(fl_ship_store_count(s), 2);
	assert_memory_equal(&fl_ship_store_at(s, 0)->ski, &plain.ski, sizeof plain.ski);
	assert_null(fl_ship_store_at(s, 2));
	const struct fl_device_record *got = fl_ship_store_find(s, &r.ski);
	assert_non_null(got);
	assert_string_equal(got->name, r.name);
	assert_string_equal(got->ship_id, r.ship_id);
	assert_string_equal(got->fixed_host, r.fixed_host);
	assert_string_equal(got->fixed_path, r.fixed_path);
	assert_int_equal(got->fixed_port, 4712);
	assert_true(got->trusted && got->has_pin_sha);
	assert_memory_equal(got->key_pin, r.key_pin, sizeof r.key_pin);
	assert_ok(fl_ship_store_drop(s, &r.ski, NULL));
	assert_ok(fl_ship_store_drop(s, &r.ski, NULL));
	assert_null(fl_ship_store_find(s, &r.ski));
	fl_ship_store_close(s);
	s = open_ok(dir);
	assert_int_equal(fl_ship_store_count(s), 1);
	fl_ship_store_close(s);
}

static ino_t inode_of(const char *dir)
{
	char path[KIT_DIR_MAX + 32];
	struct stat st;

	snprintf(path, sizeof path, "%s/devices.json", dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* A new file is a new inode as long as the old one is held open. */
static void what_does_not_change_is_not_written(void **state)
{
	const char *dir = *state;
	struct fl_device_record r = record(1);
	struct fl_ship_store *s = open_ok(dir);
	char path[KIT_DIR_MAX + 32];

	assert_ok(fl_ship_store_put(s, &r, NULL));
	snprintf(path, sizeof path, "%s/devices.json", dir);
	int hold = open(path, O_RDONLY | O_CLOEXEC);
	ino_t first = inode_of(dir);
	assert_ok(fl_ship_store_put(s, &r, NULL));
	assert_true(inode_of(dir) == first);
	r.trusted = false;
	assert_ok(fl_ship_store_put(s, &r, NULL));
	assert_true(inode_of(dir) != first);
	close(hold);
	fl_ship_store_close(s);
}

static void a_write_that_fails_changes_nothing(void **state)
{
	const char *dir = *state;
	const struct fl_device_record r = record(1);
	struct fl_ship_store *s = open_ok(dir);
	struct fl_fault fault = { "" };
	char path[KIT_DIR_MAX + 32];

	snprintf(path, sizeof path, "%s/devices.json", dir);
	assert_int_equal(mkdir(path, 0700), 0); /* nothing can be renamed onto that */
	assert_int_equal(fl_ship_store_put(s, &r, &fault), FL_ERR_IO);
	assert_non_null(strstr(fault.text, path));
	assert_int_equal(fl_ship_store_count(s), 0);
	assert_int_equal(rmdir(path), 0);
	assert_ok(fl_ship_store_put(s, &r, &fault));
	fl_ship_store_close(s);
}

static void a_list_that_cannot_be_read_is_an_error(void **state)
{
	static const char ski[] = "0101010101010101010101010101010101010101";
	static const char *const rows[] = {
		"",
		"{",
		"[]",
		"{\"version\":1,\"devices\":{}}",
		"{\"version\":2,\"devices\":[]}",
		"{\"devices\":[]}",
		"{\"version\":1,\"devices\":[{\"ski\":\"01\",\"trusted\":true}]}",
		"{\"version\":1,\"devices\":[{\"trusted\":true}]}",
		"{\"version\":1,\"devices\":[{\"ski\":\"%s\",\"trusted\":1}]}",
		"{\"version\":1,\"devices\":[{\"ski\":\"%s\",\"port\":65536}]}",
		"{\"version\":1,\"devices\":[{\"ski\":\"%s\",\"keySha256\":\"12\"}]}",
		"{\"version\":1,\"devices\":[{\"ski\":\"%s\"},{\"ski\":\"%s\"}]}",
		"{\"version\":1,\"devices\":[null]}",
	};
	const char *dir = *state;
	struct fl_ship_store *s = NULL;
	struct fl_fault fault = { "" };
	char text[512];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *from = rows[i], *mark;
		struct fl_buf b = fl_buf_over(text, sizeof text);
		for (; (mark = strstr(from, "%s")) != NULL; from = mark + 2) {
			fl_buf_put(&b, from, (size_t)(mark - from));
			fl_buf_str(&b, ski);
		}
		fl_buf_str(&b, from);
		fl_buf_byte(&b, 0);
		write_file(dir, "devices.json", text, 0600);
		if (fl_ship_store_open(dir, &fault, &s) != FL_ERR_CORRUPT)
			fail_msg("%s", text);
		assert_non_null(strstr(fault.text, "devices.json"));
	}
	write_file(dir, "devices.json", "{\"version\":1,\"devices\":[],\"more\":1}", 0600);
	fl_ship_store_close(open_ok(dir));
}

/* ---- the process is killed ---- */

/* Puts record after record, in lists of all lengths, until it is killed. */
static _Noreturn void write_for_ever(const char *dir, int ready)
{
	struct fl_ship_store *s = NULL;

	if (fl_ship_store_open(dir, NULL, &s) != FL_OK)
		_exit(3);
	for (unsigned n = 0;; n++) {
		struct fl_device_record r = record((uint8_t)(n % 50));
		snprintf(r.name, sizeof r.name, "%u", n);
		enum fl_err err = n % 3 == 2 ? fl_ship_store_drop(s, &r.ski, NULL)
					     : fl_ship_store_put(s, &r, NULL);
		if (err != FL_OK || (n == 5 && write(ready, "", 1) != 1))
			_exit(4);
	}
}

static void a_kill_leaves_a_whole_list(void **state)
{
	const char *dir = *state;

	for (unsigned round = 0; round < 40; round++) {
		int ready[2], status;
		char byte;
		assert_int_equal(pipe(ready), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			write_for_ever(dir, ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		for (unsigned spin = 0; spin < round * 2000; spin++)
			__asm__ volatile(""); /* at another place each time */
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		close(ready[0]);
		close(ready[1]);
		struct fl_ship_store *s = open_ok(dir); /* the lock died with it */
		assert_true(fl_ship_store_count(s) > 0);
		for (size_t i = 0; i < fl_ship_store_count(s); i++)
			assert_memory_equal(fl_ship_store_at(s, i)->ship_id, "Device-", 7);
		fl_ship_store_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(one_hub_at_a_time),
		T(it_is_made_for_its_owner_alone),
		T(it_stays_who_it_is),
		T(an_id_that_is_asked_for_is_kept),
		T(what_is_there_and_broken_is_an_error),
		T(one_that_devices_know_is_not_made_anew),
		T(one_from_elsewhere_is_put_in),
		T(records_come_back_as_they_were),
		T(what_does_not_change_is_not_written),
		T(a_write_that_fails_changes_nothing),
		T(a_list_that_cannot_be_read_is_an_error),
		T(a_kill_leaves_a_whole_list),
#undef T
	};
	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("services/ship_store", tests, NULL, NULL);
}
