/* SPDX-License-Identifier: BSD-3-Clause */
/* base/version.h - what this build calls itself. The build passes both words in. */
#ifndef FL_BASE_VERSION_H
#define FL_BASE_VERSION_H

#ifndef FL_VERSION
#define FL_VERSION "0.0.0"
#endif

#ifndef FL_COMMIT
#define FL_COMMIT "unknown"
#endif

/* The headscale release whose admin API is mirrored; consoles gate features on it. */
#define FL_API_COMPATIBLE_VERSION "v0.30.0"

#endif
