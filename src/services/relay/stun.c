/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/stun.c - answers STUN Binding requests. */
#include "services/relay/stun.h"

#include "crypto/prim.h"
#include "io/udp.h"
#include "wire/stun.h"

#include <stdlib.h>

enum { BUCKETS = 1024, BURST = 2 * FL_STUN_ANY_RATE };

struct fl_stun {
	struct fl_loop *loop;
	struct fl_udp *udp;
	struct fl_stun_stats stats;
	uint64_t seed;
	fl_time *full_at; /* of BUCKETS sources by hash; only with answer_any */
};

/* Sources that share a bucket share its rate: bounded memory matters more than their comfort. */
static size_t bucket_of(const struct fl_stun *s, const struct fl_ip *ip)
{
	size_t n = ip->family == FL_IP_V4 ? 4 : 8;
	uint64_t h = s->seed;

	for (size_t i = 0; i < n; i++)
		h = (h ^ ip->b[i]) * 0x9e3779b97f4a7c15;
	return (size_t)(h >> 32) % BUCKETS;
}

static bool may_answer(struct fl_stun *s, const struct fl_addrport *from)
{
	const int64_t step = FL_SEC / FL_STUN_ANY_RATE;
	fl_time now = fl_loop_now(s->loop);
	fl_time *at = &s->full_at[bucket_of(s, &from->ip)];
	fl_time full = *at > now ? *at : now;

	if (full + step - BURST * step > now)
		return false;
	*at = full + step;
	return true;
}

static bool is_request(struct fl_stun *s, struct fl_slice packet, const struct fl_addrport *from,
		       struct fl_stun_txid *out)
{
	if (fl_stun_request_parse(packet, false, out) == FL_OK)
		return true;
	if (s->full_at == NULL || fl_stun_request_parse(packet, true, out) != FL_OK) {
		s->stats.not_stun++;
		return false;
	}
	if (may_answer(s, from))
		return true;
	s->stats.limited++;
	return false;
}

static size_t on_packet(void *ctx, struct fl_slice packet, const struct fl_addrport *from,
			uint8_t *reply, size_t reply_cap)
{
	struct fl_stun *s = ctx;
	struct fl_stun_txid tx;

	if (reply_cap < FL_STUN_ANSWER_MAX || !is_request(s, packet, from, &tx))
		return 0;
	s->stats.success++;
	if (from->ip.family == FL_IP_V4)
		s->stats.ipv4++;
	else
		s->stats.ipv6++;
	return fl_stun_answer(&tx, from, reply);
}

enum fl_err fl_stun_new(struct fl_loop *loop, const struct fl_addrport *at, bool answer_any,
			struct fl_fault *fault, struct fl_stun **out)
{
	struct fl_stun *s = calloc(1, sizeof *s);
	if (s == NULL)
		return FL_ERR_NOMEM;
	s->loop = loop;
	fl_random(&s->seed, sizeof s->seed);
	if (answer_any)
		s->full_at = calloc(BUCKETS, sizeof *s->full_at);
	enum fl_err err = answer_any && s->full_at == NULL ? FL_ERR_NOMEM : FL_OK;
	if (err == FL_OK)
		err = fl_udp_new(loop, at, on_packet, s, fault, &s->udp);
	if (err != FL_OK) {
		fl_stun_free(s);
		return err;
	}
	*out = s;
	return FL_OK;
}

struct fl_stun *fl_stun_free(struct fl_stun *s)
{
	if (s == NULL)
		return NULL;
	if (s->udp != NULL)
		fl_udp_close(s->udp);
	free(s->full_at);
	free(s);
	return NULL;
}

struct fl_addrport fl_stun_at(const struct fl_stun *s)
{
	return fl_udp_at(s->udp);
}

void fl_stun_stats(const struct fl_stun *s, struct fl_stun_stats *out)
{
	struct fl_udp_stats udp;

	fl_udp_stats(s->udp, &udp);
	*out = s->stats;
	out->read_error = udp.read_errors;
	out->write_error = udp.write_errors;
}

void fl_stun_metrics(const struct fl_stun *s, struct fl_buf *out)
{
	struct fl_stun_stats st;

	fl_stun_stats(s, &st);
	fl_buf_printf(out,
		      "# TYPE stun_requests counter\n"
		      "stun_requests{disposition=\"success\"} %llu\n"
		      "stun_requests{disposition=\"not_stun\"} %llu\n"
		      "stun_requests{disposition=\"limited\"} %llu\n"
		      "stun_requests{disposition=\"read_error\"} %llu\n"
		      "stun_requests{disposition=\"write_error\"} %llu\n",
		      (unsigned long long)st.success, (unsigned long long)st.not_stun,
		      (unsigned long long)st.limited, (unsigned long long)st.read_error,
		      (unsigned long long)st.write_error);
	fl_buf_printf(out,
		      "# TYPE stun_addrfamily counter\n"
		      "stun_addrfamily{family=\"ipv4\"} %llu\n"
		      "stun_addrfamily{family=\"ipv6\"} %llu\n",
		      (unsigned long long)st.ipv4, (unsigned long long)st.ipv6);
}
