/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/tls_peer.c - TLS settings for both roles, and the judge inside the handshake.
 *
 * The settings live as long as OpenSSL's context, which every connection refers to: they are
 * attached to it and go with it, so its count is theirs.
 */
#include "io/stream_impl.h"
#include "io/tls_peer_impl.h"

#include "crypto/tls_lib.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	RECORD_PLAIN_MAX = 1024,  /* SHIP 9.2 */
	CERT_LIST_MAX = 32 << 10, /* of a peer, while its handshake runs */
	ALERT_OF = SSL_AD_REASON_OFFSET,
};

struct fl_tls_peer {
	SSL_CTX *ctx; /* refers back to us */
	struct fl_tls_judge judge;
	struct fl_fault refusal; /* what the last judgement said */
};

static int our_index = -1;
static pthread_once_t our_index_once = PTHREAD_ONCE_INIT;

static void free_with_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
			  void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	free(ptr);
}

static void make_index(void)
{
	our_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_with_ctx);
}

static struct fl_tls_peer *peer_of(const SSL *ssl)
{
	/* Without an index there has never been one. */
	return our_index >= 0 ? SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), our_index) : NULL;
}

/* ---- judging ---- */

static enum fl_err judge(struct fl_tls_peer *t, const SSL *ssl, X509 *cert)
{
	const struct fl_tls_judge *j = SSL_get_app_data(ssl);
	struct fl_ship_cert_facts facts;

	if (j == NULL)
		j = &t->judge;
	t->refusal.text[0] = '\0';
	enum fl_err read = fl_ship_cert_read(cert, &facts);
	enum fl_err err = j->judge(j->ctx, &facts, read, &t->refusal);
	if (read != FL_OK)
		err = read;
	if (err != FL_OK && t->refusal.text[0] == '\0')
		fl_fault_write(&t->refusal, "certificate \"%s\" was refused: %s", facts.subject,
			       err == FL_ERR_UNSUPPORTED
				       ? "its key is on no elliptic curve with a name, which SHIP "
					 "demands; the device needs a certificate with a P-256 key"
				       : fl_err_text(err));
	return err;
}

/* In place of OpenSSL's chains, names and dates, none of which is a reason to refuse. */
static int on_verify(X509_STORE_CTX *store, void *ctx)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	enum fl_err err = judge(ctx, ssl, X509_STORE_CTX_get0_cert(store));

	/* "Rejected" is what becomes the alert bad_certificate. */
	X509_STORE_CTX_set_error(store, err == FL_OK ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return err == FL_OK;
}

void fl_tls_peer_set_judge(SSL *ssl, struct fl_tls_judge *judge)
{
	SSL_set_app_data(ssl, judge);
}

/* ---- texts ---- */

static const char *reason_text(int reason)
{
	switch (reason) {
	case SSL_R_NO_SHARED_CIPHER:
		return "no TLS cipher suite in common; SHIP demands ECDHE-ECDSA with AES-128";
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
		return "no TLS signature algorithm in common";
	case SSL_R_NO_SHARED_GROUPS:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_WRONG_CURVE:
		return "no elliptic curve in common";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
		return "the peer speaks no TLS of 1.2 or newer";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "the peer showed no certificate, which SHIP demands";
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
		return "the peer does not speak TLS";
	case SSL_R_EXCESSIVE_MESSAGE_SIZE:
		return "the certificates of the peer are over 32 KiB";
	default:
		return NULL;
	}
}

void fl_tls_peer_why(const struct fl_tls_peer *t, enum fl_err err, unsigned long tls_error,
		     struct fl_fault *out)
{
	bool of_ssl = err != FL_ERR_TIMEOUT && ERR_GET_LIB(tls_error) == ERR_LIB_SSL;
	int reason = of_ssl ? ERR_GET_REASON(tls_error) : 0;
	const char *known = of_ssl ? reason_text(reason) : NULL;

	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
		*out = t->refusal;
	else if (known != NULL)
		fl_fault_write(out, "%s", known);
	else if (reason >= ALERT_OF)
		fl_fault_write(out, "the peer ended TLS with the alert \"%s\"",
			       SSL_alert_desc_string_long(reason - ALERT_OF));
	else if (of_ssl)
		fl_fault_write(out, "TLS failed (reason %d of OpenSSL)", reason);
	else if (err == FL_ERR_TIMEOUT)
		fl_fault_write(out, "the peer did not finish the TLS handshake in time");
	else if (err == FL_ERR_CLOSED)
		fl_fault_write(out, "the peer closed the connection during the TLS handshake");
	else
		fl_fault_write(out, "TLS failed: %s", fl_err_text(err));
}

/* ---- settings ---- */

/*
 * Versions, suites, curves and signatures are all on lists of ours, so OpenSSL's security level,
 * which differs between builds and takes CCM-8 away in newer ones, has nothing to add. RSA is
 * among the signatures so that such a certificate comes to the judge and is refused by its name.
 * X25519 before P-256: OpenSSL keeps both shares of the key exchange for the life of a connection,
 * which on P-256 are 3 KiB.
 */
static bool set_lists(SSL_CTX *ctx, bool tls12_only)
{
	SSL_CTX_set_security_level(ctx, 0);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, tls12_only ? TLS1_2_VERSION : 0) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
					    "ECDHE-ECDSA-AES128-SHA256:"
					    "ECDHE-ECDSA-AES128-CCM8") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521:"
					     "brainpoolP256r1:brainpoolP384r1") == 1 &&
	       SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:"
					      "RSA-PSS+SHA256:RSA+SHA256") == 1;
}

static bool set_up(struct fl_tls_peer *t, const struct fl_tls_peer_config *cfg)
{
	SSL_CTX *ctx = t->ctx;

	fl_tls_ctx_init(ctx);
	SSL_CTX_set_max_cert_list(ctx, CERT_LIST_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, t);
	if (cfg->small_records &&
	    (SSL_CTX_set_max_send_fragment(ctx, RECORD_PLAIN_MAX) != 1 ||
	     SSL_CTX_set_tlsext_max_fragment_length(ctx, TLSEXT_max_fragment_length_1024) != 1))
		return false;
	return set_lists(ctx, cfg->tls12_only);
}

static enum fl_err make(struct fl_tls_peer **out)
{
	struct fl_tls_peer *t = calloc(1, sizeof *t);
	if (t == NULL)
		return FL_ERR_NOMEM;
	t->ctx = SSL_CTX_new_ex(fl_tls_lib(), NULL, TLS_method());
	if (t->ctx == NULL || SSL_CTX_set_ex_data(t->ctx, our_index, t) != 1) {
		SSL_CTX_free(t->ctx);
		free(t);
		return FL_ERR_NOMEM;
	}
	*out = t;
	return FL_OK;
}

enum fl_err fl_tls_peer_new(const struct fl_tls_peer_config *cfg, struct fl_fault *fault,
			    struct fl_tls_peer **out)
{
	struct fl_tls_peer *t;

	/* Our own words say what is wrong, so OpenSSL need not load its texts (crypto/prim.c). */
	(void)OPENSSL_init_ssl(
		OPENSSL_INIT_NO_LOAD_SSL_STRINGS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
	(void)pthread_once(&our_index_once, make_index);
	ERR_clear_error();
	enum fl_err err = our_index >= 0 ? make(&t) : FL_ERR_NOMEM;
	if (err != FL_OK) {
		ERR_clear_error();
		return fl_fault_set(fault, err, "out of memory");
	}
	t->judge = (struct fl_tls_judge){ .judge = cfg->judge, .ctx = cfg->ctx };
	err = fl_tls_ctx_load(t->ctx, fl_tls_lib(), cfg->cert_pem, cfg->key_pem, fault);
	if (err == FL_OK && !set_up(t, cfg))
		err = fl_fault_set(fault, FL_ERR_NOMEM,
				   "this OpenSSL lacks what SHIP demands of TLS");
	ERR_clear_error();
	if (err != FL_OK) {
		fl_tls_peer_unref(t);
		return err;
	}
	*out = t;
	return FL_OK;
}

struct fl_tls_peer *fl_tls_peer_ref(struct fl_tls_peer *t)
{
	if (t != NULL)
		(void)SSL_CTX_up_ref(t->ctx);
	return t;
}

struct fl_tls_peer *fl_tls_peer_unref(struct fl_tls_peer *t)
{
	if (t != NULL)
		SSL_CTX_free(t->ctx);
	return NULL;
}

SSL_CTX *fl_tls_peer_ctx(struct fl_tls_peer *t)
{
	return t->ctx;
}

/* ---- facts ---- */

enum fl_err fl_stream_peer_facts(const struct fl_stream *s, struct fl_tls_peer_facts *out)
{
	const SSL *ssl = fl_stream_sock(s)->ssl;
	X509 *cert = ssl != NULL && peer_of(ssl) != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
	struct fl_ship_cert_facts facts;

	if (cert == NULL)
		return FL_ERR_STATE;
	enum fl_err err = fl_ship_cert_read(cert, &facts);
	if (err != FL_OK)
		return err;
	*out = (struct fl_tls_peer_facts){ .cert = facts,
					   .version = SSL_get_version(ssl),
					   .suite = SSL_get_cipher_name(ssl) };
	return FL_OK;
}
