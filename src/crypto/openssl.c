/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto/openssl.c - opens libssl, and libcrypto with it, and finds the functions that are used. */
#include "crypto/openssl.h"

#include <dlfcn.h>
#include <pthread.h>

#include "base/dl.h"

struct fl_openssl fl_openssl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;

static void load(void)
{
	void *lib = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
	bool all = lib != NULL;

#define FIND(name) all = all && fl_dl_find(lib, #name, &name);
	FL_OPENSSL_LIST(FIND)
#undef FIND
	loaded = all;
}

enum fl_err fl_openssl_load(void)
{
	pthread_once(&once, load);
	return loaded ? FL_OK : FL_ERR_UNSUPPORTED;
}
