/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/fuzz_stun.c - reads any packet as a request and as an answer. */
#include "wire/stun.h"

#include <stdlib.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fl_slice in = fl_slice_of(data, size);
	struct fl_stun_txid tx, again;
	struct fl_addrport from, got;
	uint8_t answer[FL_STUN_ANSWER_MAX];

	bool strict = fl_stun_request_parse(in, false, &tx) == FL_OK;
	bool any = fl_stun_request_parse(in, true, &tx) == FL_OK;
	must(!strict || any); /* the strict rules only take away */
	must(!any || fl_stun_is(in));
	if (fl_stun_answer_parse(in, &tx, &from) != FL_OK)
		return 0;
	size_t len = fl_stun_answer(&tx, &from, answer);
	must(fl_stun_answer_parse(fl_slice_of(answer, len), &again, &got) == FL_OK);
	must(fl_addrport_eq(&from, &got));
	must(memcmp(tx.b, again.b, sizeof tx.b) == 0);
	return 0;
}
