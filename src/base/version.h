/* SPDX-License-Identifier: BSD-3-Clause */
/* base/version.h - what this build calls itself. */
#ifndef FL_BASE_VERSION_H
#define FL_BASE_VERSION_H

#ifndef FL_VERSION
#define FL_VERSION "0.0.0"
#endif

#endif
