/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/request_scan.h - two ways to read the part of a map request outside its Hostinfo.
 *
 * For who knows already what its Hostinfo says. `said` is the text of it, where fl_hostinfo_find
 * found it; neither way looks inside, and both leave has_hostinfo and hostinfo as if it were null.
 *
 * Source  docs/protocol/control.md 2.2, 5.1
 */
#ifndef FL_WIRE_TAILCFG_REQUEST_SCAN_H
#define FL_WIRE_TAILCFG_REQUEST_SCAN_H

#include "wire/tailcfg/request.h"

/* The usual way, by a tree, decides on any text. Errors: those of fl_map_request_parse. */
FL_MUST enum fl_err fl_request_tree(struct fl_slice json, struct fl_slice said,
				    struct fl_map_request *out);

/*
 * The short way, straight from the text. False if there is any doubt: then it says nothing, and
 * only the tree knows whether the text is a request at all. If it is true, the tree would have come
 * to the same.
 */
FL_MUST bool fl_request_scan(struct fl_slice json, struct fl_slice said,
			     struct fl_map_request *out);

#endif
