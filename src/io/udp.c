/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/udp.c - datagrams in batches of 64, each answer from the address its question came to.
 *
 * Memory  about 290 KiB a socket for one batch; 256 of them only as far as datagrams came in.
 */
#include "io/udp.h"

#include "io/loop_impl.h"
#include "io/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCHES_PER_EVENT = 4, /* then the other sockets have their turn */
	CONTROL_MAX =
		CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)),
	SOCKET_BUFFER = 1 << 20,
};

/* The bytes lie apart from what is set up beforehand, so that only those in use get memory. */
struct bytes {
	uint8_t in[FL_UDP_PACKET_MAX], out[FL_UDP_PACKET_MAX];
};

/* One datagram and the answer to it; the answer reuses source and control data. */
struct packet {
	struct sockaddr_storage from;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_MAX];
	struct iovec in_vec, out_vec;
};

struct fl_udp {
	uv_poll_t poll;
	int fd;
	bool closed;
	fl_udp_handler *handler;
	void *ctx;
	struct fl_addrport at;
	struct fl_udp_stats stats;
	struct bytes *bytes; /* FL_UDP_BATCH */
	struct packet packets[FL_UDP_BATCH];
	struct mmsghdr in[FL_UDP_BATCH], out[FL_UDP_BATCH];
};

static void prepare(struct fl_udp *u)
{
	for (size_t i = 0; i < FL_UDP_BATCH; i++) {
		struct packet *p = &u->packets[i];
		u->in[i].msg_hdr = (struct msghdr){
			.msg_name = &p->from,
			.msg_namelen = sizeof p->from,
			.msg_iov = &p->in_vec,
			.msg_iovlen = 1,
			.msg_control = p->control,
			.msg_controllen = sizeof p->control,
		};
	}
}

/*
 * Turns "it came to this address" into "send it from there"; for IPv4 the kernel has filled in
 * the address to answer from, which differs for a broadcast. The interface is left to routing:
 * for other than link-local addresses the kernel may know a better way back.
 */
static size_t keep_source(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		size_t space = CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				info.ipi6_ifindex = 0;
			memcpy(CMSG_DATA(c), &info, sizeof info);
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof info);
			info.ipi_ifindex = 0;
			memcpy(CMSG_DATA(c), &info, sizeof info);
		} else {
			continue;
		}
		memmove(h->msg_control, c, space);
		return space;
	}
	return 0;
}

static void send_all(struct fl_udp *u, unsigned count)
{
	for (unsigned at = 0; at < count;) {
		int n = sendmmsg(u->fd, u->out + at, count - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			/* Full is so for all the rest; else only the first was refused. */
			unsigned lost = errno == EAGAIN || errno == EWOULDBLOCK ? count - at : 1;
			u->stats.write_errors += lost;
			at += lost;
			continue;
		}
		u->stats.sent += (unsigned)n;
		at += (unsigned)n;
	}
}

/* Answers one datagram into the next place of `out`; whether there is an answer. */
static bool answer(struct fl_udp *u, unsigned i, struct mmsghdr *out)
{
	struct msghdr *h = &u->in[i].msg_hdr;
	struct packet *p = &u->packets[i];
	struct bytes *b = &u->bytes[i];
	struct fl_addrport from = fl_sockaddr_read(&p->from);

	if (h->msg_flags & MSG_TRUNC) { /* longer than anything we speak */
		u->stats.read_errors++;
		return false;
	}
	size_t len = u->handler(u->ctx, fl_slice_of(b->in, u->in[i].msg_len), &from, b->out,
				sizeof b->out);
	if (len == 0 || len > sizeof b->out || u->closed)
		return false;
	p->out_vec = (struct iovec){ .iov_base = b->out, .iov_len = len };
	out->msg_hdr = (struct msghdr){
		.msg_name = &p->from,
		.msg_namelen = h->msg_namelen,
		.msg_iov = &p->out_vec,
		.msg_iovlen = 1,
		.msg_controllen = keep_source(h),
	};
	out->msg_hdr.msg_control = out->msg_hdr.msg_controllen > 0 ? p->control : NULL;
	return true;
}

/* One batch; whether there may be more. */
static bool serve_batch(struct fl_udp *u)
{
	prepare(u);
	int n = recvmmsg(u->fd, u->in, FL_UDP_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			u->stats.read_errors++; /* an ICMP error for an earlier answer */
		return false;
	}
	unsigned count = 0;
	u->stats.received += (unsigned)n;
	for (unsigned i = 0; i < (unsigned)n && !u->closed; i++)
		if (answer(u, i, &u->out[count]))
			count++;
	if (!u->closed)
		send_all(u, count);
	return n == FL_UDP_BATCH;
}

static void on_readable(uv_poll_t *h, int status, int events)
{
	struct fl_udp *u = h->data;

	(void)events;
	for (int i = 0; i < BATCHES_PER_EVENT && !u->closed && serve_batch(u); i++)
		;
	if (status < 0 && !u->closed) /* the error stopped the poll; reading has cleared it */
		uv_poll_start(&u->poll, UV_READABLE, on_readable);
}

static enum fl_err bind_fault(struct fl_fault *fault, const struct fl_addrport *at)
{
	char where[FL_ADDRPORT_TEXT_MAX];
	int e = errno;
	enum fl_err err = fl_err_of_errno(e);

	fl_addrport_format(at, where);
	return fl_fault_set(fault, err == FL_ERR_BUSY || err == FL_ERR_DENIED ? err : FL_ERR_IO,
			    "cannot receive UDP on %s: %s%s", where, strerror(e),
			    err == FL_ERR_BUSY ? "; stop the program that uses the port or "
						 "configure another"
					       : "");
}

static bool is_any(const struct fl_ip *ip)
{
	static const uint8_t zero[16];
	return memcmp(ip->b, zero, ip->family == FL_IP_V4 ? 4 : 16) == 0;
}

static enum fl_err open_socket(struct fl_udp *u, const struct fl_addrport *at,
			       struct fl_fault *fault)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int on = 1, buffer = SOCKET_BUFFER;

	u->at = *at;
	u->fd = fl_socket_open(&u->at, SOCK_DGRAM, &sa, &len);
	if (u->fd < 0)
		return bind_fault(fault, at);
	/* Bound to one address the kernel answers from it anyway, and cheaper. */
	bool wild = is_any(&at->ip);
	if (wild && sa.ss_family == AF_INET6)
		(void)setsockopt(u->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	if (wild && sa.ss_family == AF_INET)
		(void)setsockopt(u->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	(void)setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	(void)setsockopt(u->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	if (bind(u->fd, (struct sockaddr *)&sa, len) != 0)
		return bind_fault(fault, at);
	u->at = fl_sockaddr_bound(u->fd);
	return FL_OK;
}

static struct fl_udp *release(struct fl_udp *u)
{
	if (u->fd >= 0)
		close(u->fd);
	free(u->bytes);
	free(u);
	return NULL;
}

enum fl_err fl_udp_new(struct fl_loop *l, const struct fl_addrport *at, fl_udp_handler *handler,
		       void *ctx, struct fl_fault *fault, struct fl_udp **out)
{
	struct fl_udp *u = calloc(1, sizeof *u);
	if (u == NULL)
		return FL_ERR_NOMEM;

	u->fd = -1;
	u->bytes = calloc(FL_UDP_BATCH, sizeof *u->bytes);
	enum fl_err err = u->bytes != NULL ? open_socket(u, at, fault) : FL_ERR_NOMEM;
	if (err == FL_OK && uv_poll_init(&l->uv, &u->poll, u->fd) != 0)
		err = FL_ERR_IO;
	if (err != FL_OK) {
		release(u);
		return err;
	}
	for (size_t i = 0; i < FL_UDP_BATCH; i++)
		u->packets[i].in_vec =
			(struct iovec){ .iov_base = u->bytes[i].in, .iov_len = FL_UDP_PACKET_MAX };
	u->poll.data = u;
	u->handler = handler;
	u->ctx = ctx;
	uv_poll_start(&u->poll, UV_READABLE, on_readable);
	*out = u;
	return FL_OK;
}

struct fl_addrport fl_udp_at(const struct fl_udp *u)
{
	return u->at;
}

void fl_udp_stats(const struct fl_udp *u, struct fl_udp_stats *out)
{
	*out = u->stats;
}

static void on_closed(uv_handle_t *h)
{
	release(h->data);
}

struct fl_udp *fl_udp_close(struct fl_udp *u)
{
	if (u == NULL || u->closed)
		return NULL;
	u->closed = true;
	uv_close((uv_handle_t *)&u->poll, on_closed);
	close(u->fd);
	u->fd = -1;
	return NULL;
}
