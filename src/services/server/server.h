/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/server/server.h - the whole server of `fairlead serve`: settings in, running listeners
 * out.
 *
 * Start order: keys and certificates, database and migrations, state, policy, relay, control, admin
 * API, listeners last. Stop order is the reverse, bounded in time; what clients were last seen is
 * stored before the database closes.
 *
 * Thread  one loop.
 */
#ifndef FL_SERVICES_SERVER_SERVER_H
#define FL_SERVICES_SERVER_SERVER_H

#include "io/loop.h"
#include "services/config/config.h"
#include "services/control/control.h"
#include "services/policy/policies.h"

struct fl_server;

/*
 * Starts on `loop`. Takes `config` (also on failure). Errors come with a text in `fault` that says
 * what, where and what to do: port in use, folder not writable, database locked, damaged or newer,
 * key file damaged, no relay region...
 */
FL_MUST enum fl_err fl_server_start(struct fl_loop *loop, struct fl_config *config,
				    struct fl_fault *fault, struct fl_server **out);

/* Where clients connect, with the port filled in when the settings asked for any. */
struct fl_addrport fl_server_at(const struct fl_server *s);

/*
 * Applies what may change while running (docs/configuration.md, "Reload"). Takes `config`, on
 * failure too; then nothing changes and `fault` says why. After FL_OK a text in `fault` names the
 * changed keys that need a restart.
 */
FL_MUST enum fl_err fl_server_reload(struct fl_server *s, struct fl_config *config,
				     struct fl_fault *fault);

struct fl_control *fl_server_control(struct fl_server *s);
struct fl_policies *fl_server_policies(struct fl_server *s);

/* Stops and frees; at most `grace` ns for what is still being sent. */
struct fl_server *fl_server_stop(struct fl_server *s, int64_t grace);

#endif
