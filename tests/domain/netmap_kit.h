/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/domain/netmap_kit.h - nodes, users and settings for tests of network maps. */
#ifndef FL_TEST_NETMAP_KIT_H
#define FL_TEST_NETMAP_KIT_H

#include "../base/table.h"

#include "domain/netmap/netmap.h"

/* 2026-01-01T00:00:00Z */
#define KIT_NOW ((fl_wall)1767225600 * FL_SEC)

#define KIT_DERP                                                                                   \
	"{\"Regions\":{\"900\":{\"RegionID\":900,\"RegionCode\":\"own\",\"RegionName\":\"Own\","   \
	"\"Nodes\":[{\"Name\":\"900a\",\"RegionID\":900,\"HostName\":\"derp.example\"}]},"         \
	"\"901\":{\"RegionID\":901,\"RegionCode\":\"two\",\"RegionName\":\"Two\",\"Nodes\":[]}}}"

/* Settings of a plain tailnet "tail.example"; derp NULL = KIT_DERP. */
struct fl_netmap_config *kit_config(const char *derp);

/* A node of user 1 with addresses 100.64.0.<id> and fd7a::<id>, keys filled with the id. */
struct fl_node *kit_node(fl_node_id id, const char *name);
void kit_hostinfo(struct fl_node *n, const char *json);
void kit_endpoint(struct fl_node *n, const char *text); /* adds one */
void kit_tag(struct fl_node *n, const char *tag);
void kit_untag(struct fl_node *n, fl_user_id user);

/* Users 1 (alice), 2 (bob, with a picture); others are unknown. */
struct fl_netmap_users kit_users(void);

struct fl_prefix kit_prefix(const char *text);

/* The fragment, or NULL if it cannot be made. */
struct fl_bytes *kit_fragment(const struct fl_netmap_config *cfg, const struct fl_node *n,
			      bool online, const struct fl_netmap_routes *routes, fl_wall now);

#endif
