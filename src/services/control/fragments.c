/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/fragments.c - a map from node id to its peer text. */
#include "services/control/fragments.h"

#include <stdlib.h>

#include "base/map.h"

struct fl_fragments {
	struct fl_core *core;
	struct fl_map texts;
	uint8_t seed[16];
};

enum fl_err fl_fragments_new(struct fl_core *core, const uint8_t seed[static 16],
			     struct fl_fragments **out)
{
	struct fl_fragments *f = calloc(1, sizeof *f);
	if (f == NULL)
		return FL_ERR_NOMEM;
	f->core = core;
	memcpy(f->seed, seed, sizeof f->seed);
	fl_map_init(&f->texts, sizeof(fl_node_id), f->seed);
	*out = f;
	return FL_OK;
}

void fl_fragments_drop_all(struct fl_fragments *f)
{
	for (size_t at = 0;;) {
		struct fl_bytes *text = fl_map_next(&f->texts, &at);
		if (text == NULL)
			break;
		fl_bytes_unref(text);
	}
	fl_map_done(&f->texts);
	fl_map_init(&f->texts, sizeof(fl_node_id), f->seed);
}

struct fl_fragments *fl_fragments_free(struct fl_fragments *f)
{
	if (f == NULL)
		return NULL;
	fl_fragments_drop_all(f);
	fl_map_done(&f->texts);
	free(f);
	return NULL;
}

void fl_fragments_drop(struct fl_fragments *f, fl_node_id node)
{
	fl_bytes_unref(fl_map_take(&f->texts, &node));
}

void fl_served_fill(const struct fl_core *core, const struct fl_node *n, struct fl_served *out)
{
	size_t served = fl_state_served(core->state, n, out->served), primary = 0;

	for (size_t i = 0; i < served; i++) {
		if (!fl_prefix_is_exit(&out->served[i]) &&
		    fl_state_primary(core->state, &out->served[i]) == n->id)
			out->primary[primary++] = out->served[i];
	}
	out->routes = (struct fl_netmap_routes){
		.served = out->served,
		.primary = out->primary,
		.served_count = served,
		.primary_count = primary,
	};
}

enum fl_err fl_fragments_get(struct fl_fragments *f, const struct fl_netmap_config *cfg,
			     const struct fl_node *n, const struct fl_bytes **out)
{
	struct fl_bytes *text = fl_map_find(&f->texts, &n->id);
	struct fl_served served;
	const struct fl_netmap_presence presence = {
		.online = fl_presence_online(f->core->presence, n->id),
	};

	*out = text;
	if (text != NULL)
		return FL_OK;
	fl_served_fill(f->core, n, &served);
	enum fl_err err = fl_netmap_fragment(cfg, n, &presence, &served.routes,
					     fl_loop_wall(f->core->loop), &text);
	if (err == FL_ERR_INVALID)
		return FL_OK;
	if (err == FL_OK)
		err = fl_map_put(&f->texts, &n->id, text);
	if (err != FL_OK) {
		fl_bytes_unref(text);
		return err;
	}
	*out = text;
	return FL_OK;
}
