/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/fuzz/replay.c - runs a fuzz target over every file of a corpus folder, as a plain test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4 << 20 };

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);
	if (f == NULL || data == NULL) {
		fprintf(stderr, "cannot read %s\n", path);
		free(data);
		if (f != NULL)
			fclose(f);
		return -1;
	}
	size_t len = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees the true end */
	if (exact == NULL) {
		free(data);
		return -1;
	}
	memcpy(exact, data, len);
	free(data);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: replay CORPUS_FOLDER\n");
		return 2;
	}
	DIR *dir = opendir(argv[1]);
	if (dir == NULL) {
		fprintf(stderr, "no corpus folder %s\n", argv[1]);
		return 1;
	}
	size_t count = 0;
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
		if (e->d_name[0] == '.')
			continue;
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
		if (replay_file(path) < 0) {
			closedir(dir);
			return 1;
		}
		count++;
	}
	closedir(dir);
	printf("%zu inputs replayed\n", count);
	return count == 0;
}
