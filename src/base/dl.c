/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/dl.h"

#include <dlfcn.h>
#include <string.h>

/* POSIX lets an object pointer from dlsym carry a function; copying avoids the forbidden cast. */
bool fl_dl_find(void *lib, const char *name, void *slot)
{
	void *symbol = dlsym(lib, name);

	memcpy(slot, &symbol, sizeof symbol);
	return symbol != NULL;
}
