/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/disk.c - SQLite's VFS over files in memory. */
#include "disk.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

enum { FILES_MAX = 16, NAME_LEN = 64, SHM_MAX = 64, SECTOR = 4096 };

struct bytes {
	unsigned char *at;
	size_t len, cap;
};

/* What was written since the last sync. `data` NULL: a truncation to `to`. */
struct write {
	unsigned char *data;
	size_t to, len;
};

struct image {
	char name[NAME_LEN]; /* "": free */
	struct bytes now, synced;
	struct write *writes;
	size_t writes_len, writes_cap;
	void *shm[SHM_MAX];
	bool temporary;
};

struct handle {
	sqlite3_file base;
	struct image *image;
};

static struct {
	struct image files[FILES_MAX];
	struct fl_rng *rng;
	enum sim_disk_fault fault;
	long left;
	bool hit, dead;
	void (*on_death)(void *ctx);
	void *death_ctx;
} disk;

/* ---- contents ---- */

static void reserve(struct bytes *b, size_t len)
{
	if (len <= b->cap)
		return;
	size_t cap = b->cap > 0 ? b->cap : 4096;
	while (cap < len)
		cap *= 2;
	b->at = realloc(b->at, cap);
	if (b->at == NULL)
		abort();
	memset(b->at + b->cap, 0, cap - b->cap);
	b->cap = cap;
}

static void resize(struct bytes *b, size_t len)
{
	reserve(b, len);
	if (len < b->len)
		memset(b->at + len, 0, b->len - len);
	b->len = len;
}

static void put(struct bytes *b, size_t to, const unsigned char *data, size_t len)
{
	if (to + len > b->len)
		resize(b, to + len);
	memcpy(b->at + to, data, len);
}

static void copy_bytes(struct bytes *to, const struct bytes *from)
{
	resize(to, 0);
	if (from->len > 0)
		put(to, 0, from->at, from->len);
}

static void apply(struct bytes *b, const struct write *w, size_t len)
{
	if (w->data == NULL)
		resize(b, w->to);
	else
		put(b, w->to, w->data, len);
}

static void remember(struct image *f, const void *data, size_t to, size_t len)
{
	if (f->writes_len == f->writes_cap) {
		f->writes_cap = f->writes_cap > 0 ? 2 * f->writes_cap : 16;
		f->writes = reallocarray(f->writes, f->writes_cap, sizeof *f->writes);
		if (f->writes == NULL)
			abort();
	}
	struct write *w = &f->writes[f->writes_len++];
	*w = (struct write){ .to = to, .len = len };
	if (data == NULL)
		return;
	w->data = malloc(len + 1);
	if (w->data == NULL)
		abort();
	memcpy(w->data, data, len);
}

static void forget_writes(struct image *f)
{
	for (size_t i = 0; i < f->writes_len; i++)
		free(f->writes[i].data);
	f->writes_len = 0;
}

static void drop_shm(struct image *f)
{
	for (size_t i = 0; i < SHM_MAX; i++) {
		free(f->shm[i]);
		f->shm[i] = NULL;
	}
}

static void erase(struct image *f)
{
	forget_writes(f);
	drop_shm(f);
	free(f->writes);
	free(f->now.at);
	free(f->synced.at);
	*f = (struct image){ 0 };
}

static struct image *find(const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		if (disk.files[i].name[0] != '\0' && strcmp(disk.files[i].name, name) == 0)
			return &disk.files[i];
	return NULL;
}

static struct image *create(const char *name)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		struct image *f = &disk.files[i];
		if (f->name[0] != '\0')
			continue;
		f->temporary = name == NULL;
		strncpy(f->name, name != NULL ? name : "(temporary)", NAME_LEN - 1);
		return f;
	}
	return NULL;
}

/* ---- failing ---- */

static void die(void)
{
	disk.dead = true;
	if (disk.on_death != NULL)
		disk.on_death(disk.death_ctx);
}

static bool fails(void)
{
	if (disk.dead || (disk.hit && disk.fault == SIM_DISK_FULL))
		return true;
	if (disk.fault == SIM_DISK_FINE || disk.hit || disk.left-- > 0)
		return false;
	disk.hit = true;
	if (disk.fault == SIM_DISK_DEAD)
		die();
	return true;
}

static int why(int usually)
{
	return disk.fault == SIM_DISK_FULL ? SQLITE_FULL : usually;
}

/* ---- a file ---- */

static struct image *image_of(sqlite3_file *f)
{
	return ((struct handle *)(void *)f)->image;
}

static int f_close(sqlite3_file *f)
{
	struct image *i = image_of(f);

	if (i->temporary)
		erase(i);
	return SQLITE_OK;
}

static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	const struct bytes *b = &image_of(f)->now;
	size_t from = (size_t)at, have = from < b->len ? b->len - from : 0;

	if (have >= (size_t)n) {
		memcpy(to, b->at + from, (size_t)n);
		return SQLITE_OK;
	}
	memset(to, 0, (size_t)n);
	if (have > 0)
		memcpy(to, b->at + from, have);
	return SQLITE_IOERR_SHORT_READ;
}

static int f_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	struct image *i = image_of(f);
	bool failed = fails();
	size_t len = failed ? (size_t)n / 2 : (size_t)n;

	put(&i->now, (size_t)at, from, len);
	remember(i, from, (size_t)at, len);
	return failed ? why(SQLITE_IOERR_WRITE) : SQLITE_OK;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	struct image *i = image_of(f);

	if (fails())
		return SQLITE_IOERR_TRUNCATE;
	resize(&i->now, (size_t)size);
	remember(i, NULL, (size_t)size, 0);
	return SQLITE_OK;
}

static int f_sync(sqlite3_file *f, int flags)
{
	struct image *i = image_of(f);

	(void)flags;
	if (fails())
		return why(SQLITE_IOERR_FSYNC);
	for (size_t k = 0; k < i->writes_len; k++)
		apply(&i->synced, &i->writes[k], i->writes[k].len);
	forget_writes(i);
	return SQLITE_OK;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)image_of(f)->now.len;
	return SQLITE_OK;
}

static int f_lock(sqlite3_file *f, int level)
{
	(void)f;
	(void)level;
	return SQLITE_OK; /* one process */
}

static int f_reserved(sqlite3_file *f, int *out)
{
	(void)f;
	*out = 0;
	return SQLITE_OK;
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	(void)f;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int f_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}

static int f_features(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	struct image *i = image_of(f);

	if (page >= SHM_MAX)
		return SQLITE_FULL;
	if (i->shm[page] == NULL && extend)
		i->shm[page] = calloc(1, (size_t)size);
	*out = i->shm[page];
	return SQLITE_OK;
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	(void)f;
	(void)offset;
	(void)n;
	(void)flags;
	return SQLITE_OK;
}

static void f_shm_barrier(sqlite3_file *f)
{
	(void)f;
}

static int f_shm_unmap(sqlite3_file *f, int delete)
{
	(void)delete;
	drop_shm(image_of(f));
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = f_close,
	.xRead = f_read,
	.xWrite = f_write,
	.xTruncate = f_truncate,
	.xSync = f_sync,
	.xFileSize = f_size,
	.xLock = f_lock,
	.xUnlock = f_lock,
	.xCheckReservedLock = f_reserved,
	.xFileControl = f_control,
	.xSectorSize = f_sector,
	.xDeviceCharacteristics = f_features,
	.xShmMap = f_shm_map,
	.xShmLock = f_shm_lock,
	.xShmBarrier = f_shm_barrier,
	.xShmUnmap = f_shm_unmap,
};

/* ---- the file system ---- */

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct handle *h = (struct handle *)(void *)file;

	(void)vfs;
	h->base.pMethods = NULL;
	h->image = name != NULL ? find(name) : NULL;
	if (h->image == NULL && (name == NULL || (flags & SQLITE_OPEN_CREATE) != 0))
		h->image = disk.dead ? NULL : create(name);
	if (h->image == NULL)
		return SQLITE_CANTOPEN;
	h->base.pMethods = &methods;
	if (out != NULL)
		*out = flags;
	return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct image *f = find(name);

	(void)vfs;
	(void)sync;
	if (fails())
		return SQLITE_IOERR_DELETE;
	if (f == NULL)
		return SQLITE_IOERR_DELETE_NOENT;
	erase(f);
	return SQLITE_OK;
}

static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	(void)flags;
	*out = find(name) != NULL;
	return SQLITE_OK;
}

static int v_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	strncpy(out, name, (size_t)n);
	return SQLITE_OK;
}

static int v_random(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	for (int i = 0; i < n; i++)
		out[i] = (char)fl_rng_next(disk.rng);
	return n;
}

static int v_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int v_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	*out = 2460000.5; /* nothing that is stored comes from here */
	return SQLITE_OK;
}

static sqlite3_vfs vfs = {
	.iVersion = 1,
	.szOsFile = (int)sizeof(struct handle),
	.mxPathname = NAME_LEN - 1,
	.zName = "sim",
	.xOpen = v_open,
	.xDelete = v_delete,
	.xAccess = v_access,
	.xFullPathname = v_path,
	.xRandomness = v_random,
	.xSleep = v_sleep,
	.xCurrentTime = v_time,
};

/* ---- the world's side ---- */

void sim_disk_init(struct fl_rng *rng)
{
	disk.rng = rng;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

void sim_disk_format(void)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		erase(&disk.files[i]);
}

void sim_disk_arm(enum sim_disk_fault fault, long n)
{
	disk.fault = fault;
	disk.left = n;
	disk.hit = false;
}

void sim_disk_on_death(void (*fn)(void *ctx), void *ctx)
{
	disk.on_death = fn;
	disk.death_ctx = ctx;
}

void sim_disk_kill(void)
{
	disk.dead = true;
}

bool sim_disk_is_dead(void)
{
	return disk.dead;
}

bool sim_disk_hit(void)
{
	return disk.hit;
}

enum lost { LOSES_ALL, LOSES_NONE, LOSES_THE_END, LOSES_ANY, LOST_KINDS };

static void recover(struct image *f, enum lost how)
{
	size_t prefix = (size_t)fl_rng_below(disk.rng, f->writes_len + 1);

	for (size_t i = 0; i < f->writes_len && how != LOSES_ALL; i++) {
		const struct write *w = &f->writes[i];
		size_t len = w->len;
		if (how == LOSES_THE_END && i >= prefix)
			break;
		if (how == LOSES_ANY && fl_rng_below(disk.rng, 2) == 0)
			continue;
		if (how != LOSES_NONE && i + 1 == f->writes_len)
			len = (size_t)fl_rng_below(disk.rng, w->len + 1);
		apply(&f->synced, w, len);
	}
	forget_writes(f);
	drop_shm(f);
	copy_bytes(&f->now, &f->synced);
}

void sim_disk_power_cut(void)
{
	enum lost how = (enum lost)fl_rng_below(disk.rng, LOST_KINDS);

	for (size_t i = 0; i < FILES_MAX; i++)
		if (disk.files[i].name[0] != '\0')
			recover(&disk.files[i], how);
	disk.dead = false;
	sim_disk_arm(SIM_DISK_FINE, 0);
}

void sim_disk_copy(const char *from, const char *to)
{
	const struct image *f = find(from);
	struct image *t = find(to);

	if (t != NULL)
		erase(t);
	t = f != NULL ? create(to) : NULL;
	if (t == NULL)
		return;
	copy_bytes(&t->now, &f->synced);
	copy_bytes(&t->synced, &f->synced);
}

bool sim_disk_touch(const char *name, size_t *out_size)
{
	struct image *f = find(name);

	if (f == NULL)
		f = create(name);
	*out_size = f != NULL ? f->now.len : 0;
	return f != NULL;
}
