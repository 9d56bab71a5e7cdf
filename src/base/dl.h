/* SPDX-License-Identifier: BSD-3-Clause */
/* base/dl.h - symbols of libraries that are opened at run time. */
#ifndef FL_BASE_DL_H
#define FL_BASE_DL_H

#include <stdbool.h>

/* Writes the address of `name` to *slot, a function pointer. False, and NULL: it is not there. */
bool fl_dl_find(void *lib, const char *name, void *slot);

#endif
