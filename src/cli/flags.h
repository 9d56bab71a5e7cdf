/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/flags.h - the flag tables that the tables of commands refer to. */
#ifndef FL_CLI_FLAGS_H
#define FL_CLI_FLAGS_H

#include "cli/command.h"

extern const struct fl_flag fl_flags_user_create[], fl_flags_user_pick[], fl_flags_user_list[],
	fl_flags_user_rename[];
extern const struct fl_flag fl_flags_node_list[], fl_flags_node_pick[], fl_flags_node_register[],
	fl_flags_node_expire[], fl_flags_node_delete[], fl_flags_node_tag[], fl_flags_node_routes[],
	fl_flags_node_ask[];
extern const struct fl_flag fl_flags_route_approve[];
extern const struct fl_flag fl_flags_preauth_create[], fl_flags_preauth_pick[];
extern const struct fl_flag fl_flags_apikey_create[], fl_flags_apikey_pick[];
extern const struct fl_flag fl_flags_auth_register[], fl_flags_auth_pick[];
extern const struct fl_flag fl_flags_policy_check[], fl_flags_policy_fmt[], fl_flags_policy_get[],
	fl_flags_policy_set[], fl_flags_policy_edit[], fl_flags_policy_why[], fl_flags_policy_can[];
extern const struct fl_flag fl_flags_debug[];
extern const struct fl_flag fl_flags_ship[], fl_flags_ship_run[], fl_flags_ship_discover[],
	fl_flags_ship_pair[], fl_flags_ship_connect[], fl_flags_ship_disconnect[],
	fl_flags_ship_send[], fl_flags_ship_watch[], fl_flags_ship_qr[], fl_flags_ship_identity[],
	fl_flags_ship_probe[];
extern const struct fl_flag fl_flags_serve[], fl_flags_relay[], fl_flags_help[];

#endif
