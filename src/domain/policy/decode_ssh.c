/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/decode_ssh.c - the ssh section (policy.md 6.1). */
#include "domain/policy/decode.h"

static bool read_action(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh *r = out;
	const char *bare = fl_decode_bare(d, v);

	if (bare == NULL)
		return false;
	const char *text = fl_arena_text(d->arena, fl_go_trim(fl_slice_str(bare)));
	if (text == NULL)
		return fl_decode_fail(d, v, fl_cause_nomem);
	r->rule.check = strcmp(text, "check") == 0;
	r->action_given = *text != '\0'; /* an empty one is for validation to tell */
	if (r->rule.check || strcmp(text, "accept") == 0 || *text == '\0')
		return true;
	return fl_decode_fail(
		d, v, fl_say(d->arena, "%s is not a valid action", fl_quoted(d->arena, text)));
}

/* What the reference calls a kind that it refuses here, NULL if it does not. */
static const char *refused_source(const struct fl_alias *a)
{
	switch (a->kind) {
	case FL_ALIAS_HOST:
		return "*v2.Host";
	case FL_ALIAS_PREFIX:
		return "*v2.Prefix";
	case FL_ALIAS_WILDCARD:
		return "v2.Asterix";
	case FL_ALIAS_IPSET:
		return "an IP set";
	case FL_ALIAS_USER:
	case FL_ALIAS_DOMAIN:
	case FL_ALIAS_GROUP:
	case FL_ALIAS_TAG:
	case FL_ALIAS_AUTOGROUP:
		break;
	}
	return NULL;
}

static bool read_source(struct fl_decode *d, struct fl_hujv v, void *alias)
{
	if (!fl_decode_source(d, v, alias))
		return false;
	const char *type = refused_source(alias);
	return type == NULL ||
	       fl_decode_fail(d, v,
			      fl_say(d->arena, "alias not supported for SSH source: %s", type));
}

static bool read_destination(struct fl_decode *d, struct fl_hujv v, void *alias)
{
	const struct fl_alias *a = alias;

	if (!fl_decode_destination(d, v, alias))
		return false;
	if (a->kind == FL_ALIAS_WILDCARD)
		return fl_decode_fail(d, v,
				      "wildcard (*) is not supported as SSH destination; use "
				      "'autogroup:member' for user-owned devices, "
				      "'autogroup:tagged' for tagged devices, or specific "
				      "tags/users");
	const char *type = a->kind == FL_ALIAS_GROUP    ? "*v2.Group"
			   : a->kind == FL_ALIAS_PREFIX ? "*v2.Prefix"
			   : a->kind == FL_ALIAS_IPSET  ? "an IP set"
							: NULL;
	return type == NULL ||
	       fl_decode_fail(
		       d, v, fl_say(d->arena, "alias not supported for SSH destination: %s", type));
}

static bool read_src(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh *r = out;
	return fl_decode_aliases(d, v, "v2.SSHSrcAliases", read_source, &r->rule.src);
}

static bool read_dst(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh *r = out;
	return fl_decode_aliases(d, v, "v2.SSHDstAliases", read_destination, &r->rule.dst);
}

static bool read_users(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh *r = out;

	r->rule.users = fl_decode_list(d, v, "v2.SSHUsers", sizeof *r->rule.users,
				       fl_decode_trimmed, &r->rule.users_len);
	return r->rule.users != NULL;
}

static bool read_period(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh *r = out;

	if (fl_hujson_kind(v) == FL_HUJSON_NULL)
		return true;
	const char *text = fl_decode_bare(d, v);
	if (text == NULL)
		return false;
	if (strcmp(text, "always") == 0) {
		r->rule.period_kind = FL_SSH_PERIOD_ALWAYS;
		return true;
	}
	const char *cause = fl_go_duration_parse(d->arena, text, &r->rule.period);
	if (cause != NULL)
		return fl_decode_fail(d, v, cause);
	r->rule.period_kind = FL_SSH_PERIOD_GIVEN;
	return true;
}

static bool read_accept_env(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh *r = out;

	r->rule.accept_env = fl_decode_list(d, v, "[]string", sizeof *r->rule.accept_env,
					    fl_decode_plain, &r->rule.accept_env_len);
	return r->rule.accept_env != NULL;
}

static bool read_rule(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const struct fl_decode_member members[] = {
		{ "action", read_action },
		{ "src", read_src },
		{ "dst", read_dst },
		{ "users", read_users },
		{ "checkPeriod", read_period },
		{ "acceptEnv", read_accept_env },
	};
	static const struct fl_decode_shape shape = { "v2.SSH", members, 6, false };
	struct fl_raw_ssh *r = out;

	r->rule.at = fl_hujson_offset(v);
	return fl_decode_object(d, v, &shape, r);
}

bool fl_decode_ssh(struct fl_decode *d, struct fl_hujv v, void *out)
{
	(void)out;
	d->ssh = fl_decode_list(d, v, "[]v2.SSH", sizeof *d->ssh, read_rule, &d->ssh_len);
	return d->ssh != NULL;
}
