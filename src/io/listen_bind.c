/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/listen_bind.c - the sockets of listeners.
 */
#include "io/listen_bind.h"

#include "io/file.h"
#include "io/sockaddr.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, SPARE_DESCRIPTORS = 128 };

uint32_t fl_listen_conn_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return 0;
	return limit.rlim_cur > 2 * SPARE_DESCRIPTORS
		       ? (uint32_t)(limit.rlim_cur - SPARE_DESCRIPTORS)
		       : SPARE_DESCRIPTORS;
}

static enum fl_err bind_fault(struct fl_fault *fault, const char *where)
{
	int e = errno;
	enum fl_err err = fl_err_of_errno(e);

	switch (err) {
	case FL_ERR_BUSY:
		return fl_fault_set(
			fault, err,
			"cannot listen on %s: another program uses it; stop that one or "
			"configure another address",
			where);
	case FL_ERR_DENIED:
		return fl_fault_set(fault, err,
				    "cannot listen on %s: %s; ports below 1024 need "
				    "CAP_NET_BIND_SERVICE",
				    where, strerror(e));
	default:
		return fl_fault_set(fault, FL_ERR_IO,
				    "cannot listen on %s: %s; check that this machine has the "
				    "address",
				    where, strerror(e));
	}
}

static enum fl_err bind_tcp(struct fl_listen_config *cfg, struct fl_fault *fault, int *out_fd)
{
	char where[FL_ADDRPORT_TEXT_MAX];
	struct sockaddr_storage sa;
	socklen_t len;
	int on = 1;

	int fd = fl_socket_open(&cfg->at, SOCK_STREAM, &sa, &len);
	fl_addrport_format(&cfg->at, where);
	if (fd < 0)
		return bind_fault(fault, where);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&sa, len) != 0 || listen(fd, BACKLOG) != 0) {
		enum fl_err err = bind_fault(fault, where);
		close(fd);
		return err;
	}
	cfg->at = fl_sockaddr_bound(fd);
	*out_fd = fd;
	return FL_OK;
}

/* A socket file that nobody answers on is left over from a crash. */
static bool is_stale(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	int rc = connect(fd, (const struct sockaddr *)un, sizeof *un);
	bool stale = rc != 0 && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static enum fl_err make_parent(const char *path, struct fl_fault *fault)
{
	char folder[sizeof((struct sockaddr_un *)0)->sun_path];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return FL_OK;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	return fl_dir_make(folder, 0750, fault);
}

static enum fl_err set_address(const char *path, struct fl_fault *fault, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof out->sun_path)
		return fl_fault_set(fault, FL_ERR_IO,
				    "the socket path %s is longer than %zu bytes; choose a "
				    "shorter one",
				    path, sizeof out->sun_path - 1);
	memcpy(out->sun_path, path, strlen(path));
	return FL_OK;
}

static bool note_file(const char *path, struct fl_listen_file *out)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return false;
	*out = (struct fl_listen_file){ .dev = st.st_dev, .ino = st.st_ino };
	return true;
}

static enum fl_err bind_unix(const struct fl_listen_config *cfg, struct fl_fault *fault,
			     int *out_fd, struct fl_listen_file *out_file)
{
	struct sockaddr_un un;
	struct stat st;

	enum fl_err err = set_address(cfg->unix_path, fault, &un);
	if (err == FL_OK)
		err = make_parent(cfg->unix_path, fault);
	if (err != FL_OK)
		return err;
	if (lstat(cfg->unix_path, &st) == 0 && S_ISSOCK(st.st_mode) && is_stale(&un))
		(void)unlink(cfg->unix_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return bind_fault(fault, cfg->unix_path);
	/* Between bind and listen nobody can connect, so the mode is right from the start. */
	bool bound = bind(fd, (const struct sockaddr *)&un, sizeof un) == 0;
	if (bound && note_file(cfg->unix_path, out_file) &&
	    chmod(cfg->unix_path, cfg->unix_mode) == 0 && listen(fd, BACKLOG) == 0) {
		*out_fd = fd;
		return FL_OK;
	}
	err = bind_fault(fault, cfg->unix_path);
	fl_listen_unbind(cfg, fd, out_file);
	return err;
}

enum fl_err fl_listen_bind(struct fl_listen_config *cfg, struct fl_fault *fault, int *out_fd,
			   struct fl_listen_file *out_file)
{
	*out_file = (struct fl_listen_file){ 0 };
	return cfg->unix_path != NULL ? bind_unix(cfg, fault, out_fd, out_file)
				      : bind_tcp(cfg, fault, out_fd);
}

void fl_listen_unbind(const struct fl_listen_config *cfg, int fd, const struct fl_listen_file *file)
{
	struct fl_listen_file now;

	if (cfg->unix_path != NULL && note_file(cfg->unix_path, &now) && now.ino == file->ino &&
	    now.dev == file->dev)
		(void)unlink(cfg->unix_path);
	if (fd >= 0)
		close(fd);
}
