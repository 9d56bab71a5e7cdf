/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/identity.c - reads or makes the certificate and builds the TLS settings. */
#include "services/relay/identity.h"

#include "base/text.h"
#include "crypto/cert.h"
#include "io/file.h"

enum { PEM_MAX = 256 << 10, SELF_MADE_DAYS = 397 };
#define RENEW_BEFORE (30 * FL_DAY)

struct material {
	struct fl_buf cert, key;
	bool made;
};

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
	m->made = true;
	if (spec->cert_path == NULL)
		return FL_OK;
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

/* A self-made certificate that is about to end is replaced; a bought one is its owner's affair. */
static enum fl_err obtain(const struct fl_relay_identity_spec *spec, struct fl_fault *fault,
			  struct material *m)
{
	fl_wall end;
	enum fl_err err = read(spec, fault, m);

	if (err == FL_ERR_NOT_FOUND && spec->may_make)
		return make(spec, fault, m);
	if (err != FL_OK)
		return err;
	m->made = fl_cert_is_self_signed(fl_buf_slice(&m->cert));
	if (spec->may_make && m->made && fl_cert_not_after(fl_buf_slice(&m->cert), &end) == FL_OK &&
	    end - spec->now <= RENEW_BEFORE)
		return make(spec, fault, m);
	return FL_OK;
}

static enum fl_err build(const struct fl_relay_identity_spec *spec, const struct material *m,
			 struct fl_fault *fault, struct fl_relay_identity *out)
{
	struct fl_relay_identity id = { .self_made = m->made };
	struct fl_buf meta = fl_buf_make(PEM_MAX);

	enum fl_err err = fl_cert_derp_meta(spec->relay_public, spec->now, &meta);
	if (err == FL_OK)
		err = fl_cert_pin(fl_buf_slice(&m->cert), id.pin);
	if (err == FL_OK)
		err = fl_cert_not_after(fl_buf_slice(&m->cert), &id.not_after);
	if (err != FL_OK)
		fl_fault_set(fault, err, "%s holds no certificate in PEM form",
			     spec->cert_path != NULL ? spec->cert_path : "the certificate");
	else
		err = fl_tls_server_new(fl_buf_slice(&m->cert), fl_buf_slice(&m->key),
					fl_buf_slice(&meta), fault, &id.tls);
	fl_buf_done(&meta);
	if (err == FL_OK)
		*out = id;
	return err;
}

enum fl_err fl_relay_identity_load(const struct fl_relay_identity_spec *spec,
				   struct fl_fault *fault, struct fl_relay_identity *out)
{
	struct material m = { .cert = fl_buf_make(PEM_MAX), .key = fl_buf_make(PEM_MAX) };

	enum fl_err err = obtain(spec, fault, &m);
	if (err == FL_OK)
		err = build(spec, &m, fault, out);
	fl_buf_done(&m.cert);
	fl_buf_wipe(&m.key);
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
