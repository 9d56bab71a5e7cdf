/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream_silent.c - a peer that answers nothing any more is found.
 *
 * While nothing is under way to it the kernel asks, by keep-alive probes. While something is, the
 * kernel only repeats it, for a quarter of an hour. TCP_USER_TIMEOUT would bound that, but it ends
 * connections of living peers too: of a window that is full for so long it does not ask whether
 * the probes are answered. So we look when the peer was heard last, of those sockets only that
 * were written to: when the limit is nearly over, and from then on in steps while one of them
 * waits. Nearly all have answered long before, and are forgotten at the first look.
 *
 * The kernel says when the peer was heard last and how much waits, not since when. So it is counted
 * how much had been written before each step: with that, what waits tells when it was written.
 *
 * Source: tcp_probe_timer and tcp_retransmit_timer of Linux; tcp(7), TCP_INFO.
 */
#include "io/stream_impl.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

enum {
	STEPS = 6,      /* within a limit: two of them it may be too early, but not too late */
	FIRST_LOOK = 4, /* steps after a write: the limit is over with the next but one */
	STEPS_KEPT = sizeof((struct fl_sock_silence *)NULL)->before / sizeof(uint32_t),
	RTO_MAX_OPTION = 44, /* TCP_RTO_MAX_MS, which not every header has */
	RTO_MAX_LEAST_MS = 1000,
};

static void on_look(void *ctx);

static int64_t step_of(const struct fl_sock *k)
{
	return k->silence.limit / STEPS;
}

/* Else the kernel's own limit has to do. */
static void limit_in_kernel(const struct fl_sock *k)
{
	unsigned ms = (unsigned)(k->silence.limit / FL_MS);

	(void)setsockopt(k->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}

/*
 * The kernel repeats and probes ever more rarely, up to two minutes apart. Who was away for a
 * while must be tried again before we give up, and who vanished behind a full window be probed.
 * Linux before 6.15 refuses: there an outage of half the limit may end a connection, and behind a
 * full window it takes until the next probe.
 */
static void try_often(const struct fl_sock *k)
{
	int64_t ms = step_of(k) / FL_MS;
	int most = ms > RTO_MAX_LEAST_MS ? (int)ms : RTO_MAX_LEAST_MS;

	(void)setsockopt(k->fd, IPPROTO_TCP, RTO_MAX_OPTION, &most, sizeof most);
}

static int64_t step_at(const struct fl_sock *k, fl_time t)
{
	return t / step_of(k);
}

/* The steps since the last write, in which nothing was written, and this one begin. */
static void go_on(struct fl_sock_silence *q, int64_t step)
{
	int64_t from = q->step < step - STEPS_KEPT ? step - STEPS_KEPT : q->step;

	while (from < step)
		q->before[++from % STEPS_KEPT] = q->written;
	q->step = step;
}

void fl_sock_silence_begin(struct fl_sock *k)
{
	struct fl_loop *l = k->base.loop;
	struct fl_loop_silent *s = &l->silent;

	if (s->look.loop == NULL && fl_timer_init(&s->look, l, on_look, l) != FL_OK) {
		limit_in_kernel(k);
		return;
	}
	if (s->step == 0 || s->step > step_of(k))
		s->step = step_of(k);
	k->silence.since = fl_loop_now(l);
	go_on(&k->silence, step_at(k, k->silence.since));
	fl_list_push(&s->owed, &k->silence.link);
	fl_time first = k->silence.since + s->step * FIRST_LOOK;
	if (!fl_timer_armed(&s->look) || s->look.at > first)
		fl_timer_start(&s->look, first - k->silence.since);
}

void fl_sock_silence_note(struct fl_sock *k, size_t len)
{
	if (!fl_list_linked(&k->silence.link))
		fl_sock_silence_begin(k);
	go_on(&k->silence, step_at(k, fl_loop_now(k->base.loop)));
	k->silence.written += (uint32_t)len;
}

/* Where nobody owes us anything there is no timer. */
static void rest(struct fl_loop_silent *s)
{
	if (!s->looking && fl_list_empty(&s->owed))
		fl_timer_done(&s->look);
}

void fl_sock_silence_leave(struct fl_sock *k)
{
	fl_list_del(&k->silence.link);
	rest(&k->base.loop->silent);
}

/* What was written last the kernel may try to bring for so long. */
void fl_sock_silence_end(struct fl_sock *k)
{
	fl_sock_silence_leave(k);
	if (k->silence.limit > 0)
		limit_in_kernel(k);
	k->silence.limit = 0;
}

/* What lies in the kernel is of no use to anybody. */
static void give_up(struct fl_sock *k)
{
	const struct linger none = { .l_onoff = 1 };

	(void)setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	fl_sock_fail(k, FL_ERR_TIMEOUT);
	fl_stream_pump(&k->base);
}

/* Bytes that are not acknowledged, or have not even left. Cheap, for nearly all are none. */
static uint32_t count_waiting(const struct fl_sock *k)
{
	int there = 0;

	if (ioctl(k->fd, SIOCOUTQ, &there) != 0)
		there = 1; /* it will say what is wrong when it is asked more */
	return (uint32_t)there + (uint32_t)k->out_len;
}

/*
 * Has it said nothing since it was sent something, or asked, last? Who takes nothing more answers
 * each time, though it is asked ever more rarely.
 */
static bool owes(const struct tcp_info *i)
{
	return i->tcpi_probes > 0 ||
	       (i->tcpi_unacked > 0 && i->tcpi_last_ack_recv > i->tcpi_last_data_sent);
}

/* When the first of the last `n` bytes was written, by the begin of its step. */
static fl_time written_at(const struct fl_sock *k, uint32_t n)
{
	const struct fl_sock_silence *q = &k->silence;
	int64_t step = q->step;

	while (step > 0 && step > q->step - STEPS_KEPT + 1 &&
	       q->written - q->before[step % STEPS_KEPT] < n)
		step--;
	return step * step_of(k);
}

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long has the peer owed us an answer? Negative: it owes none, and nothing waits for it. */
static int64_t silent_for(struct fl_sock *k, fl_time now)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;
	uint32_t waiting = count_waiting(k);

	if (waiting == 0 || getsockopt(k->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return -1;
	if (!owes(&info)) {
		k->silence.since = now;
		return 0;
	}
	int64_t heard = (int64_t)info.tcpi_last_ack_recv * FL_MS;
	int64_t owing = lesser(now - k->silence.since, now - written_at(k, waiting));
	return lesser(heard, owing);
}

static void look_at(struct fl_sock *k, fl_time now)
{
	struct fl_loop_silent *s = &k->base.loop->silent;
	int64_t silent = silent_for(k, now);

	if (silent < 0)
		return;
	if (silent < k->silence.limit - s->step)
		fl_list_push(&s->owed, &k->silence.link);
	else
		give_up(k);
}

static void on_look(void *ctx)
{
	struct fl_loop *l = ctx;
	struct fl_loop_silent *s = &l->silent;
	fl_time now = fl_loop_now(l);
	struct fl_list due, *it;

	s->looking = true; /* owners are told meanwhile, and may close and write */
	fl_list_init(&due);
	while ((it = fl_list_pop(&s->owed)) != NULL)
		fl_list_push(&due, it);
	while ((it = fl_list_pop(&due)) != NULL)
		look_at(fl_list_entry(it, struct fl_sock, silence.link), now);
	s->looking = false;
	fl_timer_start(&s->look, s->step);
	rest(s);
}

void fl_stream_keepalive(struct fl_stream *s, const struct fl_keepalive *how)
{
	struct fl_sock *k = fl_stream_sock(s);
	int on = 1;

	if (!k->is_tcp || k->fd < 0)
		return;
	(void)setsockopt(k->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(k->fd, IPPROTO_TCP, TCP_KEEPIDLE, &how->idle_s, sizeof how->idle_s);
	(void)setsockopt(k->fd, IPPROTO_TCP, TCP_KEEPINTVL, &how->interval_s,
			 sizeof how->interval_s);
	(void)setsockopt(k->fd, IPPROTO_TCP, TCP_KEEPCNT, &how->probes, sizeof how->probes);

	bool owed = fl_list_linked(&k->silence.link);
	fl_sock_silence_leave(k); /* it was to be looked at as often as an older limit wanted */
	k->silence.limit = how->unanswered;
	k->silence.step = 0; /* they were of another length */
	if (k->silence.limit <= 0)
		return;
	try_often(k);
	if (owed)
		fl_sock_silence_begin(k);
}
