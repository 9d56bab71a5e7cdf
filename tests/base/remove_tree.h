/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/remove_tree.h - takes away a folder that a test made, with all that is in it. */
#ifndef FL_TESTS_BASE_REMOVE_TREE_H
#define FL_TESTS_BASE_REMOVE_TREE_H

#include <ftw.h>
#include <stdio.h>

static inline int remove_tree_entry(const char *path, const struct stat *st, int type,
				    struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

/* What cannot be removed stays. */
static inline void remove_tree(const char *dir)
{
	nftw(dir, remove_tree_entry, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
