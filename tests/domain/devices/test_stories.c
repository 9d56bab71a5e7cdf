/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/devices/test_stories.c - plays the stories of a file, each as a test of its own.
 *
 * In the file a story begins with "== NAME"; lines with # are remarks. How to read one: kit.h.
 * Usage: test_stories FILE
 */
#include "kit.h"

#include "crypto/prim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { STORIES_MAX = 200, TEXT_MAX = 1 << 18 };

static char text[TEXT_MAX];
static struct devices_story stories[STORIES_MAX];
static struct CMUnitTest tests[STORIES_MAX];

/* Drops remarks and empty lines, so that what remains is what a story prints. */
static size_t read_stories(FILE *f)
{
	char line[256];
	size_t at = 0, n = 0;

	while (fgets(line, sizeof line, f) != NULL) {
		size_t len = strlen(line);
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (at + len + 2 > sizeof text || n == STORIES_MAX)
			return 0;
		if (strncmp(line, "== ", 3) == 0) {
			line[len - 1] = '\0';
			at += at > 0;
			stories[n].name = memcpy(text + at, line + 3, len - 3);
			at += len - 3;
			stories[n++].text = text + at;
			continue;
		}
		memcpy(text + at, line, len + 1);
		at += len;
	}
	return n;
}

int main(int argc, char **argv)
{
	FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL;

	if (f == NULL || fl_crypto_init() != FL_OK)
		return 1;
	size_t n = read_stories(f);
	(void)fclose(f);
	if (n == 0)
		return 1;
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){
			.name = stories[i].name,
			.test_func = devices_story_play,
			.initial_state = &stories[i],
		};
	return _cmocka_run_group_tests("domain/devices", tests, n, NULL, NULL);
}
