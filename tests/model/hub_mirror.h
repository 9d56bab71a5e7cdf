/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/hub_mirror.h - the real hub beside its model. */
#ifndef FL_TESTS_MODEL_HUB_MIRROR_H
#define FL_TESTS_MODEL_HUB_MIRROR_H

#include "hub.h"

/*
 * Random histories of the model, each move done with domain/devices too: same connection standing,
 * same one told, same attempt. 0: they agreed. HUB_KEEP and HUB_PARK only.
 */
int hub_mirror(enum hub_rule rule, int walks);

#endif
