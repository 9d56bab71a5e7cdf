/* SPDX-License-Identifier: BSD-3-Clause */
/* When memory is given back: after the process has grown, once, and not while it grows. */
#include "../base/table.h"

#include "cli/trim.h"

enum { MB = 1 << 20 };

struct look {
	size_t resident, used; /* MB; 0: no look any more */
};

static struct row {
	const char *name;
	struct look looks[5];
	size_t due; /* at which look, from 1; 0 never */
} rows[] = {
	{ "nothing happens", { { 10, 5 }, { 10, 5 }, { 10, 5 } }, 0 },
	{ "all that it grew by is in use", { { 900, 890 }, { 900, 890 }, { 900, 890 } }, 0 },
	{ "some is idle, but little", { { 42, 10 }, { 42, 10 }, { 42, 10 } }, 0 },
	{ "much is idle", { { 43, 10 }, { 43, 10 } }, 2 },
	{ "much is idle while it grows",
	  { { 100, 10 }, { 200, 10 }, { 300, 10 }, { 400, 10 } },
	  0 },
	{ "much is idle while it shrinks",
	  { { 400, 10 }, { 300, 10 }, { 200, 10 }, { 100, 10 } },
	  0 },
	{ "what was in use falls idle", { { 900, 890 }, { 900, 890 }, { 900, 90 } }, 3 },
	{ "more in use than in memory", { { 100, 200 }, { 100, 200 } }, 0 },
};

static void looks(void **state)
{
	const struct row *r = *state;
	struct fl_trim t = { 0 };
	size_t due = 0;

	for (size_t i = 0; i < COUNT(r->looks) && r->looks[i].resident != 0 && due == 0; i++)
		if (fl_trim_is_due(&t, r->looks[i].resident * MB, r->looks[i].used * MB))
			due = i + 1;
	assert_int_equal(due, r->due);
}

/* What cannot be given back, since it lies between what is in use, is not looked for again. */
static void once(void **state)
{
	struct fl_trim t = { 0 };

	(void)state;
	assert_false(fl_trim_is_due(&t, 500ul * MB, 100ul * MB));
	assert_true(fl_trim_is_due(&t, 500ul * MB, 100ul * MB));
	fl_trim_was_done(&t, 300ul * MB, 100ul * MB);
	for (int i = 0; i < 3; i++)
		assert_false(fl_trim_is_due(&t, 300ul * MB, 100ul * MB));
	assert_true(fl_trim_is_due(&t, 300ul * MB, 67ul * MB));
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, looks);
	suite_add(&s, "what stays is not looked for again", once, NULL);
	return suite_run(&s, "cli/trim");
}
