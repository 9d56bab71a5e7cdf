/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/store_identity.c - who the hub is: certificate, key and SHIP ID in the state
 * folder.
 */
#include "services/ship/store_impl.h"

#include "base/text.h"
#include "crypto/prim.h"
#include "io/file.h"
#include "io/tls_peer.h"
#include "wire/ship/message.h"

#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

enum {
	PEM_MAX = 64 << 10,
	MADE_MAX = 4 << 10,
	ID_FILE_MAX = 256,
	ID_RANDOM = 8,
	NAME_MAX_LEN = 64
};

static const char identity_name[] = "identity.pem", id_name[] = "ship_id";

/* ---- SHIP ID ---- */

/* ";" ends fields of the QR text. */
static bool id_ok(struct fl_slice id)
{
	return fl_ship_id_ok(id) && memchr(id.ptr, ';', id.len) == NULL &&
	       memchr(id.ptr, '\t', id.len) == NULL;
}

static enum fl_err bad_id(struct fl_fault *fault, const char *where)
{
	return fl_fault_set(
		fault, FL_ERR_INVALID,
		"%s: not a SHIP ID; it has 1 to %d bytes of plain text, no semicolon and "
		"not the word datagram",
		where, FL_SHIP_ID_MAX);
}

static enum fl_err read_id(const struct fl_ship_store *s, struct fl_fault *fault,
			   char out[static FL_SHIP_ID_MAX + 1])
{
	char path[FL_SHIP_STORE_PATH_MAX];
	struct fl_buf b = fl_buf_make(ID_FILE_MAX);

	fl_ship_store_path(s, id_name, path);
	enum fl_err err = fl_file_read(path, ID_FILE_MAX, fault, &b);
	if (err == FL_OK) {
		struct fl_slice id = fl_slice_trim(fl_buf_slice(&b));
		if (!id_ok(id)) {
			(void)!bad_id(fault, path);
			err = FL_ERR_CORRUPT;
		} else {
			fl_str_copy(out, FL_SHIP_ID_MAX + 1, id);
		}
	}
	fl_buf_done(&b);
	return err;
}

static enum fl_err write_id(const struct fl_ship_store *s, const char *id, struct fl_fault *fault)
{
	char path[FL_SHIP_STORE_PATH_MAX], mem[FL_SHIP_ID_MAX + 2];
	struct fl_buf b = fl_buf_over(mem, sizeof mem);

	fl_ship_store_path(s, id_name, path);
	fl_buf_str(&b, id);
	fl_buf_byte(&b, '\n');
	return fl_file_write(path, 0600, fl_buf_slice(&b), fault);
}

/* Letters, digits and dashes of a name, so that the ID can stand in a host name too. */
static void put_word(struct fl_buf *b, const char *name)
{
	for (size_t i = 0; name != NULL && name[i] != '\0' && i < 16; i++) {
		char c = name[i];
		bool plain =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (plain)
			fl_buf_byte(b, (uint8_t)c);
	}
}

static enum fl_err make_id(const struct fl_ship_identity_spec *spec,
			   char out[static FL_SHIP_ID_MAX + 1])
{
	uint8_t random[ID_RANDOM];
	struct fl_buf b = fl_buf_over(out, FL_SHIP_ID_MAX + 1);

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return FL_ERR_IO;
	put_word(&b, spec->brand);
	if (b.len == 0)
		fl_buf_str(&b, "Fairlead");
	size_t brand = b.len;
	fl_buf_byte(&b, '-');
	put_word(&b, spec->model);
	if (b.len > brand + 1)
		fl_buf_byte(&b, '-');
	fl_buf_hex(&b, random, sizeof random);
	fl_buf_byte(&b, 0);
	return fl_buf_err(&b);
}

/* ---- certificate and key ---- */

/* What is of no use to peers is of none to us: they compute the SKI from the key. */
static enum fl_err examine(struct fl_slice pem, struct fl_fault *fault,
			   struct fl_ship_cert_facts *out)
{
	const struct fl_tls_peer_config cfg = { .cert_pem = pem, .key_pem = pem };
	struct fl_tls_peer *tls = NULL;

	enum fl_err err = pem.len > 0 ? fl_ship_cert_read_pem(pem, out) : FL_ERR_SYNTAX;
	if (err != FL_OK)
		return fl_fault_set(fault, err, "no certificate with a key on an elliptic curve");
	err = fl_ship_cert_judge(out, NULL, fault);
	if (err == FL_OK)
		err = fl_tls_peer_new(&cfg, fault, &tls);
	fl_tls_peer_unref(tls);
	return err;
}

static enum fl_err check_mode(const char *path, struct fl_fault *fault)
{
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & 077) == 0)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_DENIED,
			    "%s: others may read this private key; run: chmod 600 %s", path, path);
}

static enum fl_err read_pem(const struct fl_ship_store *s, struct fl_fault *fault,
			    struct fl_ship_identity *id)
{
	char path[FL_SHIP_STORE_PATH_MAX];
	struct fl_fault why = { "" };

	fl_ship_store_path(s, identity_name, path);
	enum fl_err err = fl_file_read(path, PEM_MAX, fault, &id->pem);
	if (err != FL_OK)
		return err;
	err = check_mode(path, fault);
	if (err != FL_OK)
		return err;
	err = examine(fl_buf_slice(&id->pem), &why, &id->facts);
	if (err == FL_OK || err == FL_ERR_NOMEM)
		return err;
	return fl_fault_set(
		fault, FL_ERR_CORRUPT,
		"%s cannot be used: %.200s; put back a copy of it: paired devices know this "
		"hub by it",
		path, why.text);
}

static enum fl_err write_pem(const struct fl_ship_store *s, struct fl_slice pem,
			     struct fl_fault *fault)
{
	char path[FL_SHIP_STORE_PATH_MAX];

	fl_ship_store_path(s, identity_name, path);
	return fl_file_write(path, 0600, pem, fault);
}

static void common_name(const struct fl_ship_identity_spec *spec, const char *id,
			char out[static NAME_MAX_LEN + 1])
{
	bool has_model = spec->model != NULL && spec->model[0] != '\0';
	bool has_serial = spec->serial != NULL && spec->serial[0] != '\0';

	if (has_model && has_serial)
		snprintf(out, NAME_MAX_LEN + 1, "%.31s-%.31s", spec->model, spec->serial);
	else
		snprintf(out, NAME_MAX_LEN + 1, "%s", id);
}

static enum fl_err make_pem(const struct fl_ship_identity_spec *spec, const char *id,
			    struct fl_buf *out)
{
	char name[NAME_MAX_LEN + 1];
	struct fl_ship_cert_params params = { .common_name = name, .now = spec->now };
	struct fl_buf key = fl_buf_make(PEM_MAX);

	common_name(spec, id, name);
	if (spec->brand != NULL && spec->brand[0] != '\0')
		params.organisation = spec->brand;
	enum fl_err err = fl_buf_reserve(out, MADE_MAX); /* before a secret comes in */
	if (err == FL_OK)
		err = fl_buf_reserve(&key, MADE_MAX);
	if (err == FL_OK)
		err = fl_ship_cert_create(&params, out, &key);
	if (err == FL_OK) {
		fl_buf_put(out, key.ptr, key.len);
		err = fl_buf_err(out);
	}
	fl_buf_wipe(&key);
	return err;
}

/* ---- all of it ---- */

static enum fl_err make_identity(const struct fl_ship_store *s,
				 const struct fl_ship_identity_spec *spec, struct fl_fault *fault,
				 struct fl_ship_identity *id)
{
	enum fl_err err = make_pem(spec, id->ship_id, &id->pem);
	if (err == FL_OK)
		err = examine(fl_buf_slice(&id->pem), fault, &id->facts);
	if (err != FL_OK)
		return fl_fault_set(fault, err, "cannot make a certificate: %s", fl_err_text(err));
	return write_pem(s, fl_buf_slice(&id->pem), fault);
}

static enum fl_err gone(const struct fl_ship_store *s, const char *name, struct fl_fault *fault)
{
	return fl_fault_set(
		fault, FL_ERR_NOT_FOUND,
		"%.300s/%s is gone, but %zu devices are paired with it; put back a copy, or "
		"move devices.json away to pair all anew",
		s->dir, name, s->records.len);
}

/* The ID that is asked for, the one that is kept, or a new one. `*out_new`: to be written. */
static enum fl_err settle_id(const struct fl_ship_store *s,
			     const struct fl_ship_identity_spec *spec, struct fl_fault *fault,
			     struct fl_ship_identity *id, bool *out_new)
{
	bool asked = spec->id != NULL && spec->id[0] != '\0';
	enum fl_err err = read_id(s, fault, id->ship_id);

	*out_new = err == FL_ERR_NOT_FOUND;
	if (err == FL_OK && asked && strcmp(spec->id, id->ship_id) != 0)
		return fl_fault_set(
			fault, FL_ERR_INVALID,
			"the SHIP ID is %s and not %.63s: devices refuse a hub whose ID "
			"changed; to change it all the same edit %.200s/%s",
			id->ship_id, spec->id, s->dir, id_name);
	if (err != FL_ERR_NOT_FOUND)
		return err;
	if (!asked)
		return s->records.len > 0 ? gone(s, id_name, fault) : make_id(spec, id->ship_id);
	if (!id_ok(fl_slice_str(spec->id)))
		return bad_id(fault, "the SHIP ID of the settings");
	fl_str_copy(id->ship_id, sizeof id->ship_id, fl_slice_str(spec->id));
	return FL_OK;
}

static enum fl_err obtain(struct fl_ship_store *s, const struct fl_ship_identity_spec *spec,
			  struct fl_fault *fault, struct fl_ship_identity *id)
{
	bool is_new;
	enum fl_err err = settle_id(s, spec, fault, id, &is_new);
	if (err != FL_OK)
		return err;
	err = read_pem(s, fault, id);
	if (err == FL_ERR_NOT_FOUND)
		err = s->records.len > 0 ? gone(s, identity_name, fault)
					 : make_identity(s, spec, fault, id);
	if (err == FL_OK && is_new)
		err = write_id(s, id->ship_id, fault);
	return err;
}

static enum fl_err conclude(enum fl_err err, struct fl_ship_identity *id,
			    struct fl_ship_identity *out)
{
	if (err == FL_OK)
		*out = *id;
	else
		fl_ship_identity_done(id);
	return err;
}

enum fl_err fl_ship_store_identity(struct fl_ship_store *s,
				   const struct fl_ship_identity_spec *spec, struct fl_fault *fault,
				   struct fl_ship_identity *out)
{
	struct fl_ship_identity id = { .pem = fl_buf_make(PEM_MAX) };
	return conclude(obtain(s, spec, fault, &id), &id, out);
}

enum fl_err fl_ship_store_identity_read(struct fl_ship_store *s, struct fl_fault *fault,
					struct fl_ship_identity *out)
{
	struct fl_ship_identity id = { .pem = fl_buf_make(PEM_MAX) };

	enum fl_err err = read_pem(s, fault, &id);
	if (err == FL_OK)
		err = read_id(s, fault, id.ship_id);
	return conclude(err, &id, out);
}

enum fl_err fl_ship_store_identity_put(struct fl_ship_store *s, struct fl_slice pem,
				       const char *ship_id, bool replace, struct fl_fault *fault)
{
	char path[FL_SHIP_STORE_PATH_MAX];
	struct fl_ship_cert_facts facts;
	struct stat st;

	fl_ship_store_path(s, identity_name, path);
	if (!replace && stat(path, &st) == 0)
		return fl_fault_set(
			fault, FL_ERR_EXISTS,
			"%s is there: devices paired with it would not know the new one", path);
	if (ship_id == NULL || !id_ok(fl_slice_str(ship_id)))
		return bad_id(fault, "the SHIP ID of the new identity");
	enum fl_err err = examine(pem, fault, &facts);
	if (err != FL_OK)
		return err == FL_ERR_NOMEM ? err : FL_ERR_INVALID;
	err = write_pem(s, pem, fault);
	return err == FL_OK ? write_id(s, ship_id, fault) : err;
}

void fl_ship_identity_done(struct fl_ship_identity *id)
{
	fl_buf_wipe(&id->pem);
}

struct fl_slice fl_ship_identity_cert(const struct fl_ship_identity *id)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----",
			  end[] = "-----END CERTIFICATE-----\n";
	struct fl_slice pem = fl_buf_slice(&id->pem);

	const uint8_t *from = memmem(pem.ptr, pem.len, begin, sizeof begin - 1);
	if (from == NULL)
		return fl_slice_of(NULL, 0);
	pem = fl_slice_skip(pem, (size_t)(from - pem.ptr));
	const uint8_t *to = memmem(pem.ptr, pem.len, end, sizeof end - 1);
	return to == NULL ? pem : fl_slice_of(pem.ptr, (size_t)(to - pem.ptr) + sizeof end - 1);
}
