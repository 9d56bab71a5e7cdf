/* SPDX-License-Identifier: BSD-3-Clause */
/* io/curl.c - opens libcurl and finds the functions that are used. */
#include "io/curl.h"

#include <dlfcn.h>
#include <pthread.h>

#include "base/dl.h"

struct fl_curl fl_curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;

static void load(void)
{
	static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
	void *lib = NULL;

	for (size_t i = 0; lib == NULL && i < sizeof names / sizeof *names; i++)
		lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (lib == NULL)
		return;
	bool all = true;
#define FIND(name) all = fl_dl_find(lib, "curl_" #name, &fl_curl.name) && all;
	FL_CURL_LIST(FIND)
#undef FIND
	loaded = all;
}

enum fl_err fl_curl_load(struct fl_fault *fault)
{
	pthread_once(&once, load);
	if (loaded)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
			    "libcurl is not installed, and a request to another server "
			    "needs it: install the package libcurl4");
}
