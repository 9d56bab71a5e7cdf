/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/curl.h - libcurl, loaded when the first request to somebody else is made.
 *
 * libcurl brings two dozen further libraries, which a server or relay that asks nobody never
 * needs: loading them at start costs milliseconds and megabytes. So it is opened at run time and
 * called through this table; the names below stand for its entries.
 *
 * Thread  fl_curl_load from any thread; the table does not change once loaded.
 */
#ifndef FL_IO_CURL_H
#define FL_IO_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/err.h"

#define FL_CURL_LIST(X)                                                                            \
	X(easy_init)                                                                               \
	X(easy_cleanup)                                                                            \
	X(easy_setopt)                                                                             \
	X(easy_getinfo)                                                                            \
	X(easy_perform)                                                                            \
	X(easy_strerror)                                                                           \
	X(slist_append)                                                                            \
	X(slist_free_all)                                                                          \
	X(multi_init)                                                                              \
	X(multi_cleanup)                                                                           \
	X(multi_setopt)                                                                            \
	X(multi_add_handle)                                                                        \
	X(multi_remove_handle)                                                                     \
	X(multi_assign)                                                                            \
	X(multi_info_read)                                                                         \
	X(multi_socket_action)

struct fl_curl {
#define FL_CURL_MEMBER(name) __typeof__(&curl_##name) name;
	FL_CURL_LIST(FL_CURL_MEMBER)
#undef FL_CURL_MEMBER
};

extern struct fl_curl fl_curl;

/* FL_OK once loaded. FL_ERR_UNSUPPORTED with a text that names the package if it is not there. */
FL_MUST enum fl_err fl_curl_load(struct fl_fault *fault);

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
#define curl_easy_init           fl_curl.easy_init
#define curl_easy_cleanup        fl_curl.easy_cleanup
#define curl_easy_setopt         fl_curl.easy_setopt
#define curl_easy_getinfo        fl_curl.easy_getinfo
#define curl_easy_perform        fl_curl.easy_perform
#define curl_easy_strerror       fl_curl.easy_strerror
#define curl_slist_append        fl_curl.slist_append
#define curl_slist_free_all      fl_curl.slist_free_all
#define curl_multi_init          fl_curl.multi_init
#define curl_multi_cleanup       fl_curl.multi_cleanup
#define curl_multi_setopt        fl_curl.multi_setopt
#define curl_multi_add_handle    fl_curl.multi_add_handle
#define curl_multi_remove_handle fl_curl.multi_remove_handle
#define curl_multi_assign        fl_curl.multi_assign
#define curl_multi_info_read     fl_curl.multi_info_read
#define curl_multi_socket_action fl_curl.multi_socket_action

#endif
