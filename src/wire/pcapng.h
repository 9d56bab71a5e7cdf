/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/pcapng.h - files of captured messages that other readers take: pcap-ng, little endian, times
 * in nanoseconds, one interface, one link type.
 *
 *	section header, interface, packet, packet, ...; then perhaps another section
 *
 * Blocks have their length at both ends and a multiple of four bytes, so a file that was cut can be
 * ended at its last whole block, and two files behind each other are one.
 *
 * Memory  appended to a buffer; nothing else.
 * Limits  FL_PCAPNG_SNAP bytes of a packet are kept, FL_PCAPNG_TEXT_MAX of a text. More than that
 *         other readers do not take.
 * Source  docs/ship.md, "The message log"; draft-ietf-opsawg-pcapng 3 and 4
 */
#ifndef FL_WIRE_PCAPNG_H
#define FL_WIRE_PCAPNG_H

#include "base/buf.h"
#include "base/time.h"

enum {
	FL_PCAPNG_USER0 = 147, /* a link type that is free for whoever agrees on it */
	FL_PCAPNG_SNAP = 256 << 10,
	FL_PCAPNG_TEXT_MAX = 256,
	FL_PCAPNG_HEAD = 8,                          /* bytes that say what a block is */
	FL_PCAPNG_BLOCK_MAX = FL_PCAPNG_SNAP + 1024, /* that is written here */
};

/* Texts may be NULL. */
struct fl_pcapng_about {
	const char *program;         /* who writes it */
	const char *name, *describe; /* of the interface */
	uint16_t link_type;
};

/* Begins a section. Errors stay in the buffer. */
void fl_pcapng_begin(const struct fl_pcapng_about *a, struct fl_buf *out);

struct fl_pcapng_packet {
	fl_wall at;
	bool inbound;
	struct fl_slice bytes;
	const char *comment;
	uint64_t lost; /* how many are missing between this one and the one before; 0: none */
};

/* Errors stay in the buffer. */
void fl_pcapng_packet(const struct fl_pcapng_packet *p, struct fl_buf *out);

enum fl_pcapng_kind {
	FL_PCAPNG_INTERFACE = 1,
	FL_PCAPNG_PACKET = 6,
	FL_PCAPNG_SECTION = 0x0a0d0d0a,
};

/*
 * What begins at a block's first FL_PCAPNG_HEAD bytes: its kind and its whole length. Errors:
 * FL_ERR_SYNTAX: no block that was written here.
 */
FL_MUST enum fl_err fl_pcapng_head(struct fl_slice head, uint32_t *out_kind, uint32_t *out_len);

#endif
