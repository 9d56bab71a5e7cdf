/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/mirror.h - the real registry beside the model. */
#ifndef FL_TESTS_MODEL_MIRROR_H
#define FL_TESTS_MODEL_MIRROR_H

/* Random histories of the model, each move done with domain/registry too. 0: they agreed. */
int mirror(int walks);

#endif
