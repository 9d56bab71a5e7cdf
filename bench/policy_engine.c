/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/policy_engine.c - what the policy engine costs, in process, over the files of its rival.
 *
 *	bench_policy write --fixture DIR --policy P3 --nodes 1000
 *	bench_policy compare --fixture DIR      C5, C5b: as interop/rivals/cmd/policybench does it
 *	bench_policy alone --fixture DIR        C5c and `why`: budgets, without a rival
 *
 * compile  text and population to a snapshot: reading, validation, user references, compiling,
 *          the tests of the document
 * reduce   after it, for every node once: its packet filter (rendered here, structures there), and
 *          its list of peers; each repetition has a new snapshot, since the rival keeps answers
 *
 * Times are those of the processor. Digests are sums of hashes over everything that filters and
 * peers say, so that no order counts; the rival must print the same.
 */
#include "domain/policy/policy.h"

#include "js.h"
#include "policy_fixture.h"
#include "proc.h"
#include "util.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILTER_ROOM = 64 << 20, STEPS = 100, QUERIES = 20000 };

struct run {
	struct fixture fix;
	struct fl_policy_doc *doc;
	struct fl_policy *p;
	struct fl_buf out;
	uint64_t *ids;
};

/* ---- digests ---- */

struct digest {
	double rules, sources, ports, grants, pairs;
	uint64_t filter, peers;
};

static uint64_t mix(uint64_t z)
{
	return bench_random(&z);
}

static uint64_t hash_more(uint64_t h, struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.ptr[i]) * 0x100000001b3;
	return (h ^ 0xff) * 0x100000001b3;
}

static uint64_t hash_of(const char *what)
{
	return hash_more(0xcbf29ce484222325, fl_slice_str(what));
}

/* The sum over a list of texts or numbers, and how many there are. */
static uint64_t list_sum(struct fl_slice list, const char *what, double *count)
{
	struct js j = js_over(list);
	uint64_t sum = 0;

	for (js_enter(&j, '['); js_item(&j); *count += 1) {
		struct fl_slice value = js_value(&j);
		struct fl_slice text = js_text(value);
		sum += mix(hash_more(hash_of(what), text.len > 0 ? text : value));
	}
	return sum;
}

static uint64_t port_hash(struct js *j)
{
	struct fl_slice key, ip = { 0 }, first = { 0 }, last = { 0 };

	for (js_enter(j, '{'); js_key(j, &key);) {
		struct fl_slice value = js_value(j);
		if (fl_slice_is(key, "IP")) {
			ip = js_text(value);
		} else if (fl_slice_is(key, "Ports")) {
			struct js in = js_over(value);
			for (js_enter(&in, '{'); js_key(&in, &key);)
				*(fl_slice_is(key, "First") ? &first : &last) = js_value(&in);
		}
	}
	return mix(hash_more(hash_more(hash_more(hash_of("dst"), ip), first), last));
}

static uint64_t caps_sum(struct fl_slice map)
{
	struct js j = js_over(map);
	struct fl_slice name;
	uint64_t sum = 0;

	for (js_enter(&j, '{'); js_key(&j, &name);) {
		sum += mix(hash_more(hash_of("cap"), name));
		struct js in = js_over(js_value(&j));
		for (js_enter(&in, '['); js_item(&in);)
			sum += mix(hash_more(hash_more(hash_of("value"), name), js_value(&in)));
	}
	return sum;
}

static uint64_t grant_hash(struct js *j)
{
	struct fl_slice key;
	uint64_t sum = 0;
	double n = 0;

	for (js_enter(j, '{'); js_key(j, &key);) {
		struct fl_slice value = js_value(j);
		if (fl_slice_is(key, "Dsts"))
			sum += list_sum(value, "to", &n);
		else if (fl_slice_is(key, "CapMap"))
			sum += caps_sum(value);
	}
	return mix(sum);
}

static uint64_t rule_hash(struct digest *d, struct js *j)
{
	struct fl_slice key;
	uint64_t sum = 0;
	double protos = 0;

	d->rules++;
	for (js_enter(j, '{'); js_key(j, &key);) {
		struct fl_slice value = js_value(j);
		struct js in = js_over(value);
		if (fl_slice_is(key, "SrcIPs"))
			sum += list_sum(value, "src", &d->sources);
		else if (fl_slice_is(key, "IPProto"))
			sum += list_sum(value, "proto", &protos);
		else if (fl_slice_is(key, "DstPorts"))
			for (js_enter(&in, '['); js_item(&in); d->ports++)
				sum += port_hash(&in);
		else if (fl_slice_is(key, "CapGrant"))
			for (js_enter(&in, '['); js_item(&in); d->grants++)
				sum += grant_hash(&in);
	}
	return mix(sum);
}

static void digest_node(struct run *r, struct digest *d, uint64_t id)
{
	uint64_t sum = mix(id);

	fl_buf_reset(&r->out);
	fl_policy_filter(r->p, id, &r->out);
	struct js j = js_over(fl_buf_slice(&r->out));
	for (js_enter(&j, '['); js_item(&j);)
		sum += rule_hash(d, &j);
	if (j.bad || fl_buf_err(&r->out) != FL_OK)
		bench_die("the filter of node %llu is none", (unsigned long long)id);
	d->filter += mix(sum);
}

/* Node ids are 1 and up; only pairs among every stride-th count: the rival may make no others. */
static void digest_peers(struct run *r, struct digest *d, uint64_t id, size_t stride)
{
	size_t n = fl_policy_peers(r->p, id, r->ids, r->fix.world.nodes_len);

	for (size_t i = 0; i < n; i++)
		if ((id - 1) % stride == 0 && (r->ids[i] - 1) % stride == 0) {
			d->peers += mix(mix(id) + r->ids[i]);
			d->pairs++;
		}
}

/* ---- the measurements ---- */

static void refuse(struct fl_policy_report *report)
{
	bench_die("the policy is refused: %s", report->len > 0 ? report->at[0].text : "no memory");
}

static void compile(struct run *r)
{
	const struct fl_policy_read how = { 0 };
	struct fl_policy_report report = { 0 };
	const struct fl_policy_world *w = &r->fix.world;

	if (fl_policy_doc_read(r->fix.policy, &how, &report, &r->doc) != FL_OK ||
	    fl_policy_doc_users(r->doc, w->users, w->users_len, &report) != FL_OK)
		refuse(&report);
	if (fl_policy_new(r->doc, w, &r->p) != FL_OK)
		bench_die("no snapshot");
	if (fl_policy_run_tests(r->p, &report) != FL_OK)
		refuse(&report);
	fl_policy_report_done(&report);
}

static void release(struct run *r)
{
	r->p = fl_policy_unref(r->p);
	r->doc = fl_policy_doc_free(r->doc);
}

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static double peak_mb(void)
{
	char line[256];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtod(line + 6, NULL);
	if (f != NULL)
		fclose(f);
	return kib * 1024 / 1e6;
}

static double heap(void)
{
	struct mallinfo2 m = mallinfo2();
	return (double)(m.uordblks + m.hblkhd);
}

/* Everybody's filter and peers; adds the time of each. */
static void everybody(struct run *r, int64_t *filters, int64_t *peers)
{
	const struct fl_policy_world *w = &r->fix.world;
	int64_t began = bench_self_cpu();

	for (size_t i = 0; i < w->nodes_len; i++) {
		fl_buf_reset(&r->out);
		fl_policy_filter(r->p, w->nodes[i].id, &r->out);
	}
	int64_t between = bench_self_cpu();
	for (size_t i = 0; i < w->nodes_len; i++)
		fl_policy_peers(r->p, w->nodes[i].id, r->ids, w->nodes_len);
	*filters += between - began;
	*peers += bench_self_cpu() - between;
}

static void put_digest(struct bench_line *l, const struct digest *d)
{
	char text[20];

	bench_line_num(l, "filter_rules", d->rules);
	bench_line_num(l, "filter_sources", d->sources);
	bench_line_num(l, "filter_ports", d->ports);
	bench_line_num(l, "filter_grants", d->grants);
	bench_line_num(l, "peer_pairs", d->pairs);
	snprintf(text, sizeof text, "%016llx", (unsigned long long)d->filter);
	bench_line_str(l, "filter_digest", text);
	snprintf(text, sizeof text, "%016llx", (unsigned long long)d->peers);
	bench_line_str(l, "peers_digest", text);
}

static void begin_line(struct bench_line *l, const struct run *r,
		       const struct bench_foreign *others)
{
	bench_line_begin(l, "policy");
	bench_line_str(l, "side", "ours");
	bench_line_num(l, "nodes", (double)r->fix.world.nodes_len);
	bench_line_num(l, "foreign", bench_foreign_share(others));
}

/* As the rival's program: one round for warmth, then each part until it has run long enough. */
static void compare(struct run *r, size_t stride, double seconds)
{
	int64_t compiling = 0, filters = 0, peers = 0, least = (int64_t)(seconds * 1e9);
	double rounds = 0, held = 0;
	struct digest d = { 0 };
	struct bench_foreign others;

	bench_foreign_begin(&others, 0);
	compile(r);
	for (size_t i = 0; i < r->fix.world.nodes_len; i++) {
		digest_node(r, &d, r->fix.world.nodes[i].id);
		digest_peers(r, &d, r->fix.world.nodes[i].id, stride);
	}
	release(r);
	for (; compiling < least || filters + peers < least; rounds++) {
		double before = heap();
		int64_t began = bench_self_cpu();
		compile(r);
		compiling += bench_self_cpu() - began;
		held = heap() - before;
		everybody(r, &filters, &peers);
		release(r);
	}
	struct bench_line l;
	begin_line(&l, r, &others);
	bench_line_num(&l, "compile_ms", ms(compiling) / rounds);
	bench_line_num(&l, "reduce_ms", ms(filters + peers) / rounds);
	bench_line_num(&l, "filters_ms", ms(filters) / rounds);
	bench_line_num(&l, "peers_ms", ms(peers) / rounds);
	bench_line_num(&l, "rounds", rounds);
	bench_line_num(&l, "held_mb", held / 1e6);
	bench_line_num(&l, "peak_mb", peak_mb());
	put_digest(&l, &d);
	bench_line_end(&l);
}

/* ---- alone ---- */

/* One node gets another tag, again and again; times in `out`. */
static void walk(struct run *r, uint64_t *random, int64_t *out)
{
	struct fl_policy_node *nodes = r->fix.nodes;

	for (size_t i = 0; i < STEPS; i++) {
		struct fl_policy_node *n;
		struct fl_policy *next = NULL;
		const char **tags = fl_arena_array(&r->fix.arena, 1, sizeof *tags);
		do
			n = &nodes[bench_random(random) % r->fix.world.nodes_len];
		while (n->tags_len == 0);
		char tag[24];
		snprintf(tag, sizeof tag, "tag:t%u", (unsigned)(bench_random(random) % 99));
		n->tags_len = 1;
		tags[0] = fl_arena_text(&r->fix.arena, fl_slice_str(tag));
		n->tags = tags;
		int64_t began = bench_self_cpu();
		if (fl_policy_step(r->p, n, 1, NULL, 0, &next) != FL_OK)
			bench_die("no step");
		out[i] = bench_self_cpu() - began;
		fl_policy_unref(r->p);
		r->p = next;
	}
}

static void ask(const struct run *r, uint64_t *random, int64_t *out, double *allowed)
{
	const struct fl_policy_world *w = &r->fix.world;

	for (size_t i = 0; i < QUERIES; i++) {
		const struct fl_policy_node *to = &w->nodes[bench_random(random) % w->nodes_len];
		const struct fl_policy_node *from = &w->nodes[bench_random(random) % w->nodes_len];
		uint64_t any = bench_random(random);
		struct fl_policy_query q = { from->ip4, to->ip4, 0, (uint16_t)(any % 10000) };
		struct fl_policy_verdict v = { 0 };
		if (to->served_len > 0 && any >> 63) {
			q.dst = to->served[0].ip;
			q.dst.b[3] = (uint8_t)(any >> 32);
		}
		int64_t began = bench_self_cpu();
		fl_policy_explain(r->p, &q, &v);
		out[i] = bench_self_cpu() - began;
		*allowed += v.allowed;
	}
}

/* What every hundredth node gets from all routers; the mean time of one pair, in ns. */
static double offer(const struct run *r)
{
	const struct fl_policy_world *w = &r->fix.world;
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	double pairs = 0;
	int64_t began = bench_self_cpu();

	for (size_t i = 0; i < w->nodes_len; i += 101)
		for (size_t k = 0; k < w->nodes_len; k++)
			if (w->nodes[k].served_len > 0) {
				fl_policy_routes(r->p, w->nodes[i].id, w->nodes[k].id, routes);
				pairs++;
			}
	return (double)(bench_self_cpu() - began) / pairs;
}

static double us(int64_t *times, size_t n, double q)
{
	return (double)bench_quantile(times, n, q) / 1e3;
}

/* The median of some compiles of the whole; the last one stays. */
static double compile_alone(struct run *r, double *out_held)
{
	int64_t took[7];

	for (size_t i = 0; i < sizeof took / sizeof *took; i++) {
		release(r);
		double before = heap();
		int64_t began = bench_self_cpu();
		compile(r);
		took[i] = bench_self_cpu() - began;
		*out_held = heap() - before;
	}
	return ms(bench_quantile(took, sizeof took / sizeof *took, 0.5));
}

static void alone(struct run *r)
{
	static int64_t steps[STEPS], asked[QUERIES];
	uint64_t random = 11;
	int64_t filters = 0, peers = 0;
	double allowed = 0, held = 0;
	struct bench_foreign others;
	struct bench_line l;

	bench_foreign_begin(&others, 0);
	double took = compile_alone(r, &held);
	everybody(r, &filters, &peers);
	ask(r, &random, asked, &allowed);
	walk(r, &random, steps);
	begin_line(&l, r, &others);
	bench_line_num(&l, "compile_ms", took);
	bench_line_num(&l, "filters_ms", ms(filters));
	bench_line_num(&l, "peers_ms", ms(peers));
	bench_line_num(&l, "routes_pair_ns", offer(r));
	bench_line_num(&l, "step_ms", us(steps, STEPS, 0.5) / 1e3);
	bench_line_num(&l, "step_max_ms", us(steps, STEPS, 1) / 1e3);
	bench_line_num(&l, "why_p50_us", us(asked, QUERIES, 0.5));
	bench_line_num(&l, "why_p99_us", us(asked, QUERIES, 0.99));
	bench_line_num(&l, "why_max_us", us(asked, QUERIES, 1));
	bench_line_num(&l, "why_allowed", allowed / QUERIES);
	bench_line_num(&l, "held_mb", held / 1e6);
	bench_line_num(&l, "peak_mb", peak_mb());
	bench_line_end(&l);
}

int main(int argc, char **argv)
{
	const char *folder = ".", *policy = "P3";
	double nodes = 1000, seconds = 1, cpu = -1, stride = 1;
	const struct bench_opt opts[] = {
		{ "fixture", "folder of policy.hujson and world.json", &folder, NULL },
		{ "policy", "P1 or P3, to write", &policy, NULL },
		{ "nodes", "how many, to write", NULL, &nodes },
		{ "seconds", "processor seconds each part is repeated for", NULL, &seconds },
		{ "stride", "count peers of every so many nodes only", NULL, &stride },
		{ "self-cpu", "processor to run on", NULL, &cpu },
	};
	const char *mode = argc > 1 ? argv[1] : "";
	struct run r = { .out = fl_buf_make(FILTER_ROOM) };

	bench_options(opts, sizeof opts / sizeof *opts, argc, argv, 2);
	if (strcmp(mode, "write") == 0) {
		fixture_write(folder, policy, (size_t)nodes);
		return 0;
	}
	if (cpu >= 0)
		bench_pin((int)cpu);
	fixture_read(folder, &r.fix);
	r.ids = calloc(r.fix.world.nodes_len, sizeof *r.ids);
	if (r.ids == NULL)
		bench_die("out of memory");
	if (strcmp(mode, "compare") == 0)
		compare(&r, (size_t)stride, seconds);
	else if (strcmp(mode, "alone") == 0)
		alone(&r);
	else
		bench_die("write, compare or alone");
	release(&r);
	fl_buf_done(&r.out);
	free(r.ids);
	fixture_done(&r.fix);
	return 0;
}
