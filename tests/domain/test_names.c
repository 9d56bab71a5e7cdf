/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/test_names.c - labels from hostnames, and free ones among many (NM-1 to NM-4). */
#include "state_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "domain/state/names.h"

struct row {
	const char *name, *hostname, *want;
	size_t max;
};

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct row rows[] = {
	{ "plain", "laptop", "laptop", 63 },
	{ "upper case", "LapTop", "laptop", 63 },
	{ "empty", "", "node", 63 },
	{ "only separators", "._@ -", "node", 63 },
	{ "only unicode", "\xe6\x97\xa5\xe6\x9c\xac", "node", 63 },
	{ "unicode inside", "caf\xc3\xa9-1", "caf-1", 63 },
	{ "unicode at the end", "my-\xc3\xa9", "my", 63 },
	{ "dots", "host.example.com", "host-example-com", 63 },
	{ "underscores and blanks", "Joe_s Phone", "joe-s-phone", 63 },
	{ "apostrophe", "Joe's iPhone", "joes-iphone", 63 },
	{ "at sign", "a@b", "a-b", 63 },
	{ "leading hyphen", "-a", "a", 63 },
	{ "trailing hyphen", "a-", "a", 63 },
	{ ".local", "mac.local", "mac", 63 },
	{ ".LOCAL", "mac.LOCAL", "mac", 63 },
	{ ".localdomain", "box.localdomain", "box", 63 },
	{ ".lan", "box.lan", "box", 63 },
	{ "only .lan", ".lan", "lan", 63 },
	{ "digits", "007", "007", 63 },
	{ "62", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 63 },
	{ "63", A63, A63, 63 },
	{ "64", A63 "b", A63, 63 },
	{ "cut at a hyphen", "aaaa-bbb", "aaaa", 5 },
	{ "cut short", "abcdef", "abc", 3 },
	{ "control characters",
	  "a\n\t\x7f"
	  "b",
	  "ab", 63 },
};

static void test_sanitise(void **state)
{
	const struct row *row = *state;
	char got[FL_NAME_MAX + 1];

	fl_name_sanitise(row->hostname, row->max, got);
	assert_string_equal(got, row->want);
	assert_true(fl_name_valid(got));
	assert_true(fl_name_is_from(got, row->hostname, row->max));
}

static void test_valid(void **unused)
{
	(void)unused;
	static const char *const good[] = { "a", "a-b", "0", "a--b", A63 };
	static const char *const bad[] = { "",    "-a",  "a-",    "A",        "a.b",
					   "a_b", "a b", A63 "a", "\xc3\xa9", "a\n" };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(fl_name_valid(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(fl_name_valid(bad[i]));
}

static void test_is_from(void **unused)
{
	(void)unused;
	assert_true(fl_name_is_from("laptop", "laptop", 63));
	assert_true(fl_name_is_from("laptop-5", "laptop", 63));
	assert_true(fl_name_is_from("laptop-5", "laptop-5", 63));
	assert_false(fl_name_is_from("laptop-0", "laptop", 63));
	assert_false(fl_name_is_from("laptop-05", "laptop", 63));
	assert_false(fl_name_is_from("laptop-x", "laptop", 63));
	assert_false(fl_name_is_from("laptop-", "laptop", 63));
	assert_false(fl_name_is_from("laptop-5", "desktop", 63));
	assert_false(fl_name_is_from("laptop-99999999999999999999", "laptop", 63));
}

static const char *name_of(const struct fl_state *s, fl_node_id id)
{
	return fl_state_node(s, id)->given_name;
}

static void test_collisions_are_numbered(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");
	struct kit_auth a = kit_auth(s, u, NULL, true);
	struct fl_fault fault;

	for (unsigned i = 1; i <= 4; i++)
		kit_join(s, (struct kit_request){ .machine = i, .key = i, .auth = a.text });
	assert_string_equal(name_of(s, 1), "host");
	assert_string_equal(name_of(s, 2), "host-1");
	assert_string_equal(name_of(s, 3), "host-2");
	assert_string_equal(name_of(s, 4), "host-3");

	/* Case does not make a name different. */
	kit_join(s, (struct kit_request){ .machine = 5,
					  .key = 5,
					  .auth = a.text,
					  .hostinfo = "{\"Hostname\":\"HOST\"}" });
	assert_string_equal(name_of(s, 5), "host-4");
	assert_ptr_equal(fl_state_node_by_name(s, "HoSt-4"), fl_state_node(s, 5));

	/* A freed base name is used again. */
	assert_int_equal(fl_state_node_delete(s, 1, &fault), FL_OK);
	kit_join(s, (struct kit_request){ .machine = 6, .key = 6, .auth = a.text });
	assert_string_equal(name_of(s, 6), "host");
	kit_check(s);
	fl_state_free(s);
}

/* NM-2 with the worst base: it has to give way to its number. */
static void test_thousand_long_names_are_distinct(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");
	struct kit_auth a = kit_auth(s, u, NULL, true);

	for (unsigned i = 1; i <= 1000; i++) {
		fl_node_id id = kit_join(
			s, (struct kit_request){ .machine = i,
						 .key = i,
						 .auth = a.text,
						 .hostinfo = "{\"Hostname\":\"" A63 "\"}" });
		assert_true(fl_name_valid(name_of(s, id)));
		assert_int_equal(strlen(name_of(s, id)), 63);
	}
	kit_check(s); /* the name index has as many entries as there are nodes */
	assert_string_equal(name_of(s, 1000) + 58, "a-999");
	fl_state_free(s);
}

/* A base that ends in hyphens once shortened must not get two. */
static void test_shortened_base_ends_without_hyphen(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");
	struct kit_auth a = kit_auth(s, u, NULL, true);
	const char *host = "{\"Hostname\":"
			   "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bb\"}";

	kit_join(s,
		 (struct kit_request){ .machine = 1, .key = 1, .auth = a.text, .hostinfo = host });
	fl_node_id id = kit_join(
		s,
		(struct kit_request){ .machine = 2, .key = 2, .auth = a.text, .hostinfo = host });
	assert_null(strstr(name_of(s, id), "--"));
	assert_true(fl_name_valid(name_of(s, id)));
	fl_state_free(s);
}

static void test_gaps_do_not_hide_free_numbers(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");
	struct kit_auth a = kit_auth(s, u, NULL, true);
	struct fl_fault fault;
	unsigned next = 1;

	srand(1);
	for (int i = 0; i < 600; i++) {
		if (rand() % 3 == 0 && next > 1)
			(void)!fl_state_node_delete(s, (fl_node_id)(1 + rand() % (int)(next - 1)),
						    &fault);
		kit_join(s, (struct kit_request){ .machine = next, .key = next, .auth = a.text });
		next++;
	}
	kit_check(s);
	fl_state_free(s);
}

static enum fl_err rename_to(struct fl_state *s, fl_node_id id, const char *name)
{
	struct fl_fault fault = { "" };
	enum fl_err err = fl_state_node_rename(s, id, name, &fault);
	assert_true((err == FL_OK) == (fault.text[0] == '\0'));
	return err;
}

static void test_rename(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");
	char changes[200];

	fl_node_id a = kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, u);
	fl_node_id b = kit_approve(s, (struct kit_request){ .machine = 2, .key = 2 }, u);
	fl_state_committed(s);
	assert_int_equal(rename_to(s, 99, "x"), FL_ERR_NOT_FOUND);
	assert_int_equal(rename_to(s, a, ""), FL_ERR_INVALID);
	assert_int_equal(rename_to(s, a, "Upper"), FL_ERR_INVALID);
	assert_int_equal(rename_to(s, a, A63 "a"), FL_ERR_INVALID);
	assert_int_equal(rename_to(s, a, name_of(s, b)), FL_ERR_EXISTS);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "");
	assert_int_equal(rename_to(s, a, A63), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "changed 1");
	assert_int_equal(rename_to(s, a, A63), FL_OK); /* again: nothing */
	assert_string_equal(kit_changes(s, changes, sizeof changes), "changed 1");
	assert_string_equal(name_of(s, a), A63);
	assert_int_equal(rename_to(s, b, "host"), FL_OK); /* the name that a gave up */
	kit_check(s);
	fl_state_free(s);
}

static void test_chosen_name_stays_derived_name_follows(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");

	fl_node_id a = kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, u);
	fl_node_id b = kit_approve(s, (struct kit_request){ .machine = 2, .key = 2 }, u);
	assert_int_equal(rename_to(s, a, "laptop-5"), FL_OK);
	for (int i = 0; i < 2; i++) {
		fl_node_id id = i == 0 ? a : b;
		assert_int_equal(
			kit_update(s, id,
				   (struct kit_update){ .hostinfo = "{\"Hostname\":\"laptop\"}" }),
			FL_OK);
	}
	assert_string_equal(name_of(s, a), "laptop-5"); /* chosen, though it looks derived */
	assert_string_equal(name_of(s, b), "laptop");
	/* Another spelling of the same label: its own name is not in its way. */
	assert_int_equal(
		kit_update(s, b,
			   (struct kit_update){ .hostinfo = "{\"Hostname\":\"LAPTOP.local\"}" }),
		FL_OK);
	assert_string_equal(name_of(s, b), "laptop");
	assert_int_equal(rename_to(s, b, "laptop"), FL_OK); /* now chosen too */
	assert_int_equal(
		kit_update(s, b, (struct kit_update){ .hostinfo = "{\"Hostname\":\"desk\"}" }),
		FL_OK);
	assert_string_equal(name_of(s, b), "laptop");
	kit_check(s);
	fl_state_free(s);
}

struct domain_row {
	const char *name;
	size_t len;
	enum fl_err err;
	size_t label;
};

static const struct domain_row domains[] = {
	{ "no base domain", 0, FL_OK, 63 },    { "base domain 189", 189, FL_OK, 63 },
	{ "base domain 190", 190, FL_OK, 63 }, { "base domain 191", 191, FL_OK, 62 },
	{ "base domain 237", 237, FL_OK, 16 }, { "base domain 238", 238, FL_ERR_TOO_BIG, 0 },
};

/* The full name, with both dots, keeps to 255 (NM-4). */
static void test_full_name(void **state)
{
	const struct domain_row *row = *state;
	struct fl_state_config cfg = kit_config();
	struct fl_state *s = NULL;
	char domain[256], label[FL_NAME_MAX + 2];

	memset(domain, 'd', row->len);
	domain[row->len] = '\0';
	cfg.base_domain = domain;
	assert_int_equal(fl_state_new(&cfg, &s), row->err);
	if (s == NULL)
		return;
	fl_user_id u = kit_user(s, "alice");
	fl_node_id id = kit_approve(
		s,
		(struct kit_request){
			.machine = 1, .key = 1, .hostinfo = "{\"Hostname\":\"" A63 "\"}" },
		u);
	assert_int_equal(strlen(name_of(s, id)), row->label);
	memset(label, 'x', sizeof label);
	label[row->label + 1] = '\0';
	assert_int_equal(rename_to(s, id, label), FL_ERR_INVALID);
	label[row->label] = '\0';
	assert_int_equal(rename_to(s, id, label), FL_OK);
	fl_state_free(s);
}

enum { ROWS = sizeof rows / sizeof *rows, DOMAINS = sizeof domains / sizeof *domains };

int main(void)
{
	struct CMUnitTest tests[8 + ROWS + DOMAINS] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_is_from),
		cmocka_unit_test(test_collisions_are_numbered),
		cmocka_unit_test(test_thousand_long_names_are_distinct),
		cmocka_unit_test(test_shortened_base_ends_without_hyphen),
		cmocka_unit_test(test_gaps_do_not_hide_free_numbers),
		cmocka_unit_test(test_rename),
		cmocka_unit_test(test_chosen_name_stays_derived_name_follows),
	};
	for (size_t i = 0; i < ROWS; i++)
		tests[8 + i] = (struct CMUnitTest){ .name = rows[i].name,
						    .test_func = test_sanitise,
						    .initial_state = (void *)(uintptr_t)&rows[i] };
	for (size_t i = 0; i < DOMAINS; i++)
		tests[8 + ROWS + i] =
			(struct CMUnitTest){ .name = domains[i].name,
					     .test_func = test_full_name,
					     .initial_state = (void *)(uintptr_t)&domains[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
