/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/state_kit.h - a state to play with: made-up keys, requests, and a text of all
 * it holds.
 */
#ifndef TESTS_DOMAIN_STATE_KIT_H
#define TESTS_DOMAIN_STATE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "domain/state/state.h"

#define KIT_NOW ((fl_wall)1800000000 * FL_SEC)

enum { KIT_CAP = 145, KIT_MIN_CAP = 106 };

struct fl_state_config kit_config(void);
struct fl_state *kit_state(void); /* of kit_config, empty */

struct fl_machine_key kit_machine(unsigned n);
struct fl_node_key kit_key(unsigned n);
struct fl_disco_key kit_disco(unsigned n);
struct fl_prefix kit_prefix(const char *text);
struct fl_ip kit_ip(const char *text);
struct fl_hostinfo *kit_hostinfo(const char *json);

/* Called around the kit's own allocations by tests that let allocations fail. NULL: nobody. */
extern void (*kit_pause)(bool pause);

fl_user_id kit_user(struct fl_state *s, const char *name);

/* A pre-auth key whose text can be presented. */
struct kit_auth {
	fl_key_id id;
	char text[FL_TOKEN_TEXT_MAX];
};
struct kit_auth kit_auth(struct fl_state *s, fl_user_id user, const char *tag, bool reusable);
struct kit_auth kit_auth_full(struct fl_state *s, struct fl_preauth_fields f, const char *tag);

/* One register request. Zero fields mean: cap KIT_CAP, hostinfo {"Hostname":"host"}. */
struct kit_request {
	unsigned machine, key;
	const char *auth, *hostinfo;
	fl_wall expiry;
	uint32_t cap;
	bool ephemeral;
};
struct fl_register_result kit_register(struct fl_state *s, fl_wall now, struct kit_request q);
enum fl_err kit_try_register(struct fl_state *s, fl_wall now, struct kit_request q,
			     struct fl_register_result *out);

/* Registers and requires success. */
fl_node_id kit_join(struct fl_state *s, struct kit_request q);

enum fl_err kit_try_approve(struct fl_state *s, struct kit_request q, fl_user_id user,
			    struct fl_fault *fault, fl_node_id *out);
fl_node_id kit_approve(struct fl_state *s, struct kit_request q, fl_user_id user);

/* One map request: NULL leaves a part out. */
struct kit_update {
	const char *hostinfo;
	const struct fl_endpoint *endpoints;
	size_t endpoints_count;
	bool has_endpoints, stream;
	unsigned disco;
	uint32_t cap;
};
enum fl_err kit_update(struct fl_state *s, fl_node_id id, struct kit_update u);

/*
 * Everything the state holds, record by record; the caller frees. Two equal states read the
 * same.
 */
char *kit_dump(const struct fl_state *s);

/*
 * Invariants INV-01, 02, 04, 06 and the consistency of every index. Fails the test if one is
 * broken.
 */
void kit_check(const struct fl_state *s);

/* The changes of this tick as text, e.g. "added 1<1 patched 2:key,disco<2". */
const char *kit_changes(const struct fl_state *s, char *out, size_t cap);

#endif
