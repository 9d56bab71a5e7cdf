/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/ship_identity.c - who the hub is: shown, made, carried to another machine.
 *
 * Every paired device knows the hub by its key. So nothing here replaces one without being told to,
 * and what that costs is said before. A file of `export` is the PEM of certificate and key behind
 * one line with the SHIP ID.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/ship.h"
#include "io/file.h"
#include "services/ship/store.h"

enum {
	FILE_MAX = 64 << 10,
	MADE_MAX = 4 << 10,
	PATH_LEN = FL_CLI_PATH_MAX + 32,
	JSON_MAX = 256 << 10,
	PRICE_MAX = 160,
};

static const char id_line[] = "SHIP-ID: ";

static const struct fl_column columns[] = {
	{ "SHIP ID", "shipId", FL_COLUMN_TEXT, false },
	{ "SKI", "ski", FL_COLUMN_SKI, false },
	{ "Valid from", "notBefore", FL_COLUMN_TIME, false },
	{ "Valid until", "notAfter", FL_COLUMN_TIME, false },
};
static const struct fl_resource resource = {
	.list = "-",
	.item = "",
	.name = "ski",
	.columns = columns,
	.count = sizeof columns / sizeof *columns,
};

/* ---- what lies in the folder ---- */

static enum fl_err read_ship_id(const char *path, struct fl_fault *fault,
				struct fl_ship_identity *out)
{
	struct fl_buf text = fl_buf_make(FILE_MAX);
	enum fl_err err = fl_file_read(path, FILE_MAX, fault, &text);

	while (text.len > 0 && text.ptr[text.len - 1] <= ' ')
		text.len--;
	if (err == FL_OK && !fl_str_copy(out->ship_id, sizeof out->ship_id, fl_buf_slice(&text)))
		err = fl_fault_set(fault, FL_ERR_CORRUPT, "%s is no SHIP ID", path);
	fl_buf_done(&text);
	return err;
}

/* Without the lock, so that it works beside a hub: both files are replaced as a whole. */
static enum fl_err identity_read(const char *folder, struct fl_fault *fault,
				 struct fl_ship_identity *out)
{
	char path[PATH_LEN];

	*out = (struct fl_ship_identity){ .pem = fl_buf_make(FILE_MAX) };
	snprintf(path, sizeof path, "%s/identity.pem", folder);
	enum fl_err err = fl_file_read(path, FILE_MAX, fault, &out->pem);
	if (err == FL_OK) {
		err = fl_ship_cert_read_pem(fl_buf_slice(&out->pem), &out->facts);
		if (err != FL_OK)
			err = fl_fault_set(fault, FL_ERR_CORRUPT, "%s holds no certificate", path);
	}
	snprintf(path, sizeof path, "%s/ship_id", folder);
	if (err == FL_OK)
		err = read_ship_id(path, fault, out);
	if (err != FL_OK)
		fl_ship_identity_done(out);
	return err;
}

/* ---- show ---- */

static void write_identity(const struct fl_ship_identity *id, struct fl_jw *w)
{
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&id->facts.computed, ski);
	fl_jw_obj(w);
	fl_jw_key(w, "shipId");
	fl_jw_str(w, id->ship_id);
	fl_jw_key(w, "ski");
	fl_jw_str(w, ski);
	fl_jw_key(w, "certificate");
	fl_jw_text(w, fl_ship_identity_cert(id));
	fl_jw_key(w, "notBefore");
	fl_jw_time(w, id->facts.not_before);
	fl_jw_key(w, "notAfter");
	fl_jw_time(w, id->facts.not_after);
	fl_jw_obj_end(w);
}

static int show_own(struct fl_cli *c, const struct fl_ship_identity *id)
{
	struct fl_buf json = fl_buf_make(JSON_MAX);
	struct fl_jw w = fl_jw_make(&json);
	struct fl_answer a;

	write_identity(id, &w);
	if (!fl_ship_own_answer(c, &json, &a))
		return FL_EXIT_FAILED;
	int code = fl_ship_show(c, &resource, &a);
	fl_answer_done(&a);
	return code;
}

/* From the folder, or from the hub where the folder is not for us to read. */
static int show(struct fl_cli *c, const char *folder)
{
	struct fl_fault fault = { "" };
	struct fl_ship_identity id;
	struct fl_answer a;

	if (identity_read(folder, &fault, &id) == FL_OK) {
		int code = show_own(c, &id);
		fl_ship_identity_done(&id);
		return code;
	}
	if (access(c->socket, F_OK) != 0)
		return fl_cli_fail(c, FL_EXIT_NOT_FOUND,
				   "The first `fairlead ship run` makes one; or name the folder "
				   "with --state-dir.",
				   "no identity: %s", fault.text);
	int code = fl_cli_get(c, FL_SHIP_API "identity", &a);
	if (code == FL_EXIT_DONE)
		code = fl_ship_show(c, &resource, &a);
	fl_answer_done(&a);
	return code;
}

/* ---- export ---- */

/* Never over a file that is there: it may be the only copy of another identity. */
static int write_new(struct fl_cli *c, const char *path, const struct fl_buf *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t done = 0;
	ssize_t n = 0;

	if (fd < 0 && errno == EEXIST)
		return fl_cli_fail(c, FL_EXIT_CONFLICT, "Name a new file.", "%s is there already",
				   path);
	if (fd < 0)
		return fl_cli_fail(c, FL_EXIT_FAILED, "Name a file in a folder that is yours.",
				   "%s cannot be made: %s", path, strerror(errno));
	while (done < text->len && (n = write(fd, text->ptr + done, text->len - done)) > 0)
		done += (size_t)n;
	bool ok = done == text->len && fsync(fd) == 0;
	ok = close(fd) == 0 && ok;
	if (ok)
		return FL_EXIT_DONE;
	unlink(path);
	return fl_cli_fail(c, FL_EXIT_FAILED, "Is the disk full?", "%s cannot be written", path);
}

static int export(struct fl_cli *c, const char *folder, const char *path)
{
	struct fl_buf text = fl_buf_make(FILE_MAX);
	struct fl_fault fault = { "" };
	struct fl_ship_identity id;

	enum fl_err err = identity_read(folder, &fault, &id);
	if (err != FL_OK)
		return fl_cli_fail(c, fl_cli_exit_of(err), "Name the folder with --state-dir.",
				   "%s", fault.text);
	/* At once: what a growing buffer leaves behind is not wiped. */
	if (fl_buf_reserve(&text, id.pem.len + FL_SHIP_ID_MAX + sizeof id_line) == FL_OK) {
		fl_buf_printf(&text, "%s%s\n", id_line, id.ship_id);
		fl_buf_put(&text, id.pem.ptr, id.pem.len);
	}
	int code = fl_buf_err(&text) == FL_OK
			   ? write_new(c, path, &text)
			   : fl_cli_fail(c, FL_EXIT_FAILED, NULL, "the identity is too long");
	if (code == FL_EXIT_DONE)
		fl_cli_say(c,
			   "%s holds the private key: keep it like a password. Whoever has it is "
			   "this hub to every paired device.",
			   path);
	fl_buf_wipe(&text);
	fl_ship_identity_done(&id);
	return code;
}

/* ---- what replaces one ---- */

static size_t trusted_count(const struct fl_ship_store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < fl_ship_store_count(s); i++)
		n += fl_ship_store_at(s, i)->trusted;
	return n;
}

/* What it costs the trusted devices; "" where there are none. */
static void price(size_t trusted, char out[static PRICE_MAX])
{
	out[0] = '\0';
	if (trusted > 0)
		snprintf(out, PRICE_MAX,
			 "; %zu trusted device%s: each has to be paired again, on its own side too",
			 trusted, trusted == 1 ? " knows it" : "s know it");
}

/*
 * May the identity `now` (NULL: none) become the one with `ski` (NULL: a new one)? Says what it
 * would cost where it may not.
 */
static int may_replace(struct fl_cli *c, const struct fl_ship_store *s,
		       const struct fl_ship_identity *now, const struct fl_ski *ski)
{
	size_t trusted = trusted_count(s);
	char text[PRICE_MAX];

	if (now == NULL || (ski != NULL && fl_ski_cmp(&now->facts.computed, ski) == 0))
		return FL_EXIT_DONE;
	price(trusted, text);
	if (!fl_args_on(&c->args, "new-identity"))
		return fl_cli_fail(
			c, trusted > 0 ? FL_EXIT_REFUSED : FL_EXIT_CONFLICT,
			"To replace it all the same: --new-identity. Export the old one before.",
			"the hub has another identity%s", text);
	return fl_cli_confirm(c, "Replace the identity of the hub%s?", text);
}

/* What a command on the folder needs. Nothing is open on failure. */
struct opened {
	struct fl_ship_store *store;
	struct fl_ship_identity now;
	bool has;
};

static int open_store(struct fl_cli *c, const char *folder, struct opened *o)
{
	struct fl_fault fault = { "" };

	*o = (struct opened){ 0 };
	enum fl_err err = fl_ship_store_open(folder, &fault, &o->store);
	if (err == FL_ERR_BUSY)
		return fl_cli_fail(c, FL_EXIT_CONFLICT, "Stop it first: its identity changes.",
				   "a hub runs on %s", folder);
	if (err != FL_OK)
		return fl_cli_fail(c, fl_cli_exit_of(err), NULL, "%s", fault.text);
	err = fl_ship_store_identity_read(o->store, &fault, &o->now);
	o->has = err == FL_OK;
	if (err == FL_OK || err == FL_ERR_NOT_FOUND)
		return FL_EXIT_DONE;
	o->store = fl_ship_store_close(o->store);
	return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "%s", fault.text);
}

static void close_store(struct opened *o)
{
	if (o->has)
		fl_ship_identity_done(&o->now);
	o->store = fl_ship_store_close(o->store);
}

/* ---- new ---- */

static fl_wall wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * FL_SEC + now.tv_nsec;
}

/* A new key under the SHIP ID that the hub has. */
static enum fl_err replace_key(struct fl_cli *c, struct opened *o,
			       const struct fl_ship_identity_spec *spec, struct fl_fault *fault)
{
	struct fl_buf pem = fl_buf_make(FILE_MAX), key = fl_buf_make(FILE_MAX);
	const char *id = fl_args_text(&c->args, "id");
	const struct fl_ship_cert_params params = {
		.common_name = id != NULL ? id : o->now.ship_id,
		.organisation = spec->brand[0] != '\0' ? spec->brand : NULL,
		.now = spec->now,
	};

	enum fl_err err = fl_buf_reserve(&pem, MADE_MAX); /* before a secret comes in */
	if (err == FL_OK)
		err = fl_buf_reserve(&key, MADE_MAX);
	if (err == FL_OK)
		err = fl_ship_cert_create(&params, &pem, &key);
	fl_buf_put(&pem, key.ptr, key.len);
	if (err == FL_OK)
		err = fl_buf_err(&pem);
	if (err == FL_OK)
		err = fl_ship_store_identity_put(o->store, fl_buf_slice(&pem), params.common_name,
						 true, fault);
	fl_buf_wipe(&pem);
	fl_buf_wipe(&key);
	return err;
}

static int make(struct fl_cli *c, const char *folder)
{
	const struct fl_ship_identity_spec spec = {
		.id = fl_ship_flag_or(c, "id", c->config->ship.id),
		.brand = fl_ship_flag_or(c, "brand", c->config->ship.brand),
		.model = fl_ship_flag_or(c, "model", c->config->ship.model),
		.serial = fl_ship_flag_or(c, "serial", c->config->ship.serial),
		.now = wall_now(),
	};
	struct fl_fault fault = { "" };
	struct fl_ship_identity made;
	struct opened o;

	int code = open_store(c, folder, &o);
	if (code != FL_EXIT_DONE)
		return code;
	code = may_replace(c, o.store, o.has ? &o.now : NULL, NULL);
	if (code == FL_EXIT_DONE) {
		enum fl_err err = o.has ? replace_key(c, &o, &spec, &fault)
					: fl_ship_store_identity(o.store, &spec, &fault, &made);
		if (err == FL_OK && !o.has)
			fl_ship_identity_done(&made);
		if (err != FL_OK)
			code = fl_cli_fail(c, fl_cli_exit_of(err), NULL, "%s",
					   fault.text[0] != '\0' ? fault.text : fl_err_text(err));
	}
	close_store(&o);
	return code == FL_EXIT_DONE ? show(c, folder) : code;
}

/* ---- import ---- */

/* The SHIP ID: as told, else of the first line. */
static int find_id(struct fl_cli *c, const struct fl_buf *text, char out[static FL_SHIP_ID_MAX + 1])
{
	const char *given = fl_args_text(&c->args, "id");
	struct fl_slice id = fl_slice_of(NULL, 0);

	if (given != NULL) {
		id = fl_slice_str(given);
	} else if (text->len > sizeof id_line - 1 &&
		   memcmp(text->ptr, id_line, sizeof id_line - 1) == 0) {
		id = fl_slice_skip(fl_buf_slice(text), sizeof id_line - 1);
		const uint8_t *end = memchr(id.ptr, '\n', id.len);
		if (end != NULL)
			id.len = (size_t)(end - id.ptr);
	}
	if (id.len > 0 && fl_str_copy(out, FL_SHIP_ID_MAX + 1, id))
		return FL_EXIT_DONE;
	return fl_cli_fail(c, FL_EXIT_USAGE, "Give it with --id, as devices know it.",
			   "the file names no SHIP ID (of at most 63 bytes)");
}

static int put(struct fl_cli *c, const char *folder, const struct fl_buf *text, const char *ship_id)
{
	struct fl_ship_cert_facts facts;
	struct fl_fault fault = { "" };
	struct opened o;

	if (fl_ship_cert_read_pem(fl_buf_slice(text), &facts) != FL_OK)
		return fl_cli_fail(c, FL_EXIT_REFUSED, "It is what `ship identity export` writes.",
				   "the file holds no certificate with its key");
	int code = open_store(c, folder, &o);
	if (code != FL_EXIT_DONE)
		return code;
	code = may_replace(c, o.store, o.has ? &o.now : NULL, &facts.computed);
	if (code == FL_EXIT_DONE) {
		enum fl_err err = fl_ship_store_identity_put(o.store, fl_buf_slice(text), ship_id,
							     o.has, &fault);
		if (err != FL_OK)
			code = fl_cli_fail(c, fl_cli_exit_of(err), NULL, "%s",
					   fault.text[0] != '\0' ? fault.text : fl_err_text(err));
	}
	close_store(&o);
	return code;
}

static int import(struct fl_cli *c, const char *folder, const char *path)
{
	struct fl_buf text = fl_buf_make(FILE_MAX);
	char ship_id[FL_SHIP_ID_MAX + 1];
	struct fl_fault fault = { "" };
	int code = FL_EXIT_DONE;

	if (fl_file_read(path, FILE_MAX, &fault, &text) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_USAGE, NULL, "%s", fault.text);
	if (code == FL_EXIT_DONE)
		code = find_id(c, &text, ship_id);
	if (code == FL_EXIT_DONE)
		code = put(c, folder, &text, ship_id);
	fl_buf_wipe(&text);
	return code == FL_EXIT_DONE ? show(c, folder) : code;
}

/* ---- which ---- */

int fl_cmd_ship_identity(struct fl_cli *c)
{
	const char *verb = c->args.words > 0 ? c->args.word[0] : "show";
	const char *file = c->args.words > 1 ? c->args.word[1] : NULL;
	bool moves = strcmp(verb, "export") == 0 || strcmp(verb, "import") == 0;
	char folder[FL_CLI_PATH_MAX];

	int code = fl_cli_config(c);
	if (code != FL_EXIT_DONE)
		return code;
	if (!fl_ship_folder(c, folder))
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL, "the state folder's name is too long");
	if (moves && file == NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead help ship identity",
				   "which file?");
	if (!moves && file != NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead help ship identity",
				   "unexpected argument '%s'", file);
	if (strcmp(verb, "show") == 0)
		return show(c, folder);
	if (strcmp(verb, "new") == 0)
		return make(c, folder);
	if (strcmp(verb, "export") == 0)
		return export(c, folder, file);
	if (strcmp(verb, "import") == 0)
		return import(c, folder, file);
	return fl_cli_fail(c, FL_EXIT_USAGE, "It is one of new, show, export FILE and import FILE.",
			   "unknown command ship identity %s", verb);
}
