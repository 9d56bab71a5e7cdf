/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/captures/main.c - runs every policy case below a folder.
 * Usage: captures DIR [KNOWN]
 *
 * Prints each failing case with its differences, then "N passed, N failed, N skipped"; with
 * CMOCKA_MESSAGE_OUTPUT=TAP also a line of TAP a case. KNOWN is a list of "CASE PART reason" lines:
 * differences that docs/policy.md 12 explains; one that does not occur, in a folder that has the
 * case, is a failure of its own. Exit: 0, 1 (a failure, or no case at all), 2 (usage).
 */
#include "check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATHS_MAX = 1 << 16 };

static char *paths[PATHS_MAX];
static size_t paths_len;

static int keep_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t len = strlen(path);

	(void)st, (void)ftw;
	if (type == FTW_F && len > 5 && strcmp(path + len - 5, ".json") == 0 &&
	    paths_len < PATHS_MAX)
		paths[paths_len++] = strdup(path);
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void load_known(const char *path, struct known *known)
{
	char line[1024];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		known->lines = realloc(known->lines, (known->len + 1) * sizeof *known->lines);
		known->lines[known->len++] = strdup(line);
	}
	fclose(f);
	known->used = calloc(known->len + 1, sizeof *known->used);
}

/* ---- one case ---- */

static void check_refused(struct check *k, enum fl_err err, const struct fl_policy_report *report)
{
	struct fl_buf text = fl_buf_make(1 << 20);

	fl_policy_report_text(report, &text);
	fl_buf_byte(&text, '\0');
	if (err == FL_OK)
		check_differs(k, "refusal", NULL, k->c->message, "accepted");
	else if (strcmp(k->c->category, "nodeattrs") != 0 && k->c->message != NULL &&
		 strstr((const char *)text.ptr, k->c->message) == NULL)
		check_differs(k, "refusal", NULL, k->c->message, (const char *)text.ptr);
	fl_buf_done(&text);
}

static void check_accepted(struct check *k, enum fl_err err, const struct fl_policy_report *report)
{
	struct fl_buf text = fl_buf_make(1 << 20);

	if (err != FL_OK) {
		fl_policy_report_text(report, &text);
		fl_buf_byte(&text, '\0');
		check_differs(k, "refusal", NULL, "accepted", (const char *)text.ptr);
		fl_buf_done(&text);
		return;
	}
	for (size_t i = 0; i < k->c->world.nodes_len; i++) {
		const struct fl_policy_node *n = &k->c->world.nodes[i];
		json_t *told = capture_told(k->c, n);
		if (told == NULL)
			continue;
		check_filter(k, n, told);
		check_whois(k, n, told);
		check_ssh(k, n, told);
		check_caps(k, n, told);
		check_peers(k, n, told);
	}
	if (strcmp(k->c->category, "routes") == 0)
		check_approval(k);
	check_as_grants(k);
}

/* Reading, references to users, tests: as when a user sets the policy. */
static enum fl_err set_policy(const struct capture *c, struct fl_policy_report *report,
			      struct fl_policy_doc **doc, struct fl_policy **p)
{
	const struct fl_policy_read how = { .domains = capture_domains, .domains_len = 1 };
	enum fl_err err = fl_policy_doc_read(fl_slice_str(c->policy), &how, report, doc);

	if (err == FL_OK && *doc != NULL)
		err = fl_policy_doc_users(*doc, c->world.users, c->world.users_len, report);
	if (err == FL_OK)
		err = fl_policy_new(*doc, &c->world, p);
	if (err == FL_OK)
		err = fl_policy_run_tests(*p, report);
	return err;
}

static bool run(const char *path, struct known *known)
{
	struct capture c;
	struct fl_policy_doc *doc = NULL;
	struct fl_policy *p = NULL;
	struct fl_policy_report report = { 0 };
	struct check k = { .c = &c, .known = known };
	const char *broken = capture_load(path, &c);

	if (broken != NULL) {
		printf("FAIL %s\n  %s\n", path, broken);
		capture_done(&c);
		return false;
	}
	enum fl_err err = set_policy(&c, &report, &doc, &p);
	k.p = p;
	if (c.rejected)
		check_refused(&k, err, &report);
	else
		check_accepted(&k, err, &report);
	if (k.failed > 0)
		printf("FAIL %s\n", c.id);
	fl_policy_report_done(&report);
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
	capture_done(&c);
	return k.failed == 0;
}

/* ---- all cases ---- */

static void tell(size_t number, bool ok, const char *path)
{
	const char *form = getenv("CMOCKA_MESSAGE_OUTPUT"), *name = strrchr(path, '/');

	if (form != NULL && strcmp(form, "TAP") == 0)
		printf("%s %zu - %s\n", ok ? "ok" : "not ok", number,
		       name != NULL ? name + 1 : path);
}

/* Is "CASE.json" among the files that were run? */
static bool was_run(const char *line)
{
	char id[256], name[300];

	if (sscanf(line, "%255s", id) != 1)
		return false;
	snprintf(name, sizeof name, "/%s.json", id);
	for (size_t i = 0; i < paths_len; i++) {
		size_t len = strlen(paths[i]), tail = strlen(name);
		if (len >= tail && strcmp(paths[i] + len - tail, name) == 0)
			return true;
	}
	return false;
}

static size_t stale_lines(const struct known *known)
{
	size_t stale = 0;

	for (size_t i = 0; i < known->len; i++) {
		if (known->used[i] || !was_run(known->lines[i]))
			continue;
		printf("FAIL this known difference does not occur: %s", known->lines[i]);
		stale++;
	}
	return stale;
}

static void forget(struct known *known)
{
	for (size_t i = 0; i < known->len; i++)
		free(known->lines[i]);
	for (size_t i = 0; i < paths_len; i++)
		free(paths[i]);
	free(known->lines);
	free(known->used);
}

int main(int argc, char **argv)
{
	struct known known = { 0 };
	size_t passed = 0, failed = 0;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: captures DIR [KNOWN]\n");
		return 2;
	}
	if (argc == 3)
		load_known(argv[2], &known);
	nftw(argv[1], keep_path, 16, FTW_PHYS);
	qsort(paths, paths_len, sizeof *paths, by_path);
	for (size_t i = 0; i < paths_len; i++) {
		bool ok = run(paths[i], &known);
		passed += ok;
		failed += !ok;
		tell(i + 1, ok, paths[i]);
	}
	failed += stale_lines(&known);
	if (paths_len == 0)
		printf("no case below %s\n", argv[1]);
	forget(&known);
	printf("%zu passed, %zu failed, 0 skipped\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}
