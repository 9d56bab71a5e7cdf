/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/proto/key_from.h - the private keys of the published vector: bytes that count up. */
#ifndef FL_TESTS_PROTO_KEY_FROM_H
#define FL_TESTS_PROTO_KEY_FROM_H

#include "crypto/keys.h"

static inline struct fl_private_key key_from(unsigned first)
{
	struct fl_private_key k;

	for (size_t i = 0; i < sizeof k.b; i++)
		k.b[i] = (uint8_t)(first + i);
	return k;
}

#endif
