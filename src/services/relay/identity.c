/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/identity.c - reads or makes the certificate and builds the TLS settings. */
#include "services/relay/identity.h"

#include "base/log.h"
#include "base/text.h"
#include "crypto/cert.h"
#include "io/file.h"

#include <stdio.h>

enum { PEM_MAX = 256 << 10, DER_MAX = 4096, SELF_MADE_DAYS = 397, PATH_MAX_LEN = 4096 };
#define RENEW_BEFORE (30 * FL_DAY)

struct material {
	struct fl_buf cert, key;
	struct fl_tls_server
		*tls; /* of them; it has read the certificate, which is slow in OpenSSL */
	struct fl_cert_facts facts;
};

static enum fl_err examine(const struct fl_relay_identity_spec *spec, struct fl_fault *fault,
			   struct material *m)
{
	struct fl_fault why = { "" };

	m->tls = fl_tls_server_unref(m->tls);
	enum fl_err err =
		fl_tls_server_new(fl_buf_slice(&m->cert), fl_buf_slice(&m->key), &why, &m->tls);
	if (err == FL_OK)
		err = fl_tls_server_facts(m->tls, &m->facts);
	if (err != FL_OK)
		fl_fault_set(fault, err, "%s: %s",
			     spec->cert_path != NULL ? spec->cert_path : "the certificate",
			     why.text[0] != '\0' ? why.text : fl_err_text(err));
	return err;
}

static enum fl_err make(const struct fl_relay_identity_spec *spec, struct fl_fault *fault,
			struct material *m)
{
	fl_buf_reset(&m->cert);
	fl_buf_wipe(&m->key);
	m->key = fl_buf_make(PEM_MAX);
	enum fl_err err =
		fl_cert_self_signed(spec->host, spec->now, SELF_MADE_DAYS, &m->cert, &m->key);
	if (err != FL_OK)
		return fl_fault_set(fault, err, "cannot make a certificate for '%s': %s",
				    spec->host, fl_err_text(err));
	err = examine(spec, fault, m);
	if (err != FL_OK || spec->cert_path == NULL)
		return err;
	err = fl_file_write(spec->key_path, 0600, fl_buf_slice(&m->key), fault);
	return err == FL_OK ? fl_file_write(spec->cert_path, 0644, fl_buf_slice(&m->cert), fault)
			    : err;
}

static enum fl_err read(const struct fl_relay_identity_spec *spec, struct fl_fault *fault,
			struct material *m)
{
	if (spec->cert_path == NULL)
		return FL_ERR_NOT_FOUND;
	enum fl_err err = fl_file_read(spec->cert_path, PEM_MAX - 1, fault, &m->cert);
	return err == FL_OK ? fl_file_read(spec->key_path, PEM_MAX - 1, fault, &m->key) : err;
}

static enum fl_err keep_one(const char *path, uint32_t mode, const struct fl_buf *text,
			    struct fl_fault *fault)
{
	char old[PATH_MAX_LEN];

	if (snprintf(old, sizeof old, "%s.old", path) >= (int)sizeof old)
		return fl_fault_set(fault, FL_ERR_TOO_BIG, "%s: the name is too long", path);
	return fl_file_write(old, mode, fl_buf_slice(text), fault);
}

static void log_replaced(const struct material *m, const uint8_t old[static FL_HASH_LEN])
{
	struct fl_relay_identity was, is;
	char old_pin[FL_RELAY_PIN_TEXT_MAX], new_pin[FL_RELAY_PIN_TEXT_MAX];

	memcpy(was.pin, old, sizeof was.pin);
	memcpy(is.pin, m->facts.pin, sizeof is.pin);
	fl_relay_identity_pin(&was, old_pin);
	fl_relay_identity_pin(&is, new_pin);
	fl_log_warn("self-made certificate replaced: maps outside this program need the new pin",
		    FL_LS("old", old_pin), FL_LS("new", new_pin));
}

static enum fl_err replace(const struct fl_relay_identity_spec *spec, struct fl_fault *fault,
			   struct material *m)
{
	uint8_t old[FL_HASH_LEN];

	memcpy(old, m->facts.pin, sizeof old);
	enum fl_err err = keep_one(spec->key_path, 0600, &m->key, fault);
	if (err == FL_OK)
		err = keep_one(spec->cert_path, 0644, &m->cert, fault);
	if (err == FL_OK)
		err = make(spec, fault, m);
	if (err == FL_OK)
		log_replaced(m, old);
	return err;
}

/*
 * A certificate that this program made is replaced when it is about to end. Any other is its
 * owner's affair, a self-signed one too: its key may serve elsewhere.
 */
static enum fl_err obtain(const struct fl_relay_identity_spec *spec, struct fl_fault *fault,
			  struct material *m)
{
	enum fl_err err = read(spec, fault, m);

	if (err == FL_ERR_NOT_FOUND && spec->may_make)
		return make(spec, fault, m);
	if (err == FL_OK)
		err = examine(spec, fault, m);
	if (err == FL_OK && spec->may_make && m->facts.made_here &&
	    m->facts.not_after - spec->now <= RENEW_BEFORE)
		return replace(spec, fault, m);
	return err;
}

enum fl_err fl_relay_identity_load(const struct fl_relay_identity_spec *spec,
				   struct fl_fault *fault, struct fl_relay_identity *out)
{
	struct material m = {
		.cert = fl_buf_make(PEM_MAX),
		.key = fl_buf_make(PEM_MAX),
	};

	enum fl_err err = obtain(spec, fault, &m);
	if (err == FL_OK) {
		*out = (struct fl_relay_identity){
			.tls = fl_tls_server_ref(m.tls),
			.self_made = m.facts.self_signed,
			.not_after = m.facts.not_after,
		};
		memcpy(out->pin, m.facts.pin, sizeof out->pin);
	}
	fl_tls_server_unref(m.tls);
	fl_buf_done(&m.cert);
	fl_buf_wipe(&m.key);
	return err;
}

enum fl_err fl_relay_identity_fast_start(struct fl_relay_identity *id,
					 const uint8_t relay_public[static FL_KEY_LEN], fl_wall now)
{
	struct fl_buf der = fl_buf_make(DER_MAX);

	enum fl_err err = fl_cert_derp_meta(relay_public, now, &der);
	if (err == FL_OK)
		err = fl_tls_server_append(id->tls, fl_buf_slice(&der));
	fl_buf_done(&der);
	return err;
}

void fl_relay_identity_done(struct fl_relay_identity *id)
{
	id->tls = fl_tls_server_unref(id->tls);
}

void fl_relay_identity_pin(const struct fl_relay_identity *id,
			   char out[static FL_RELAY_PIN_TEXT_MAX])
{
	static const char word[] = "sha256-raw:";

	memcpy(out, word, sizeof word - 1);
	fl_hex_encode(id->pin, sizeof id->pin, out + sizeof word - 1);
}
