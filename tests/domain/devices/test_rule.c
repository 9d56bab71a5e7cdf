/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/devices/test_rule.c - the rule about double connections: every rule, both orders of
 * the SKIs, both directions of the new one, and what is here already.
 */
#include "domain/devices/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { KEEP = FL_DEV_KEEP_NEW, REJECT = FL_DEV_REJECT_NEW, PARK = FL_DEV_PARK_NEW };

/* [bigger][incoming][existing: none or dying, incoming, outgoing] */
static const struct row {
	const char *name;
	enum fl_devices_rule rule;
	uint8_t want[2][2][3];
} rows[] = {
	{ "recent",
	  FL_DEVICES_RULE_RECENT,
	  { { { KEEP, PARK, PARK }, { KEEP, PARK, PARK } },
	    { { KEEP, KEEP, KEEP }, { KEEP, KEEP, KEEP } } } },
	{ "initiator",
	  FL_DEVICES_RULE_INITIATOR,
	  { { { KEEP, REJECT, KEEP }, { KEEP, KEEP, KEEP } },
	    { { KEEP, KEEP, KEEP }, { KEEP, KEEP, REJECT } } } },
	{ "auto, before it has learnt anything",
	  FL_DEVICES_RULE_AUTO,
	  { { { KEEP, PARK, PARK }, { KEEP, PARK, PARK } },
	    { { KEEP, KEEP, KEEP }, { KEEP, KEEP, KEEP } } } },
};

static void rule_row(void **state)
{
	const struct row *row = *state;
	/* Equal but for the last byte: it is the whole SKI that counts. */
	const struct fl_ski small = { { [19] = 1 } }, big = { { [19] = 2 } };

	for (int bigger = 0; bigger < 2; bigger++)
		for (int incoming = 0; incoming < 2; incoming++)
			for (int existing = 0; existing < 3; existing++) {
				int got = (int)fl_dev_decide(row->rule, bigger ? &big : &small,
							     bigger ? &small : &big, incoming,
							     (enum fl_dev_existing)existing);
				if (got != row->want[bigger][incoming][existing])
					fail_msg("bigger %d, incoming %d, existing %d: %d", bigger,
						 incoming, existing, got);
			}
}

int main(void)
{
	struct CMUnitTest tests[sizeof rows / sizeof *rows];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name,
						.test_func = rule_row,
						.initial_state = (void *)(uintptr_t)&rows[i] };
	return cmocka_run_group_tests_name("domain/devices rule", tests, NULL, NULL);
}
