/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/list.c - all nodes through the HTTP API, each answer proved to name every node: C10. */
#include <stdlib.h>
#include <unistd.h>

#include "swarm.h"

enum { ANSWER_MAX = 256 << 20, STEP = 256 << 10, LIMIT_S = 20 };

static const char key_prefix[] = "nodekey:";

/* The bytes of one answer until the server closes; false if none came. */
static bool ask(struct fl_buf *out)
{
	char head[512];
	ssize_t n = -1;
	int len = snprintf(head, sizeof(head),
			   "GET /api/v1/node HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n"
			   "Authorization: Bearer %s\r\n\r\n",
			   (int)o.port, o.api_key);
	int fd = bench_dial((uint16_t)o.port, LIMIT_S);
	fl_buf_reset(out);
	if (fd >= 0 && write(fd, head, (size_t)len) == len)
		while (fl_buf_reserve(out, STEP) == FL_OK &&
		       (n = read(fd, out->ptr + out->len, out->cap - out->len)) > 0)
			out->len += (size_t)n;
	if (fd >= 0)
		close(fd);
	return n == 0 && out->len > 0;
}

/* How many of our nodes does an answer name? */
static uint32_t named(struct fl_slice answer, bool *seen)
{
	uint32_t count = 0;
	const size_t key_len = sizeof(key_prefix) - 1 + 2 * FL_KEY_LEN;
	const uint8_t *at = answer.ptr, *end = answer.ptr + answer.len;
	memset(seen, 0, swarm.count);
	while ((at = memmem(at, (size_t)(end - at), key_prefix, sizeof(key_prefix) - 1)) &&
	       (size_t)(end - at) >= key_len) {
		int64_t i = model_find(swarm.model, fl_slice_of(at, key_len));
		if (i >= 0 && !seen[i])
			count += seen[i] = true;
		at += key_len;
	}
	return count;
}

/* One listing; false if the server did not give a whole one in its time. */
static bool list_once(struct fl_buf *answer, bool *seen, int64_t *out_took)
{
	int64_t at = bench_now();
	if (!ask(answer))
		return false;
	*out_took = bench_now() - at;
	uint32_t count = named(fl_buf_slice(answer), seen);
	if (count != swarm.count)
		bench_die("a listing names %u of %u nodes: %.*s", count, swarm.count,
			  (int)(answer->len < 80 ? answer->len : 80), (char *)answer->ptr);
	return true;
}

bool list_run(struct bench_line *l)
{
	size_t n = o.api_key ? (size_t)o.lists : 0, k = 0;
	if (n == 0)
		return true;
	int64_t *took = calloc(n, sizeof(*took));
	bool *seen = calloc(swarm.count, sizeof(*seen));
	struct fl_buf answer = fl_buf_make(ANSWER_MAX);
	if (!took || !seen)
		bench_die("out of memory");
	for (; k < n && list_once(&answer, seen, &took[k]); k++)
		swarm_turn_for(0.1); /* what the nodes got meanwhile */
	if (k == n) {
		bench_line_num(l, "list_kb", (double)answer.len / 1e3);
		bench_line_num(l, "list_p50_ms", (double)bench_quantile(took, n, .5) / 1e6);
	} else {
		bench_line_num(l, "list_p50_ms_over", LIMIT_S * 1e3);
	}
	fl_buf_done(&answer);
	free(took);
	free(seen);
	return k == n;
}
