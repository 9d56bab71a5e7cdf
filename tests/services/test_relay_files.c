/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_relay_files.c - the plain port of a relay process, and what it does with
 * files that it did not make or that only half fit.
 */
#include "relay_rig.h"

#include "crypto/cert.h"
#include "io/file.h"
#include "services/relay/identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXT_MAX = 8192 };

static const fl_wall start_wall = 1700000000 * FL_SEC;

static char dir[64], crt[128], key[128], rate[128], allow[128];

/* ---- plain HTTP ---- */

static struct http_row {
	const char *name, *request, *want, *location; /* behind https://127.0.0.1:<port> */
} http_rows[] = {
	{ "captive portal check", "GET /generate_204", " 204 ", NULL },
	{ "home page", "GET /", " 308 ", "/" },
	{ "probe", "GET /derp/probe", " 308 ", "/derp/probe" },
	{ "upgrade", "POST /derp", " 308 ", "/derp" },
	{ "unknown page", "GET /a/b", " 308 ", "/a/b" },
	{ "query", "GET /a?b=c&d=%0d", " 308 ", "/a?b=c&d=%0d" },
	{ "empty query", "GET /a?", " 308 ", "/a" },
};

static struct fl_slice get(struct rig *r, struct client *c, const char *request, bool tls)
{
	char text[256];

	client_dial(r, c, 1, tls);
	snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: evil.example\r\n\r\n", request);
	client_text(c, text);
	return client_read_head(c);
}

static void http_row(void **state)
{
	const struct http_row *row = *state;
	struct rig r;
	struct client c;
	char want[256];
	rig_start(&r, &(struct fl_relay_standalone_config){ .http_at.ip = fl_ip_v4(127, 0, 0, 1) });

	snprintf(want, sizeof want, "Location: https://127.0.0.1:%u%s\r\n", r.at.port,
		 row->location != NULL ? row->location : "");
	r.at = fl_relay_standalone_http_at(r.relay);
	struct fl_slice head = get(&r, &c, row->request, false);
	assert_true(contains(head, row->want));
	assert_int_equal(contains(head, want), row->location != NULL);
	assert_false(contains(head, "Strict-Transport-Security"));
	client_close(&c);
	rig_stop(&r);
}

static void strict_transport_only_over_tls(void **state)
{
	(void)state;
	struct rig r;
	struct client c;
	rig_start(&r, NULL);

	for (int tls = 0; tls < 2; tls++) {
		struct fl_slice head = get(&r, &c, "GET /", tls);
		assert_true(contains(head, " 200 "));
		assert_int_equal(contains(head, "Strict-Transport-Security"), tls);
		client_close(&c);
	}
	rig_stop(&r);
}

/* ---- connections ---- */

/* Without a limit a rush would take the descriptors that key files and STUN need. */
static void connections_leave_descriptors(void **state)
{
	(void)state;
	struct rig r;
	struct rlimit was, few;
	struct fl_buf b = fl_buf_make(1 << 20);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 500;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	rig_start(&r, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	fl_relay_standalone_metrics(r.relay, &b);
	assert_true(contains(fl_buf_slice(&b), "\nderp_open_connections_max 372\n"));
	fl_buf_done(&b);
	rig_stop(&r);
}

/* ---- reload ---- */

static void write_text(const char *path, const char *text)
{
	struct fl_fault fault;
	assert_int_equal(fl_file_write(path, 0600, fl_slice_str(text), &fault), FL_OK);
}

static bool same_file(const char *path, struct fl_slice want)
{
	struct fl_buf b = fl_buf_make(TEXT_MAX);
	struct fl_fault fault;

	assert_int_equal(fl_file_read(path, TEXT_MAX, &fault, &b), FL_OK);
	bool same = b.len == want.len && memcmp(b.ptr, want.ptr, want.len) == 0;
	fl_buf_done(&b);
	return same;
}

static struct fl_relay_identity_spec spec_at(fl_wall now)
{
	return (struct fl_relay_identity_spec){
		.cert_path = crt, .key_path = key, .may_make = true, .host = "127.0.0.1", .now = now
	};
}

static void show_pin(struct rig *r, struct fl_buf *out)
{
	fl_buf_reset(out);
	fl_relay_standalone_map(r->relay, 900, "x", out);
}

/* A good certificate with a bad rate file: neither is used. */
static void reload_takes_both_or_none(void **state)
{
	(void)state;
	struct rig r;
	struct fl_relay_identity id;
	struct fl_fault fault = { "" };
	struct fl_buf before = fl_buf_make(TEXT_MAX), after = fl_buf_make(TEXT_MAX);

	write_text(rate, "{}");
	rig_start(&r, &(struct fl_relay_standalone_config){ .cert_path = crt,
							    .key_path = key,
							    .self_signed = true,
							    .rate_path = rate });
	show_pin(&r, &before);
	unlink(crt);
	struct fl_relay_identity_spec spec = spec_at(start_wall);
	assert_int_equal(fl_relay_identity_load(&spec, &fault, &id), FL_OK);
	fl_relay_identity_done(&id);
	write_text(rate, "{\"PerClientRateLimitBytesPerSec\":-1}");
	assert_int_equal(fl_relay_standalone_reload(r.relay, &fault), FL_ERR_INVALID);
	show_pin(&r, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.ptr, after.ptr, before.len);
	write_text(rate, "{}");
	assert_int_equal(fl_relay_standalone_reload(r.relay, &fault), FL_OK);
	show_pin(&r, &after);
	assert_memory_not_equal(before.ptr, after.ptr, before.len);
	rig_stop(&r);
	fl_buf_done(&before);
	fl_buf_done(&after);
	unlink(crt), unlink(key), unlink(rate);
}

/* ---- allowed keys ---- */

static void allow_only(struct rig *r, const struct client *c)
{
	struct fl_fault fault = { "" };
	char text[FL_KEY_TEXT_MAX], file[FL_KEY_TEXT_MAX + 32];

	fl_node_key_format(&c->key, text);
	snprintf(file, sizeof file, "# one\n\n %s \n", text);
	write_text(allow, file);
	assert_int_equal(fl_relay_standalone_reload(r->relay, &fault), FL_OK);
}

static void log_in(struct client *c)
{
	client_text(c, "GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\n"
		       "Connection: Upgrade\r\n\r\n");
	client_hello(c);
	client_read_head(c);
}

static void only_allowed_keys(void **state)
{
	(void)state;
	struct rig r;
	struct client a, b;
	struct fl_fault fault = { "" };

	write_text(allow, "");
	rig_start(&r, &(struct fl_relay_standalone_config){ .allow_path = allow });
	client_dial(&r, &a, 1, false);
	client_dial(&r, &b, 2, false);
	allow_only(&r, &a);
	log_in(&a);
	client_frame(&a, FL_DERP_SERVER_KEY);
	client_frame(&a, FL_DERP_SERVER_INFO);
	log_in(&b);
	assert_true(client_ends(&b));
	assert_int_equal(rig_stats(&r)->refused, 1);
	client_close(&b);

	allow_only(&r, &b);
	assert_true(client_ends(&a)); /* no longer in the list */
	client_close(&a);
	client_join(&r, &b, 2, false);
	write_text(allow, "nodekey:123\n");
	assert_int_equal(fl_relay_standalone_reload(r.relay, &fault), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "keys.txt:1: "));
	client_send(&b, &b.key, 10, 1);
	client_expect(&b, &b, 10, 1);
	client_close(&b);
	rig_stop(&r);
	unlink(allow);
}

/* ---- certificates that end ---- */

static void own_certificate_is_replaced(void **state)
{
	(void)state;
	struct fl_relay_identity a, b;
	struct fl_fault fault = { "" };
	struct fl_buf cert = fl_buf_make(TEXT_MAX), secret = fl_buf_make(TEXT_MAX);
	char old[160];

	assert_int_equal(fl_crypto_init(), FL_OK);
	struct fl_relay_identity_spec spec = spec_at(start_wall);
	assert_int_equal(fl_relay_identity_load(&spec, &fault, &a), FL_OK);
	assert_int_equal(fl_file_read(crt, TEXT_MAX, &fault, &cert), FL_OK);
	assert_int_equal(fl_file_read(key, TEXT_MAX, &fault, &secret), FL_OK);
	spec = spec_at(a.not_after - 29 * FL_DAY);
	assert_int_equal(fl_relay_identity_load(&spec, &fault, &b), FL_OK);
	assert_memory_not_equal(a.pin, b.pin, sizeof a.pin);
	assert_false(same_file(crt, fl_buf_slice(&cert)));
	snprintf(old, sizeof old, "%s.old", crt);
	assert_true(same_file(old, fl_buf_slice(&cert)));
	unlink(old);
	snprintf(old, sizeof old, "%s.old", key);
	assert_true(same_file(old, fl_buf_slice(&secret)));
	unlink(old);
	fl_relay_identity_done(&a);
	fl_relay_identity_done(&b);
	fl_buf_done(&cert);
	fl_buf_wipe(&secret);
	unlink(crt), unlink(key);
}

/* As an operator makes one, with other tools. */
static void write_foreign_pair(fl_wall until)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	FILE *out = fopen(crt, "w");

	assert_non_null(out);
	X509_set_version(x, X509_VERSION_3);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)"127.0.0.1", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &(time_t){ 0 });
	X509_time_adj_ex(X509_getm_notAfter(x), 0, 0, &(time_t){ until / FL_SEC });
	X509_set_pubkey(x, pair);
	assert_true(X509_sign(x, pair, EVP_sha256()) > 0);
	PEM_write_X509(out, x);
	fclose(out);
	out = fopen(key, "w");
	assert_non_null(out);
	PEM_write_PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL);
	fclose(out);
	X509_free(x);
	EVP_PKEY_free(pair);
}

static void foreign_certificate_stays(void **state)
{
	(void)state;
	struct fl_relay_identity id;
	struct fl_fault fault = { "" };
	struct fl_buf cert = fl_buf_make(TEXT_MAX), secret = fl_buf_make(TEXT_MAX);
	struct fl_cert_facts facts;

	write_foreign_pair(start_wall + 3 * FL_DAY);
	assert_int_equal(fl_file_read(crt, TEXT_MAX, &fault, &cert), FL_OK);
	assert_int_equal(fl_file_read(key, TEXT_MAX, &fault, &secret), FL_OK);
	struct fl_relay_identity_spec spec = spec_at(start_wall);
	assert_int_equal(fl_relay_identity_load(&spec, &fault, &id), FL_OK);
	assert_int_equal(fl_tls_server_facts(id.tls, &facts), FL_OK);
	assert_true(facts.self_signed && !facts.made_here);
	assert_true(id.self_made); /* still known by its pin only */
	assert_true(same_file(crt, fl_buf_slice(&cert)));
	assert_true(same_file(key, fl_buf_slice(&secret)));
	fl_relay_identity_done(&id);
	fl_buf_done(&cert);
	fl_buf_wipe(&secret);
	unlink(crt), unlink(key);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/fl-files-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(crt, sizeof crt, "%s/r.crt", dir);
	snprintf(key, sizeof key, "%s/r.key", dir);
	snprintf(allow, sizeof allow, "%s/keys.txt", dir);
	snprintf(rate, sizeof rate, "%s/rate.json", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(strict_transport_only_over_tls),
		cmocka_unit_test(connections_leave_descriptors),
		cmocka_unit_test(reload_takes_both_or_none),
		cmocka_unit_test(only_allowed_keys),
		cmocka_unit_test(own_certificate_is_replaced),
		cmocka_unit_test(foreign_certificate_stays),
	};
	struct CMUnitTest tests[COUNT(http_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(http_rows); i++)
		tests[n++] = (struct CMUnitTest){ http_rows[i].name, http_row, NULL, NULL,
						  &http_rows[i] };
	for (size_t i = 0; i < COUNT(plain); i++)
		tests[n++] = plain[i];
	return cmocka_run_group_tests_name("services/relay files", tests, setup, teardown);
}
