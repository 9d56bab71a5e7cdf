/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/tlsleast.c - the least that a TLS server on the distribution's OpenSSL costs.
 *
 * It listens, reads a certificate and its key, and rests, and is linked with OpenSSL. What it takes
 * no server that is linked so can save; ours opens OpenSSL at run time, behind its port.
 *
 *   tlsleast DIR PORT      until SIGTERM; cert.pem and key.pem in DIR
 */
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listens(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	       bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 16) == 0;
}

static int reads(SSL_CTX *ctx, const char *dir)
{
	char cert[512], key[512];
	snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
	snprintf(key, sizeof(key), "%s/key.pem", dir);
	return SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
	       SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1;
}

int main(int argc, char **argv)
{
	/* Who connects waits: the same order as in the hub, so that the times compare. */
	if (argc != 3 || !listens((uint16_t)strtoul(argv[2], NULL, 10))) {
		fprintf(stderr, "usage: tlsleast DIR PORT, and the port has to be free\n");
		return 1;
	}
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx || !reads(ctx, argv[1])) {
		fprintf(stderr, "tlsleast: no cert.pem and key.pem in %s\n", argv[1]);
		return 1;
	}
	for (;;)
		pause();
}
