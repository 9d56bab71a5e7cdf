/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/netmap/profile.c - the user profiles of a message.
 *
 * Clients show and decide by the owner of a peer, so every owner that a message mentions comes
 * along, once. An owner without a record gets a placeholder rather than none.
 */
#include "domain/netmap/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum fl_err fl_netmap_owners_init(struct fl_netmap_owners *o, size_t cap)
{
	*o = (struct fl_netmap_owners){ .at = calloc(cap, sizeof *o->at), .cap = cap };
	return o->at != NULL || cap == 0 ? FL_OK : FL_ERR_NOMEM;
}

void fl_netmap_owners_done(struct fl_netmap_owners *o)
{
	free(o->at);
	*o = (struct fl_netmap_owners){ 0 };
}

void fl_netmap_owners_add(struct fl_netmap_owners *o, fl_user_id id)
{
	bool again = o->len > 0 && o->at[o->len - 1] == id; /* most neighbours share an owner */

	if (id != 0 && !again && o->len < o->cap)
		o->at[o->len++] = id;
}

static int compare_ids(const void *a, const void *b)
{
	fl_user_id x = *(const fl_user_id *)a, y = *(const fl_user_id *)b;
	return (x > y) - (x < y);
}

static void put_profile(struct fl_jw *w, fl_user_id id, const char *login, const char *shown,
			const char *picture)
{
	fl_jw_obj(w);
	fl_jw_key(w, "ID");
	fl_jw_u64(w, id);
	fl_jw_key(w, "LoginName");
	fl_jw_str(w, login);
	fl_jw_key(w, "DisplayName");
	fl_jw_str(w, shown);
	if (picture[0] != '\0') {
		fl_jw_key(w, "ProfilePicURL");
		fl_jw_str(w, picture);
	}
	fl_jw_obj_end(w);
}

static void put_owner(struct fl_jw *w, fl_user_id id, const struct fl_netmap_users *users)
{
	char login[24], shown[24];

	if (id == FL_TAGGED_USER_ID) {
		put_profile(w, id, FL_TAGGED_USER_NAME, FL_TAGGED_USER_DISPLAY, "");
		return;
	}
	const struct fl_user *u = users->find != NULL ? users->find(users->ctx, id) : NULL;
	if (u == NULL) {
		snprintf(login, sizeof login, "%llu", (unsigned long long)id);
		put_profile(w, id, login, login, "");
		return;
	}
	put_profile(w, id, fl_user_login_name(u, login), fl_user_shown_name(u, shown),
		    u->picture_url);
}

void fl_netmap_put_profiles(struct fl_jw *w, struct fl_netmap_owners *o,
			    const struct fl_netmap_users *users)
{
	if (o->len == 0)
		return;
	qsort(o->at, o->len, sizeof *o->at, compare_ids);
	fl_jw_key(w, "UserProfiles");
	fl_jw_arr(w);
	for (size_t i = 0; i < o->len; i++)
		if (i == 0 || o->at[i] != o->at[i - 1])
			put_owner(w, o->at[i], users);
	fl_jw_arr_end(w);
}
