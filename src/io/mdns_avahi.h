/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mdns_avahi.h - Avahi's libraries, loaded when the device hub starts.
 *
 * A server or relay has no use for them, and D-Bus comes with them: loading them would cost each
 * start. So they are opened at run time and called through this table.
 *
 * Thread  a load from any thread; the table does not change once loaded.
 */
#ifndef FL_IO_MDNS_AVAHI_H
#define FL_IO_MDNS_AVAHI_H

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-core/core.h>
#include <avahi-core/log.h>
#include <avahi-core/lookup.h>
#include <avahi-core/publish.h>

#include "base/err.h"

#define FL_AVAHI_COMMON_LIST(X)                                                                    \
	X(alternative_host_name)                                                                   \
	X(alternative_service_name)                                                                \
	X(free)                                                                                    \
	X(strerror)                                                                                \
	X(strdup)                                                                                  \
	X(string_list_add)                                                                         \
	X(string_list_add_arbitrary)                                                               \
	X(string_list_free)

#define FL_AVAHI_CORE_LIST(X)                                                                      \
	X(key_new)                                                                                 \
	X(key_unref)                                                                               \
	X(s_entry_group_commit)                                                                    \
	X(s_entry_group_get_state)                                                                 \
	X(s_entry_group_new)                                                                       \
	X(s_entry_group_reset)                                                                     \
	X(s_record_browser_free)                                                                   \
	X(s_record_browser_new)                                                                    \
	X(s_service_browser_free)                                                                  \
	X(s_service_browser_new)                                                                   \
	X(s_service_resolver_free)                                                                 \
	X(s_service_resolver_new)                                                                  \
	X(server_add_service_strlst)                                                               \
	X(server_config_free)                                                                      \
	X(server_config_init)                                                                      \
	X(server_errno)                                                                            \
	X(server_free)                                                                             \
	X(server_get_host_name)                                                                    \
	X(server_get_state)                                                                        \
	X(server_new)                                                                              \
	X(server_set_host_name)                                                                    \
	X(server_update_service_txt_strlst)                                                        \
	X(set_log_function)

#define FL_AVAHI_CLIENT_LIST(X)                                                                    \
	X(client_errno)                                                                            \
	X(client_free)                                                                             \
	X(client_get_state)                                                                        \
	X(client_new)                                                                              \
	X(entry_group_add_service_strlst)                                                          \
	X(entry_group_commit)                                                                      \
	X(entry_group_get_state)                                                                   \
	X(entry_group_new)                                                                         \
	X(entry_group_reset)                                                                       \
	X(entry_group_update_service_txt_strlst)                                                   \
	X(record_browser_free)                                                                     \
	X(record_browser_new)                                                                      \
	X(service_browser_free)                                                                    \
	X(service_browser_new)                                                                     \
	X(service_resolver_free)                                                                   \
	X(service_resolver_new)

struct fl_avahi {
#define FL_AVAHI_MEMBER(name) __typeof__(&avahi_##name) name;
	FL_AVAHI_COMMON_LIST(FL_AVAHI_MEMBER)
	FL_AVAHI_CORE_LIST(FL_AVAHI_MEMBER)
	FL_AVAHI_CLIENT_LIST(FL_AVAHI_MEMBER)
#undef FL_AVAHI_MEMBER
};

extern struct fl_avahi fl_avahi;

/*
 * FL_OK once the common part and the embeddable core, or the daemon's client, are loaded.
 * FL_ERR_UNSUPPORTED with a text that names the package if they are not there.
 */
FL_MUST enum fl_err fl_avahi_load_core(struct fl_fault *fault);
FL_MUST enum fl_err fl_avahi_load_client(struct fl_fault *fault);

#endif
