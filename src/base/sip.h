/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/sip.h - a keyed hash for tables whose keys peers choose.
 *
 * Security  who does not know the seed cannot make keys collide; not a message authenticator.
 */
#ifndef FL_BASE_SIP_H
#define FL_BASE_SIP_H

#include <stddef.h>
#include <stdint.h>

/* The seed as two numbers, from 16 random bytes. */
void fl_sip_seed(uint64_t seed[2], const uint8_t bytes[16]);

uint64_t fl_sip_hash(const uint64_t seed[2], const void *src, size_t len);

#endif
