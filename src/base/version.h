/* SPDX-License-Identifier: BSD-3-Clause */
/* base/version.h - what this build calls itself. The build passes the words in. */
#ifndef FL_BASE_VERSION_H
#define FL_BASE_VERSION_H

#ifndef FL_VERSION
#define FL_VERSION "0.0.0"
#endif

/* The commit, "-dirty" behind it if the tree had changes; "unknown" without Git or its data. */
extern const char fl_commit[];

/* The headscale release whose admin API is mirrored; consoles gate features on it. */
#define FL_API_COMPATIBLE_VERSION "v0.30.0"

#endif
