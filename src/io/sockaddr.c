/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/sockaddr.c - between our addresses and the kernel's.
 */
#include "io/sockaddr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static socklen_t fill_v6(const uint8_t addr[16], uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memcpy(&in6.sin6_addr, addr, 16);
	memset(out, 0, sizeof *out);
	memcpy(out, &in6, sizeof in6);
	return sizeof in6;
}

socklen_t fl_sockaddr_of(const struct fl_addrport *at, struct sockaddr_storage *out)
{
	if (at->ip.family != FL_IP_V4)
		return fill_v6(at->ip.b, at->port, out);

	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(at->port) };
	memcpy(&in.sin_addr, at->ip.b, 4);
	memset(out, 0, sizeof *out);
	memcpy(out, &in, sizeof in);
	return sizeof in;
}

static struct fl_addrport read_v6(const struct sockaddr_in6 *in6)
{
	struct fl_addrport at = { .port = ntohs(in6->sin6_port) };
	const uint8_t *addr = in6->sin6_addr.s6_addr;

	at.ip.family = FL_IP_V6;
	memcpy(at.ip.b, addr, 16);
	at.ip = fl_ip_unmap(&at.ip);
	return at;
}

struct fl_addrport fl_sockaddr_read(const struct sockaddr_storage *sa)
{
	struct fl_addrport at = { 0 };

	if (sa->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof in6);
		at = read_v6(&in6);
	} else if (sa->ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof in);
		at.ip.family = FL_IP_V4;
		memcpy(at.ip.b, &in.sin_addr, 4);
		at.port = ntohs(in.sin_port);
	}
	return at;
}

struct fl_addrport fl_sockaddr_bound(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof sa;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		return (struct fl_addrport){ 0 };
	return fl_sockaddr_read(&sa);
}

int fl_socket_open(struct fl_addrport *at, int type, struct sockaddr_storage *out_sa,
		   socklen_t *out_len)
{
	int off = 0;

	*out_len = fl_sockaddr_of(at, out_sa);
	int fd = socket(out_sa->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && !fl_ip_is_set(&at->ip)) {
		at->ip = fl_ip_v4(0, 0, 0, 0);
		*out_len = fl_sockaddr_of(at, out_sa);
		fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	if (fd >= 0 && out_sa->ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	return fd;
}

enum fl_err fl_err_of_errno(int e)
{
	switch (e) {
	case ECONNRESET:
	case EPIPE:
	case ECONNABORTED:
	case ENOTCONN:
	case ECONNREFUSED:
		return FL_ERR_CLOSED;
	case ETIMEDOUT:
		return FL_ERR_TIMEOUT;
	case EADDRINUSE:
		return FL_ERR_BUSY;
	case EACCES:
	case EPERM:
		return FL_ERR_DENIED;
	case ENOENT:
		return FL_ERR_NOT_FOUND;
	case ENOMEM:
	case ENOBUFS:
		return FL_ERR_NOMEM;
	default:
		return FL_ERR_IO;
	}
}
