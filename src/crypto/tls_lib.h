/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/tls_lib.h - OpenSSL with no more in it than the handshakes of SHIP need.
 *
 * For every certificate it reads OpenSSL 3 walks the lists of all algorithms that it was built
 * with, which is a quarter of what accepting a connection costs. Here the lists are short.
 */
#ifndef FL_CRYPTO_TLS_LIB_H
#define FL_CRYPTO_TLS_LIB_H

struct ossl_lib_ctx_st; /* OpenSSL's library context */

/*
 * Made at the first call, of any thread, and there until the process ends. NULL, which is OpenSSL's
 * own context: that is asked for by its configuration (the default provider is not active, or only
 * FIPS algorithms are to be used), it is built otherwise than we know, or there is no memory.
 *
 * Holds  TLS 1.2 and 1.3 with AES-GCM, AES-CCM, AES-128-CBC and ChaCha20-Poly1305 under SHA-2;
 *        ECDSA and ECDHE on any curve with a name, X25519; certificates with such keys, or RSA. A
 *        key of another kind stays unread.
 */
struct ossl_lib_ctx_st *fl_tls_lib(void);

#endif
