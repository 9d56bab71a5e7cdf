/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/authkey.h - joining with a pre-auth key.
 *
 * Source  docs/lifecycle.md 3 REG-10 to REG-14
 */
#ifndef FL_DOMAIN_STATE_AUTHKEY_H
#define FL_DOMAIN_STATE_AUTHKEY_H

#include "domain/state/enrol.h"

/*
 * Decides and does it. The node key of `e` is not held by another machine (checked before).
 * Errors: FL_ERR_NOMEM, FL_ERR_FULL; refusals are in *out. The caller undoes.
 */
FL_MUST enum fl_err fl_authkey_register(struct fl_state *s, fl_wall now, const char *text,
					struct fl_enrol *e, struct fl_register_result *out);

#endif
