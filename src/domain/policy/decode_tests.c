/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/decode_tests.c - tests and sshTests as written (policy.md 8.2, 8.4). */
#include "domain/policy/decode.h"

/* ---- tests ---- */

static bool read_src(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_test *t = out;
	return fl_decode_string(d, v, "string", &t->src);
}

static bool read_proto(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_test *t = out;
	const char *text = fl_decode_bare(d, v);

	if (text == NULL)
		return false;
	const char *cause = fl_proto_parse(d, text, true, &t->proto);
	return cause == NULL || fl_decode_fail(d, v, cause);
}

static bool read_words(struct fl_decode *d, struct fl_hujv v, struct fl_word **out, size_t *out_len)
{
	struct fl_word *words =
		fl_decode_list(d, v, "[]string", sizeof *words, fl_decode_word, out_len);

	if (words != NULL)
		*out = words;
	return words != NULL;
}

static bool read_accept(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_test *t = out;
	return read_words(d, v, &t->accept, &t->accept_len);
}

static bool read_deny(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_test *t = out;
	return read_words(d, v, &t->deny, &t->deny_len);
}

static bool read_test(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const struct fl_decode_member members[] = {
		{ "src", read_src },
		{ "proto", read_proto },
		{ "accept", read_accept },
		{ "deny", read_deny },
	};
	static const struct fl_decode_shape shape = { "v2.PolicyTest", members, 4, false };
	struct fl_raw_test *t = out;

	*t = (struct fl_raw_test){ .src = "", .proto.text = "", .at = fl_hujson_offset(v) };
	return fl_decode_object(d, v, &shape, t);
}

bool fl_decode_tests(struct fl_decode *d, struct fl_hujv v, void *out)
{
	(void)out;
	d->tests =
		fl_decode_list(d, v, "[]v2.PolicyTest", sizeof *d->tests, read_test, &d->tests_len);
	return d->tests != NULL;
}

/* ---- sshTests ---- */

static bool read_ssh_src(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh_test *t = out;

	if (!fl_decode_source(d, v, &t->test.src))
		return false;
	t->src_given = *t->test.src.text != '\0';
	return true;
}

static bool read_ssh_dst(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh_test *t = out;
	return fl_decode_aliases(d, v, "v2.Aliases", fl_decode_destination, &t->test.dst);
}

static bool read_users(struct fl_decode *d, struct fl_hujv v, const char ***out, size_t *out_len)
{
	const char **users =
		fl_decode_list(d, v, "v2.SSHUsers", sizeof *users, fl_decode_trimmed, out_len);

	if (users != NULL)
		*out = users;
	return users != NULL;
}

static bool read_ssh_accept(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh_test *t = out;
	return read_users(d, v, &t->test.accept, &t->test.accept_len);
}

static bool read_ssh_deny(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh_test *t = out;
	return read_users(d, v, &t->test.deny, &t->test.deny_len);
}

static bool read_ssh_check(struct fl_decode *d, struct fl_hujv v, void *out)
{
	struct fl_raw_ssh_test *t = out;
	return read_users(d, v, &t->test.check, &t->test.check_len);
}

static bool read_ssh_test(struct fl_decode *d, struct fl_hujv v, void *out)
{
	static const struct fl_decode_member members[] = {
		{ "src", read_ssh_src },       { "dst", read_ssh_dst },
		{ "accept", read_ssh_accept }, { "deny", read_ssh_deny },
		{ "check", read_ssh_check },
	};
	static const struct fl_decode_shape shape = { "v2.SSHPolicyTest", members, 5, false };
	struct fl_raw_ssh_test *t = out;

	t->test.at = fl_hujson_offset(v);
	return fl_decode_object(d, v, &shape, t);
}

bool fl_decode_ssh_tests(struct fl_decode *d, struct fl_hujv v, void *out)
{
	(void)out;
	d->ssh_tests = fl_decode_list(d, v, "[]v2.SSHPolicyTest", sizeof *d->ssh_tests,
				      read_ssh_test, &d->ssh_tests_len);
	return d->ssh_tests != NULL;
}
