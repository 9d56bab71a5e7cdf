/* SPDX-License-Identifier: BSD-3-Clause */
/* io/mdns_avahi.c - opens Avahi's libraries and finds the functions that are used. */
#include "io/mdns_avahi.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/dl.h"
#include "crypto/prim.h"

struct fl_avahi fl_avahi;

static pthread_once_t once_common = PTHREAD_ONCE_INIT, once_core = PTHREAD_ONCE_INIT,
		      once_client = PTHREAD_ONCE_INIT;
static bool have_common, have_core, have_client;

#define FIND(name) all = all && fl_dl_find(lib, "avahi_" #name, &fl_avahi.name);

static void load_common(void)
{
	void *lib = dlopen("libavahi-common.so.3", RTLD_NOW | RTLD_LOCAL);
	bool all = lib != NULL;

	FL_AVAHI_COMMON_LIST(FIND)
	have_common = all;
}

/* The core would write to standard error, which is the program's. */
static void say_nothing(AvahiLogLevel level, const char *text)
{
	(void)level;
	(void)text;
}

static void load_core(void)
{
	void *lib = dlopen("libavahi-core.so.7", RTLD_NOW | RTLD_LOCAL);
	bool all = lib != NULL;

	FL_AVAHI_CORE_LIST(FIND)
	have_core = all;
	if (!all)
		return;
	fl_avahi.set_log_function(say_nothing);
	/* It draws its delays from rand(): hosts that start as one must not ask as one. */
	unsigned seed;
	fl_random(&seed, sizeof seed);
	srand(seed);
}

static void load_client(void)
{
	void *lib = dlopen("libavahi-client.so.3", RTLD_NOW | RTLD_LOCAL);
	bool all = lib != NULL;

	FL_AVAHI_CLIENT_LIST(FIND)
	have_client = all;
}

#undef FIND

enum fl_err fl_avahi_load_core(struct fl_fault *fault)
{
	pthread_once(&once_common, load_common);
	pthread_once(&once_core, load_core);
	if (have_common && have_core)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
			    "libavahi-core.so.7 is not installed or too old, and mDNS without "
			    "Avahi's daemon needs it: install the package libavahi-core7");
}

enum fl_err fl_avahi_load_client(struct fl_fault *fault)
{
	pthread_once(&once_common, load_common);
	pthread_once(&once_client, load_client);
	if (have_common && have_client)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
			    "libavahi-client.so.3 is not installed or too old, and mDNS by "
			    "Avahi's daemon needs it: install the package libavahi-client3");
}
