/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/record.h - the durable records: users, nodes, keys, revisions of the policy.
 *
 * Records are immutable once published and counted: an update copies, changes the copy and
 * replaces the pointer. So a reader that holds a reference sees one consistent node, an undo is
 * putting the old pointer back, and nothing has to be locked.
 *
 * Thread  one owner: the counts are not atomic.
 * Source  docs/lifecycle.md DM-1 to DM-6
 */
#ifndef FL_DOMAIN_STATE_RECORD_H
#define FL_DOMAIN_STATE_RECORD_H

#include "base/ip.h"
#include "base/text.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "crypto/token.h"
#include "domain/policy/world.h"
#include "wire/tailcfg/request.h"

typedef uint64_t fl_user_id; /* > 0, never reused; 0 = none */
typedef uint64_t fl_node_id;
typedef uint64_t fl_key_id;

enum {
	FL_NAME_MAX = 63, /* a DNS label */
	FL_USER_NAME_MAX = 255,
	FL_NODE_TAGS_MAX = 64,
	FL_NODE_ROUTES_MAX = 256,   /* approved routes of one node */
	FL_REVISIONS_MAX = 100,     /* the newest are kept */
	FL_REVISION_NOTE_MAX = 255, /* author and comment */
};

#define FL_TAGGED_USER_ID      ((fl_user_id)2147455555) /* shown as owner of every tagged node */
#define FL_TAGGED_USER_NAME    "tagged-devices"
#define FL_TAGGED_USER_DISPLAY "Tagged Devices"

struct fl_user {
	unsigned refs;
	fl_user_id id;
	char *name, *display_name, *email, *picture_url, *provider, *provider_id; /* "" if unset */
	fl_wall created;
	enum fl_role role;
};

/* A policy as somebody set it. */
struct fl_revision {
	unsigned refs;
	uint64_t rev; /* from 1, never reused */
	fl_wall created;
	char *author, *comment; /* "" if unset */
	char *text;             /* terminated behind */
	size_t text_len;
	uint8_t hash[FL_HASH_LEN]; /* of the text: SHA-256 */
};

struct fl_preauth {
	unsigned refs;
	fl_key_id id;
	fl_user_id user; /* 0 when the key is owned by its tags */
	struct fl_strlist tags;
	bool reusable, ephemeral, used;
	fl_wall created, expiration, revoked; /* expiration 0 = never; revoked 0 = no */
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	uint8_t hash[32]; /* SHA-256 of the secret */
};

struct fl_apikey {
	unsigned refs;
	fl_key_id id;
	fl_wall created, expiration, last_seen;
	char prefix[FL_TOKEN_PREFIX_LEN + 1];
	uint8_t hash[32];
};

enum fl_register_method {
	FL_REGISTER_UNSPECIFIED,
	FL_REGISTER_AUTH_KEY,
	FL_REGISTER_CLI,
	FL_REGISTER_OIDC
};

struct fl_node {
	unsigned refs;
	fl_node_id id;
	struct fl_machine_key machine;
	struct fl_node_key key;
	struct fl_disco_key disco; /* zero until the first map request */
	uint32_t cap;              /* capability version last stated */
	fl_user_id user;           /* 0 iff tagged; a loaded one may not exist (TAG-6) */
	struct fl_strlist tags;    /* sorted, unique; non-empty iff tagged */
	struct fl_ip ip4, ip6;     /* either may be unset */
	char given_name[FL_NAME_MAX + 1];
	bool name_is_auto; /* derived from the hostname, follows it */
	bool ephemeral;
	enum fl_register_method method;
	fl_key_id auth_key;      /* pre-auth key it came with, 0 = none */
	fl_wall created, expiry; /* expiry 0 = never */
	bool expiry_told;  /* it had passed when it was set, which was the announcement (EXP-1) */
	fl_wall last_seen; /* 0 = not yet */
	struct fl_hostinfo *hostinfo; /* never NULL; announced routes inside */
	struct fl_endpoint *endpoints;
	size_t endpoints_count;
	struct fl_prefix *approved; /* sorted, unique */
	size_t approved_count;
};

struct fl_user *fl_user_ref(struct fl_user *u);
struct fl_user *fl_user_unref(struct fl_user *u);
struct fl_preauth *fl_preauth_unref(struct fl_preauth *k);
struct fl_apikey *fl_apikey_unref(struct fl_apikey *k);
struct fl_node *fl_node_ref(struct fl_node *n);
struct fl_node *fl_node_unref(struct fl_node *n);
struct fl_revision *fl_revision_unref(struct fl_revision *r);

/* Deep copies with one reference, for changing before publication; NULL when out of memory. */
struct fl_user *fl_user_copy(const struct fl_user *u);
struct fl_preauth *fl_preauth_copy(const struct fl_preauth *k);
struct fl_apikey *fl_apikey_copy(const struct fl_apikey *k);
struct fl_node *fl_node_copy(const struct fl_node *n);

/* "member", "owner"... FL_ERR_INVALID: no such role. */
const char *fl_role_text(enum fl_role role);
FL_MUST enum fl_err fl_role_parse(struct fl_slice text, enum fl_role *out);

/* The first of: e-mail, name, provider id, the decimal id (written to `buf`). */
const char *fl_user_login_name(const struct fl_user *u, char buf[static 24]);

/* The display name, else the login name. */
const char *fl_user_shown_name(const struct fl_user *u, char buf[static 24]);

static inline bool fl_node_is_tagged(const struct fl_node *n)
{
	return n->tags.len > 0;
}
static inline bool fl_node_is_expired(const struct fl_node *n, fl_wall now)
{
	return n->expiry != 0 && n->expiry <= now;
}

#endif
