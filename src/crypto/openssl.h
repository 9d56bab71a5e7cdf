/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/openssl.h - OpenSSL, loaded by fl_crypto_init.
 *
 * Loading OpenSSL takes as long as all else until a hub has opened its port, which so need not wait
 * for it. It is opened at run time and called through this table; the names below stand for its
 * entries. Who calls OpenSSL includes this instead of OpenSSL's own headers: what is missing in the
 * table then does not link.
 *
 * Thread  fl_openssl_load from any thread; the table does not change once loaded.
 */
#ifndef FL_CRYPTO_OPENSSL_H
#define FL_CRYPTO_OPENSSL_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/err.h"

#define FL_OPENSSL_LIST(X)                                                                         \
	X(ASN1_IA5STRING_new)                                                                      \
	X(ASN1_INTEGER_set)                                                                        \
	X(ASN1_OCTET_STRING_free)                                                                  \
	X(ASN1_OCTET_STRING_new)                                                                   \
	X(ASN1_OCTET_STRING_set)                                                                   \
	X(ASN1_STRING_free)                                                                        \
	X(ASN1_STRING_get0_data)                                                                   \
	X(ASN1_STRING_length)                                                                      \
	X(ASN1_STRING_set)                                                                         \
	X(ASN1_TIME_set)                                                                           \
	X(ASN1_TIME_to_tm)                                                                         \
	X(BIO_clear_flags)                                                                         \
	X(BIO_ctrl)                                                                                \
	X(BIO_free)                                                                                \
	X(BIO_get_data)                                                                            \
	X(BIO_get_new_index)                                                                       \
	X(BIO_meth_new)                                                                            \
	X(BIO_meth_set_create)                                                                     \
	X(BIO_meth_set_ctrl)                                                                       \
	X(BIO_meth_set_read_ex)                                                                    \
	X(BIO_meth_set_write_ex)                                                                   \
	X(BIO_new)                                                                                 \
	X(BIO_new_mem_buf)                                                                         \
	X(BIO_s_mem)                                                                               \
	X(BIO_s_secmem)                                                                            \
	X(BIO_set_data)                                                                            \
	X(BIO_set_flags)                                                                           \
	X(BIO_set_init)                                                                            \
	X(BN_bin2bn)                                                                               \
	X(BN_clear_free)                                                                           \
	X(BN_free)                                                                                 \
	X(BN_secure_new)                                                                           \
	X(BN_to_ASN1_INTEGER)                                                                      \
	X(CRYPTO_free)                                                                             \
	X(CRYPTO_get_ex_new_index)                                                                 \
	X(CRYPTO_malloc)                                                                           \
	X(CRYPTO_secure_clear_free)                                                                \
	X(ERR_clear_error)                                                                         \
	X(ERR_peek_error)                                                                          \
	X(ERR_peek_last_error)                                                                     \
	X(EVP_CIPHER_CTX_ctrl)                                                                     \
	X(EVP_CIPHER_CTX_free)                                                                     \
	X(EVP_CIPHER_CTX_new)                                                                      \
	X(EVP_CIPHER_fetch)                                                                        \
	X(EVP_CipherFinal_ex)                                                                      \
	X(EVP_CipherInit_ex2)                                                                      \
	X(EVP_CipherUpdate)                                                                        \
	X(EVP_DigestFinal_ex)                                                                      \
	X(EVP_DigestInit_ex2)                                                                      \
	X(EVP_DigestUpdate)                                                                        \
	X(EVP_MD_CTX_free)                                                                         \
	X(EVP_MD_CTX_new)                                                                          \
	X(EVP_MD_fetch)                                                                            \
	X(EVP_PKEY_CTX_free)                                                                       \
	X(EVP_PKEY_CTX_new_from_name)                                                              \
	X(EVP_PKEY_Q_keygen)                                                                       \
	X(EVP_PKEY_free)                                                                           \
	X(EVP_PKEY_fromdata)                                                                       \
	X(EVP_PKEY_fromdata_init)                                                                  \
	X(EVP_PKEY_get1_encoded_public_key)                                                        \
	X(EVP_PKEY_get_group_name)                                                                 \
	X(EVP_PKEY_get_raw_public_key)                                                             \
	X(EVP_PKEY_is_a)                                                                           \
	X(EVP_Q_digest)                                                                            \
	X(EVP_default_properties_is_fips_enabled)                                                  \
	X(EVP_sha256)                                                                              \
	X(GENERAL_NAMES_free)                                                                      \
	X(GENERAL_NAMES_new)                                                                       \
	X(GENERAL_NAME_free)                                                                       \
	X(GENERAL_NAME_new)                                                                        \
	X(GENERAL_NAME_set0_value)                                                                 \
	X(OBJ_nid2obj)                                                                             \
	X(OBJ_obj2nid)                                                                             \
	X(OPENSSL_cleanse)                                                                         \
	X(OPENSSL_init_crypto)                                                                     \
	X(OPENSSL_init_ssl)                                                                        \
	X(OPENSSL_sk_push)                                                                         \
	X(OSSL_LIB_CTX_free)                                                                       \
	X(OSSL_LIB_CTX_new)                                                                        \
	X(OSSL_PARAM_BLD_free)                                                                     \
	X(OSSL_PARAM_BLD_new)                                                                      \
	X(OSSL_PARAM_BLD_push_BN)                                                                  \
	X(OSSL_PARAM_BLD_push_octet_string)                                                        \
	X(OSSL_PARAM_BLD_push_utf8_string)                                                         \
	X(OSSL_PARAM_BLD_to_param)                                                                 \
	X(OSSL_PARAM_free)                                                                         \
	X(OSSL_PROVIDER_add_builtin)                                                               \
	X(OSSL_PROVIDER_available)                                                                 \
	X(OSSL_PROVIDER_get0_provider_ctx)                                                         \
	X(OSSL_PROVIDER_get_capabilities)                                                          \
	X(OSSL_PROVIDER_load)                                                                      \
	X(OSSL_PROVIDER_query_operation)                                                           \
	X(OSSL_PROVIDER_try_load)                                                                  \
	X(OSSL_PROVIDER_unload)                                                                    \
	X(PEM_bytes_read_bio_secmem)                                                               \
	X(PEM_read_bio_PrivateKey)                                                                 \
	X(PEM_read_bio_X509)                                                                       \
	X(PEM_write_bio_PKCS8PrivateKey)                                                           \
	X(PEM_write_bio_X509)                                                                      \
	X(RAND_bytes)                                                                              \
	X(RAND_bytes_ex)                                                                           \
	X(SSL_CIPHER_get_name)                                                                     \
	X(SSL_CTX_ctrl)                                                                            \
	X(SSL_CTX_free)                                                                            \
	X(SSL_CTX_get0_certificate)                                                                \
	X(SSL_CTX_get_ex_data)                                                                     \
	X(SSL_CTX_new)                                                                             \
	X(SSL_CTX_new_ex)                                                                          \
	X(SSL_CTX_set_alpn_select_cb)                                                              \
	X(SSL_CTX_set_cert_verify_callback)                                                        \
	X(SSL_CTX_set_cipher_list)                                                                 \
	X(SSL_CTX_set_ex_data)                                                                     \
	X(SSL_CTX_set_num_tickets)                                                                 \
	X(SSL_CTX_set_options)                                                                     \
	X(SSL_CTX_set_security_level)                                                              \
	X(SSL_CTX_set_tlsext_max_fragment_length)                                                  \
	X(SSL_CTX_set_verify)                                                                      \
	X(SSL_CTX_up_ref)                                                                          \
	X(SSL_CTX_use_PrivateKey)                                                                  \
	X(SSL_CTX_use_certificate)                                                                 \
	X(SSL_alert_desc_string_long)                                                              \
	X(SSL_ctrl)                                                                                \
	X(SSL_do_handshake)                                                                        \
	X(SSL_free)                                                                                \
	X(SSL_get0_peer_certificate)                                                               \
	X(SSL_get_SSL_CTX)                                                                         \
	X(SSL_get_current_cipher)                                                                  \
	X(SSL_get_error)                                                                           \
	X(SSL_get_ex_data)                                                                         \
	X(SSL_get_ex_data_X509_STORE_CTX_idx)                                                      \
	X(SSL_get_version)                                                                         \
	X(SSL_is_init_finished)                                                                    \
	X(SSL_new)                                                                                 \
	X(SSL_read_ex)                                                                             \
	X(SSL_select_next_proto)                                                                   \
	X(SSL_set_accept_state)                                                                    \
	X(SSL_set_bio)                                                                             \
	X(SSL_set_connect_state)                                                                   \
	X(SSL_set_ex_data)                                                                         \
	X(SSL_shutdown)                                                                            \
	X(SSL_version)                                                                             \
	X(SSL_write_ex)                                                                            \
	X(TLS_method)                                                                              \
	X(TLS_server_method)                                                                       \
	X(X509V3_EXT_conf_nid)                                                                     \
	X(X509V3_set_ctx)                                                                          \
	X(X509_EXTENSION_free)                                                                     \
	X(X509_NAME_add_entry_by_NID)                                                              \
	X(X509_NAME_get_text_by_NID)                                                               \
	X(X509_NAME_print_ex)                                                                      \
	X(X509_PUBKEY_get0_param)                                                                  \
	X(X509_PUBKEY_set0_param)                                                                  \
	X(X509_STORE_CTX_get0_cert)                                                                \
	X(X509_STORE_CTX_get_ex_data)                                                              \
	X(X509_STORE_CTX_set_error)                                                                \
	X(X509_add1_ext_i2d)                                                                       \
	X(X509_add_ext)                                                                            \
	X(X509_check_private_key)                                                                  \
	X(X509_free)                                                                               \
	X(X509_get0_notAfter)                                                                      \
	X(X509_get0_notBefore)                                                                     \
	X(X509_get0_pubkey)                                                                        \
	X(X509_get_X509_PUBKEY)                                                                    \
	X(X509_get_ext_d2i)                                                                        \
	X(X509_get_serialNumber)                                                                   \
	X(X509_get_subject_name)                                                                   \
	X(X509_getm_notAfter)                                                                      \
	X(X509_getm_notBefore)                                                                     \
	X(X509_new)                                                                                \
	X(X509_new_ex)                                                                             \
	X(X509_self_signed)                                                                        \
	X(X509_set_issuer_name)                                                                    \
	X(X509_set_pubkey)                                                                         \
	X(X509_set_version)                                                                        \
	X(X509_sign)                                                                               \
	X(d2i_X509)                                                                                \
	X(i2d_X509)                                                                                \
	X(i2d_X509_PUBKEY)

struct fl_openssl {
#define FL_OPENSSL_MEMBER(name) __typeof__(&name) name;
	FL_OPENSSL_LIST(FL_OPENSSL_MEMBER)
#undef FL_OPENSSL_MEMBER
};

extern struct fl_openssl fl_openssl;

/* Before any call; harmless again. Errors: FL_ERR_UNSUPPORTED, not installed or too old. */
FL_MUST enum fl_err fl_openssl_load(void);

#define ASN1_IA5STRING_new                     fl_openssl.ASN1_IA5STRING_new
#define ASN1_INTEGER_set                       fl_openssl.ASN1_INTEGER_set
#define ASN1_OCTET_STRING_free                 fl_openssl.ASN1_OCTET_STRING_free
#define ASN1_OCTET_STRING_new                  fl_openssl.ASN1_OCTET_STRING_new
#define ASN1_OCTET_STRING_set                  fl_openssl.ASN1_OCTET_STRING_set
#define ASN1_STRING_free                       fl_openssl.ASN1_STRING_free
#define ASN1_STRING_get0_data                  fl_openssl.ASN1_STRING_get0_data
#define ASN1_STRING_length                     fl_openssl.ASN1_STRING_length
#define ASN1_STRING_set                        fl_openssl.ASN1_STRING_set
#define ASN1_TIME_set                          fl_openssl.ASN1_TIME_set
#define ASN1_TIME_to_tm                        fl_openssl.ASN1_TIME_to_tm
#define BIO_clear_flags                        fl_openssl.BIO_clear_flags
#define BIO_ctrl                               fl_openssl.BIO_ctrl
#define BIO_free                               fl_openssl.BIO_free
#define BIO_get_data                           fl_openssl.BIO_get_data
#define BIO_get_new_index                      fl_openssl.BIO_get_new_index
#define BIO_meth_new                           fl_openssl.BIO_meth_new
#define BIO_meth_set_create                    fl_openssl.BIO_meth_set_create
#define BIO_meth_set_ctrl                      fl_openssl.BIO_meth_set_ctrl
#define BIO_meth_set_read_ex                   fl_openssl.BIO_meth_set_read_ex
#define BIO_meth_set_write_ex                  fl_openssl.BIO_meth_set_write_ex
#define BIO_new                                fl_openssl.BIO_new
#define BIO_new_mem_buf                        fl_openssl.BIO_new_mem_buf
#define BIO_s_mem                              fl_openssl.BIO_s_mem
#define BIO_s_secmem                           fl_openssl.BIO_s_secmem
#define BIO_set_data                           fl_openssl.BIO_set_data
#define BIO_set_flags                          fl_openssl.BIO_set_flags
#define BIO_set_init                           fl_openssl.BIO_set_init
#define BN_bin2bn                              fl_openssl.BN_bin2bn
#define BN_clear_free                          fl_openssl.BN_clear_free
#define BN_free                                fl_openssl.BN_free
#define BN_secure_new                          fl_openssl.BN_secure_new
#define BN_to_ASN1_INTEGER                     fl_openssl.BN_to_ASN1_INTEGER
#define CRYPTO_free                            fl_openssl.CRYPTO_free
#define CRYPTO_get_ex_new_index                fl_openssl.CRYPTO_get_ex_new_index
#define CRYPTO_malloc                          fl_openssl.CRYPTO_malloc
#define CRYPTO_secure_clear_free               fl_openssl.CRYPTO_secure_clear_free
#define ERR_clear_error                        fl_openssl.ERR_clear_error
#define ERR_peek_error                         fl_openssl.ERR_peek_error
#define ERR_peek_last_error                    fl_openssl.ERR_peek_last_error
#define EVP_CIPHER_CTX_ctrl                    fl_openssl.EVP_CIPHER_CTX_ctrl
#define EVP_CIPHER_CTX_free                    fl_openssl.EVP_CIPHER_CTX_free
#define EVP_CIPHER_CTX_new                     fl_openssl.EVP_CIPHER_CTX_new
#define EVP_CIPHER_fetch                       fl_openssl.EVP_CIPHER_fetch
#define EVP_CipherFinal_ex                     fl_openssl.EVP_CipherFinal_ex
#define EVP_CipherInit_ex2                     fl_openssl.EVP_CipherInit_ex2
#define EVP_CipherUpdate                       fl_openssl.EVP_CipherUpdate
#define EVP_DigestFinal_ex                     fl_openssl.EVP_DigestFinal_ex
#define EVP_DigestInit_ex2                     fl_openssl.EVP_DigestInit_ex2
#define EVP_DigestUpdate                       fl_openssl.EVP_DigestUpdate
#define EVP_MD_CTX_free                        fl_openssl.EVP_MD_CTX_free
#define EVP_MD_CTX_new                         fl_openssl.EVP_MD_CTX_new
#define EVP_MD_fetch                           fl_openssl.EVP_MD_fetch
#define EVP_PKEY_CTX_free                      fl_openssl.EVP_PKEY_CTX_free
#define EVP_PKEY_CTX_new_from_name             fl_openssl.EVP_PKEY_CTX_new_from_name
#define EVP_PKEY_Q_keygen                      fl_openssl.EVP_PKEY_Q_keygen
#define EVP_PKEY_free                          fl_openssl.EVP_PKEY_free
#define EVP_PKEY_fromdata                      fl_openssl.EVP_PKEY_fromdata
#define EVP_PKEY_fromdata_init                 fl_openssl.EVP_PKEY_fromdata_init
#define EVP_PKEY_get1_encoded_public_key       fl_openssl.EVP_PKEY_get1_encoded_public_key
#define EVP_PKEY_get_group_name                fl_openssl.EVP_PKEY_get_group_name
#define EVP_PKEY_get_raw_public_key            fl_openssl.EVP_PKEY_get_raw_public_key
#define EVP_PKEY_is_a                          fl_openssl.EVP_PKEY_is_a
#define EVP_Q_digest                           fl_openssl.EVP_Q_digest
#define EVP_default_properties_is_fips_enabled fl_openssl.EVP_default_properties_is_fips_enabled
#define EVP_sha256                             fl_openssl.EVP_sha256
#define GENERAL_NAMES_free                     fl_openssl.GENERAL_NAMES_free
#define GENERAL_NAMES_new                      fl_openssl.GENERAL_NAMES_new
#define GENERAL_NAME_free                      fl_openssl.GENERAL_NAME_free
#define GENERAL_NAME_new                       fl_openssl.GENERAL_NAME_new
#define GENERAL_NAME_set0_value                fl_openssl.GENERAL_NAME_set0_value
#define OBJ_nid2obj                            fl_openssl.OBJ_nid2obj
#define OBJ_obj2nid                            fl_openssl.OBJ_obj2nid
#define OPENSSL_cleanse                        fl_openssl.OPENSSL_cleanse
#define OPENSSL_init_crypto                    fl_openssl.OPENSSL_init_crypto
#define OPENSSL_init_ssl                       fl_openssl.OPENSSL_init_ssl
#define OPENSSL_sk_push                        fl_openssl.OPENSSL_sk_push
#define OSSL_LIB_CTX_free                      fl_openssl.OSSL_LIB_CTX_free
#define OSSL_LIB_CTX_new                       fl_openssl.OSSL_LIB_CTX_new
#define OSSL_PARAM_BLD_free                    fl_openssl.OSSL_PARAM_BLD_free
#define OSSL_PARAM_BLD_new                     fl_openssl.OSSL_PARAM_BLD_new
#define OSSL_PARAM_BLD_push_BN                 fl_openssl.OSSL_PARAM_BLD_push_BN
#define OSSL_PARAM_BLD_push_octet_string       fl_openssl.OSSL_PARAM_BLD_push_octet_string
#define OSSL_PARAM_BLD_push_utf8_string        fl_openssl.OSSL_PARAM_BLD_push_utf8_string
#define OSSL_PARAM_BLD_to_param                fl_openssl.OSSL_PARAM_BLD_to_param
#define OSSL_PARAM_free                        fl_openssl.OSSL_PARAM_free
#define OSSL_PROVIDER_add_builtin              fl_openssl.OSSL_PROVIDER_add_builtin
#define OSSL_PROVIDER_available                fl_openssl.OSSL_PROVIDER_available
#define OSSL_PROVIDER_get0_provider_ctx        fl_openssl.OSSL_PROVIDER_get0_provider_ctx
#define OSSL_PROVIDER_get_capabilities         fl_openssl.OSSL_PROVIDER_get_capabilities
#define OSSL_PROVIDER_load                     fl_openssl.OSSL_PROVIDER_load
#define OSSL_PROVIDER_query_operation          fl_openssl.OSSL_PROVIDER_query_operation
#define OSSL_PROVIDER_try_load                 fl_openssl.OSSL_PROVIDER_try_load
#define OSSL_PROVIDER_unload                   fl_openssl.OSSL_PROVIDER_unload
#define PEM_bytes_read_bio_secmem              fl_openssl.PEM_bytes_read_bio_secmem
#define PEM_read_bio_PrivateKey                fl_openssl.PEM_read_bio_PrivateKey
#define PEM_read_bio_X509                      fl_openssl.PEM_read_bio_X509
#define PEM_write_bio_PKCS8PrivateKey          fl_openssl.PEM_write_bio_PKCS8PrivateKey
#define PEM_write_bio_X509                     fl_openssl.PEM_write_bio_X509
#define RAND_bytes                             fl_openssl.RAND_bytes
#define RAND_bytes_ex                          fl_openssl.RAND_bytes_ex
#define SSL_CIPHER_get_name                    fl_openssl.SSL_CIPHER_get_name
#define SSL_CTX_ctrl                           fl_openssl.SSL_CTX_ctrl
#define SSL_CTX_free                           fl_openssl.SSL_CTX_free
#define SSL_CTX_get0_certificate               fl_openssl.SSL_CTX_get0_certificate
#define SSL_CTX_get_ex_data                    fl_openssl.SSL_CTX_get_ex_data
#define SSL_CTX_new                            fl_openssl.SSL_CTX_new
#define SSL_CTX_new_ex                         fl_openssl.SSL_CTX_new_ex
#define SSL_CTX_set_alpn_select_cb             fl_openssl.SSL_CTX_set_alpn_select_cb
#define SSL_CTX_set_cert_verify_callback       fl_openssl.SSL_CTX_set_cert_verify_callback
#define SSL_CTX_set_cipher_list                fl_openssl.SSL_CTX_set_cipher_list
#define SSL_CTX_set_ex_data                    fl_openssl.SSL_CTX_set_ex_data
#define SSL_CTX_set_num_tickets                fl_openssl.SSL_CTX_set_num_tickets
#define SSL_CTX_set_options                    fl_openssl.SSL_CTX_set_options
#define SSL_CTX_set_security_level             fl_openssl.SSL_CTX_set_security_level
#define SSL_CTX_set_tlsext_max_fragment_length fl_openssl.SSL_CTX_set_tlsext_max_fragment_length
#define SSL_CTX_set_verify                     fl_openssl.SSL_CTX_set_verify
#define SSL_CTX_up_ref                         fl_openssl.SSL_CTX_up_ref
#define SSL_CTX_use_PrivateKey                 fl_openssl.SSL_CTX_use_PrivateKey
#define SSL_CTX_use_certificate                fl_openssl.SSL_CTX_use_certificate
#define SSL_alert_desc_string_long             fl_openssl.SSL_alert_desc_string_long
#define SSL_ctrl                               fl_openssl.SSL_ctrl
#define SSL_do_handshake                       fl_openssl.SSL_do_handshake
#define SSL_free                               fl_openssl.SSL_free
#define SSL_get0_peer_certificate              fl_openssl.SSL_get0_peer_certificate
#define SSL_get_SSL_CTX                        fl_openssl.SSL_get_SSL_CTX
#define SSL_get_current_cipher                 fl_openssl.SSL_get_current_cipher
#define SSL_get_error                          fl_openssl.SSL_get_error
#define SSL_get_ex_data                        fl_openssl.SSL_get_ex_data
#define SSL_get_ex_data_X509_STORE_CTX_idx     fl_openssl.SSL_get_ex_data_X509_STORE_CTX_idx
#define SSL_get_version                        fl_openssl.SSL_get_version
#define SSL_is_init_finished                   fl_openssl.SSL_is_init_finished
#define SSL_new                                fl_openssl.SSL_new
#define SSL_read_ex                            fl_openssl.SSL_read_ex
#define SSL_select_next_proto                  fl_openssl.SSL_select_next_proto
#define SSL_set_accept_state                   fl_openssl.SSL_set_accept_state
#define SSL_set_bio                            fl_openssl.SSL_set_bio
#define SSL_set_connect_state                  fl_openssl.SSL_set_connect_state
#define SSL_set_ex_data                        fl_openssl.SSL_set_ex_data
#define SSL_shutdown                           fl_openssl.SSL_shutdown
#define SSL_version                            fl_openssl.SSL_version
#define SSL_write_ex                           fl_openssl.SSL_write_ex
#define TLS_method                             fl_openssl.TLS_method
#define TLS_server_method                      fl_openssl.TLS_server_method
#define X509V3_EXT_conf_nid                    fl_openssl.X509V3_EXT_conf_nid
#define X509V3_set_ctx                         fl_openssl.X509V3_set_ctx
#define X509_EXTENSION_free                    fl_openssl.X509_EXTENSION_free
#define X509_NAME_add_entry_by_NID             fl_openssl.X509_NAME_add_entry_by_NID
#define X509_NAME_get_text_by_NID              fl_openssl.X509_NAME_get_text_by_NID
#define X509_NAME_print_ex                     fl_openssl.X509_NAME_print_ex
#define X509_PUBKEY_get0_param                 fl_openssl.X509_PUBKEY_get0_param
#define X509_PUBKEY_set0_param                 fl_openssl.X509_PUBKEY_set0_param
#define X509_STORE_CTX_get0_cert               fl_openssl.X509_STORE_CTX_get0_cert
#define X509_STORE_CTX_get_ex_data             fl_openssl.X509_STORE_CTX_get_ex_data
#define X509_STORE_CTX_set_error               fl_openssl.X509_STORE_CTX_set_error
#define X509_add1_ext_i2d                      fl_openssl.X509_add1_ext_i2d
#define X509_add_ext                           fl_openssl.X509_add_ext
#define X509_check_private_key                 fl_openssl.X509_check_private_key
#define X509_free                              fl_openssl.X509_free
#define X509_get0_notAfter                     fl_openssl.X509_get0_notAfter
#define X509_get0_notBefore                    fl_openssl.X509_get0_notBefore
#define X509_get0_pubkey                       fl_openssl.X509_get0_pubkey
#define X509_get_X509_PUBKEY                   fl_openssl.X509_get_X509_PUBKEY
#define X509_get_ext_d2i                       fl_openssl.X509_get_ext_d2i
#define X509_get_serialNumber                  fl_openssl.X509_get_serialNumber
#define X509_get_subject_name                  fl_openssl.X509_get_subject_name
#define X509_getm_notAfter                     fl_openssl.X509_getm_notAfter
#define X509_getm_notBefore                    fl_openssl.X509_getm_notBefore
#define X509_new                               fl_openssl.X509_new
#define X509_new_ex                            fl_openssl.X509_new_ex
#define X509_self_signed                       fl_openssl.X509_self_signed
#define X509_set_issuer_name                   fl_openssl.X509_set_issuer_name
#define X509_set_pubkey                        fl_openssl.X509_set_pubkey
#define X509_set_version                       fl_openssl.X509_set_version
#define X509_sign                              fl_openssl.X509_sign
#define d2i_X509                               fl_openssl.d2i_X509
#define i2d_X509                               fl_openssl.i2d_X509
#define i2d_X509_PUBKEY                        fl_openssl.i2d_X509_PUBKEY

#endif
