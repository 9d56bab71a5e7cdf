/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/test_tls_lib.c - what is in the library context of TLS, and when there is none. */
#include "crypto/tls_lib.h"

#include "crypto/openssl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "odd_cert.h"

enum { BUF_MAX = 1 << 16 };

static void what_is_there(void **state)
{
	OSSL_LIB_CTX *lib = fl_tls_lib();

	(void)state;
	assert_non_null(lib);
	assert_ptr_equal(fl_tls_lib(), lib);
	assert_int_equal(ERR_peek_error(), 0);
	EVP_MD *sha = EVP_MD_fetch(lib, "SHA256", NULL), *md5 = EVP_MD_fetch(lib, "MD5", NULL);
	EVP_CIPHER *aes = EVP_CIPHER_fetch(lib, "AES-128-GCM", NULL),
		   *aria = EVP_CIPHER_fetch(lib, "ARIA-128-GCM", NULL);
	assert_non_null(sha);
	assert_null(md5);
	assert_non_null(aes);
	assert_null(aria);
	EVP_MD_free(sha);
	EVP_CIPHER_free(aes);
	ERR_clear_error();
}

/* Is the key of such a certificate read? */
static bool reads_key_of(const struct odd_cert *odd)
{
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	X509 *x = X509_new_ex(fl_tls_lib(), NULL);

	odd_cert_make(odd, &cert, &key);
	BIO *bio = BIO_new_mem_buf(cert.ptr, (int)cert.len);
	assert_non_null(PEM_read_bio_X509(bio, &x, NULL, NULL));
	bool read = X509_get0_pubkey(x) != NULL;
	X509_free(x);
	BIO_free(bio);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
	ERR_clear_error();
	return read;
}

static void which_keys_are_read(void **state)
{
	(void)state;
	assert_true(reads_key_of(&(struct odd_cert){ 0 }));
	assert_true(reads_key_of(&(struct odd_cert){ .compressed = true }));
	assert_true(reads_key_of(&(struct odd_cert){ .kind = "P-521" }));
	assert_true(reads_key_of(&(struct odd_cert){ .kind = "brainpoolP384r1" }));
	assert_true(reads_key_of(&(struct odd_cert){ .kind = "RSA" }));
	assert_false(reads_key_of(&(struct odd_cert){ .kind = "ED25519" }));
}

/* Neither are two contexts of one seed, nor a process and its child. */
static void no_two_draw_the_same(void **state)
{
	uint8_t here[16], there[16], child[16];
	int status = 0, fds[2];

	(void)state;
	assert_int_equal(RAND_bytes_ex(fl_tls_lib(), here, sizeof here, 0), 1);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(RAND_bytes_ex(fl_tls_lib(), child, sizeof child, 0) == 1 &&
				      write(fds[1], child, sizeof child) == sizeof child
			      ? 0
			      : 1);
	assert_int_equal(RAND_bytes_ex(fl_tls_lib(), here, sizeof here, 0), 1);
	assert_int_equal(RAND_bytes_ex(NULL, there, sizeof there, 0), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(fds[0], child, sizeof child), sizeof child);
	assert_memory_not_equal(here, there, sizeof here);
	assert_memory_not_equal(here, child, sizeof here);
	close(fds[0]);
	close(fds[1]);
}

/* The first call decides for a whole process, so each of these is one. */
static void expect_none_after(bool (*configure)(void))
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(configure() && fl_tls_lib() == NULL && ERR_peek_error() == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static bool only_fips(void)
{
	return EVP_default_properties_enable_fips(NULL, 1) == 1;
}

static bool only_base(void)
{
	return OSSL_PROVIDER_load(NULL, "base") != NULL;
}

static void none_where_only_fips_is_wanted(void **state)
{
	(void)state;
	expect_none_after(only_fips);
}

static void none_without_the_default_provider(void **state)
{
	(void)state;
	expect_none_after(only_base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_where_only_fips_is_wanted), /* before the first call here */
		cmocka_unit_test(none_without_the_default_provider),
		cmocka_unit_test(what_is_there),
		cmocka_unit_test(which_keys_are_read),
		cmocka_unit_test(no_two_draw_the_same),
	};
	if (fl_openssl_load() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("crypto/tls_lib", tests, NULL, NULL);
}
