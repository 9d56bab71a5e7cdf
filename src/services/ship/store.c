/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/store.c - the state folder: its lock, and the records of devices in it. */
#include "services/ship/store_impl.h"

#include "base/text.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum {
	RECORD_TEXT_MAX = 4096, /* every byte of every text escaped */
	FILE_MAX = FL_DEVICES_PEERS_MAX * RECORD_TEXT_MAX,
};

static const char devices_name[] = "devices.json";

void fl_ship_store_path(const struct fl_ship_store *s, const char *name,
			char out[static FL_SHIP_STORE_PATH_MAX])
{
	snprintf(out, FL_SHIP_STORE_PATH_MAX, "%s/%s", s->dir, name);
}

/* ---- the lock ---- */

static enum fl_err take_lock(struct fl_ship_store *s, struct fl_fault *fault)
{
	char path[FL_SHIP_STORE_PATH_MAX];

	fl_ship_store_path(s, "lock", path);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return fl_fault_set(fault,
				    errno == EACCES || errno == EROFS ? FL_ERR_DENIED : FL_ERR_IO,
				    "cannot open %s: %s; the state folder has to be writable", path,
				    strerror(errno));
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return FL_OK;
	if (errno == EWOULDBLOCK)
		return fl_fault_set(
			fault, FL_ERR_BUSY,
			"%s is in use by another hub; stop that one or name another folder",
			s->dir);
	return fl_fault_set(fault, FL_ERR_IO, "cannot lock %s: %s", path, strerror(errno));
}

/* ---- reading ---- */

static enum fl_err read_records(struct fl_ship_store *s, struct fl_fault *fault)
{
	char path[FL_SHIP_STORE_PATH_MAX];
	struct fl_buf text = fl_buf_make(FILE_MAX);

	fl_ship_store_path(s, devices_name, path);
	enum fl_err err = fl_file_read(path, FILE_MAX, fault, &text);
	if (err == FL_ERR_NOT_FOUND)
		return FL_OK;
	if (err != FL_OK)
		return err;
	err = fl_ship_records_decode(fl_buf_slice(&text), &s->records);
	fl_buf_done(&text);
	if (err == FL_OK || err == FL_ERR_NOMEM)
		return err;
	return fl_fault_set(
		fault, FL_ERR_CORRUPT,
		"%s cannot be read: %s; put back a copy of it, or move it away to pair all "
		"devices anew",
		path, fl_err_text(err));
}

/* ---- life ---- */

static enum fl_err open_all(struct fl_ship_store *s, struct fl_fault *fault)
{
	enum fl_err err = fl_dir_make(s->dir, 0700, fault);

	if (err == FL_OK)
		err = take_lock(s, fault);
	if (err == FL_OK)
		err = read_records(s, fault);
	return err;
}

enum fl_err fl_ship_store_open(const char *dir, struct fl_fault *fault, struct fl_ship_store **out)
{
	struct fl_ship_store *s = calloc(1, sizeof *s);
	if (s == NULL)
		return FL_ERR_NOMEM;

	s->lock = -1;
	if (!fl_str_copy(s->dir, sizeof s->dir, fl_slice_str(dir)) || s->dir[0] == '\0') {
		fl_ship_store_close(s);
		return fl_fault_set(fault, FL_ERR_INVALID, "the name of the state folder is %s",
				    dir == NULL || dir[0] == '\0' ? "empty" : "too long");
	}
	enum fl_err err = open_all(s, fault);
	if (err != FL_OK) {
		fl_ship_store_close(s);
		return err;
	}
	*out = s;
	return FL_OK;
}

struct fl_ship_store *fl_ship_store_close(struct fl_ship_store *s)
{
	if (s == NULL)
		return NULL;
	if (s->lock >= 0)
		close(s->lock);
	fl_ship_records_done(&s->records);
	free(s);
	return NULL;
}

/* ---- devices ---- */

size_t fl_ship_store_count(const struct fl_ship_store *s)
{
	return s->records.len;
}

const struct fl_device_record *fl_ship_store_at(const struct fl_ship_store *s, size_t i)
{
	return i < s->records.len ? &s->records.at[i] : NULL;
}

const struct fl_device_record *fl_ship_store_find(const struct fl_ship_store *s,
						  const struct fl_ski *ski)
{
	size_t at;
	return fl_ship_records_search(&s->records, ski, &at) ? &s->records.at[at] : NULL;
}

static bool same(const struct fl_device_record *a, const struct fl_device_record *b)
{
	return a->trusted == b->trusted && strcmp(a->ship_id, b->ship_id) == 0 &&
	       strcmp(a->name, b->name) == 0 && a->has_pin_sha == b->has_pin_sha &&
	       (!a->has_pin_sha || memcmp(a->key_pin, b->key_pin, sizeof a->key_pin) == 0) &&
	       strcmp(a->fixed_host, b->fixed_host) == 0 && a->fixed_port == b->fixed_port &&
	       strcmp(a->fixed_path, b->fixed_path) == 0;
}

static enum fl_err write_records(const struct fl_ship_store *s, const struct fl_ship_records *r,
				 struct fl_fault *fault)
{
	char path[FL_SHIP_STORE_PATH_MAX];
	struct fl_buf text = fl_buf_make(FILE_MAX);

	fl_ship_store_path(s, devices_name, path);
	enum fl_err err = fl_ship_records_encode(r, &text);
	if (err == FL_OK)
		err = fl_file_write(path, 0600, fl_buf_slice(&text), fault);
	fl_buf_done(&text);
	return err;
}

/* Writes the list with `with` (NULL: nothing) in place of `drop` records at `at`, then has it. */
static enum fl_err change(struct fl_ship_store *s, size_t at, size_t drop,
			  const struct fl_device_record *with, struct fl_fault *fault)
{
	size_t add = with != NULL ? 1 : 0;
	struct fl_ship_records old = s->records, fresh = { .len = old.len - drop + add };

	fresh.at = calloc(fresh.len > 0 ? fresh.len : 1, sizeof *fresh.at);
	if (fresh.at == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < at; i++)
		fresh.at[i] = old.at[i];
	if (with != NULL)
		fresh.at[at] = *with;
	for (size_t i = at + drop; i < old.len; i++)
		fresh.at[i - drop + add] = old.at[i];
	enum fl_err err = write_records(s, &fresh, fault);
	if (err == FL_OK)
		s->records = fresh;
	fl_ship_records_done(err == FL_OK ? &old : &fresh);
	return err;
}

enum fl_err fl_ship_store_put(struct fl_ship_store *s, const struct fl_device_record *r,
			      struct fl_fault *fault)
{
	size_t at;
	bool there = fl_ship_records_search(&s->records, &r->ski, &at);

	if (there && same(&s->records.at[at], r))
		return FL_OK;
	if (!there && s->records.len >= FL_DEVICES_PEERS_MAX)
		return fl_fault_set(fault, FL_ERR_FULL,
				    "%d devices are known already; unpair some of them",
				    FL_DEVICES_PEERS_MAX);
	return change(s, at, there ? 1 : 0, r, fault);
}

enum fl_err fl_ship_store_drop(struct fl_ship_store *s, const struct fl_ski *ski,
			       struct fl_fault *fault)
{
	size_t at;

	if (!fl_ship_records_search(&s->records, ski, &at))
		return FL_OK;
	return change(s, at, 1, NULL, fault);
}
