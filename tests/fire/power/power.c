/* Tells a journal what a program does to the files of one folder, and what of it is made to last.
 *
 * Loaded with LD_PRELOAD into every process that works there. POWER_FOLDER is the folder (a real path), POWER_JOURNAL
 * the file that is appended to. A call takes effect and is noted under one lock, that on the journal (flock), which all
 * processes share: so the order of the journal is the order of effects, and whoever holds the lock has stopped time.
 * fsync and its like are noted and not carried out: what lasts is decided by whoever reads the journal.
 *
 * Left out: what is written through mmap (SQLite's index of its WAL, which it makes anew) and by stdio inside libc. The
 * test compares the journal with the folder, and so finds whatever else went past it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { MAKE = 1, FOLDER, WRITE, SIZE, RENAME, LINK, REMOVE, SYNC, SYNC_FOLDER, SYNC_ALL, SYMLINK, UNKNOWN };

struct record { /* then the two names, then the data; journal.py reads it */
  uint32_t kind;
  uint32_t mode;
  uint64_t inode;
  uint64_t offset;
  uint64_t length; /* of the data; SIZE: the new size */
  uint32_t name;
  uint32_t other;
};

#define REAL(name) ((__typeof__(&name))real(#name))
#define HIGH 700 /* where nobody else keeps a descriptor */
#define MOST (64 << 20)

static char folder[PATH_MAX];
static size_t folder_length;
static const char *journal_path;
static int journal = -1;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (found == NULL) abort();
  return found;
}

static void forked(void) {
  pthread_mutex_init(&mutex, NULL);
  if (journal >= 0) close(journal);
  journal = -1; /* the parent's has the parent's lock */
}

__attribute__((constructor)) static void begin(void) {
  const char *named = getenv("POWER_FOLDER");
  journal_path = getenv("POWER_JOURNAL");
  if (named == NULL || journal_path == NULL || strlen(named) >= PATH_MAX) return;
  strcpy(folder, named);
  folder_length = strlen(folder);
  pthread_atfork(NULL, NULL, forked);
}

static void enter(void) {
  pthread_mutex_lock(&mutex);
  if (journal < 0) {
    int low = REAL(open)(journal_path, O_RDWR | O_APPEND | O_CLOEXEC);
    journal = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, HIGH);
    if (journal < 0) abort();
    close(low);
  }
  while (flock(journal, LOCK_EX) != 0)
    if (errno != EINTR) abort();
}

static void leave(void) {
  int error = errno;
  flock(journal, LOCK_UN);
  pthread_mutex_unlock(&mutex);
  errno = error;
}

/* One record. `data` may be NULL although `record.length` is not 0: then there is none. */
static void note(struct record record, const char *name, const char *other, const struct iovec *data, int count) {
  struct iovec parts[3 + IOV_MAX];
  int error = errno, used = 3;
  record.name = name == NULL ? 0 : strlen(name);
  record.other = other == NULL ? 0 : strlen(other);
  parts[0] = (struct iovec){&record, sizeof record};
  parts[1] = (struct iovec){(void *)name, record.name};
  parts[2] = (struct iovec){(void *)other, record.other};
  size_t left = data == NULL ? 0 : record.length, total = sizeof record + record.name + record.other + left;
  for (int at = 0; at < count && left; at++) {
    size_t size = data[at].iov_len < left ? data[at].iov_len : left;
    parts[used++] = (struct iovec){data[at].iov_base, size};
    left -= size;
  }
  if (left || used > IOV_MAX || REAL(writev)(journal, parts, used) != (ssize_t)total) abort();
  errno = error;
}

/* --- what is in the folder: the path below it, or NULL ------------------------------------------------------------ */

static char *below(int fd, char *path) {
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(name, path, PATH_MAX - 1);
  if (length < (ssize_t)folder_length) return NULL;
  path[length] = 0;
  if (strncmp(path, folder, folder_length) != 0) return NULL;
  if (path[folder_length] == 0) return path + folder_length;
  return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

/* An open plain file of the folder, also one without a name any more. */
static int is_ours(int fd, struct stat *found) {
  char path[PATH_MAX];
  int error = errno, ours = folder_length && fd >= 0 && fstat(fd, found) == 0 && S_ISREG(found->st_mode) && below(fd, path);
  errno = error;
  return ours;
}

/* Where this name is, whether anything is there or not; links on the way are followed, the last one is not. */
static char *place(int at, const char *path, char *whole) {
  char parent[PATH_MAX];
  int error = errno;
  if (!folder_length || path == NULL || strlen(path) >= PATH_MAX) return NULL;
  strcpy(parent, path);
  size_t length = strlen(parent);
  while (length > 1 && parent[length - 1] == '/') parent[--length] = 0;
  char *slash = strrchr(parent, '/'), last[NAME_MAX + 1];
  const char *name = slash == NULL ? parent : slash + 1;
  if (strlen(name) > NAME_MAX) return NULL;
  strcpy(last, name);
  if (slash == NULL) strcpy(parent, ".");
  else if (slash == parent) parent[1] = 0;
  else *slash = 0;
  int fd = REAL(openat)(at, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
  char *found = fd < 0 ? NULL : below(fd, whole);
  if (fd >= 0) close(fd);
  errno = error;
  if (found == NULL || !strcmp(last, ".") || !strcmp(last, "..") || strlen(whole) + strlen(last) + 2 > PATH_MAX) return NULL;
  if (*found == 0) found++; /* the folder itself */
  strcat(whole, "/");
  strcat(whole, last);
  return found;
}

/* --- opening: a file that is made, or emptied --------------------------------------------------------------------- */

static int opened(int at, const char *path, int flags, mode_t mode) {
  int (*open_it)(int, const char *, int, ...) = REAL(openat);
  char whole[PATH_MAX];
  if (!folder_length || !(flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE) return open_it(at, path, flags, mode);
  enter();
  struct stat before, after;
  char *ours = place(at, path, whole);
  int there = fstatat(at, path, &before, 0) == 0;
  int fd = open_it(at, path, flags, mode);
  if (fd >= 0 && ours && fstat(fd, &after) == 0 && S_ISREG(after.st_mode)) {
    if (!there) note((struct record){MAKE, after.st_mode, after.st_ino, 0, 0, 0, 0}, ours, NULL, NULL, 0);
    else if ((flags & O_TRUNC) && before.st_size) note((struct record){SIZE, 0, after.st_ino, 0, 0, 0, 0}, NULL, NULL, NULL, 0);
  }
  leave();
  return fd;
}

#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __openat_2(int at, const char *path, int flags) { return opened(at, path, flags, 0); }
int __openat64_2(int at, const char *path, int flags) { return opened(at, path, flags, 0); }

/* --- content -------------------------------------------------------------------------------------------------------- */

static ssize_t written(int fd, const struct iovec *data, int count, off_t offset, int is_placed) {
  struct stat found;
  ssize_t done;
  int ours = is_ours(fd, &found);
  if (ours) {
    enter();
    if (!is_placed) {
      int appends = fcntl(fd, F_GETFL) & O_APPEND;
      offset = appends && fstat(fd, &found) == 0 ? found.st_size : lseek(fd, 0, SEEK_CUR);
    }
  }
  done = is_placed ? REAL(pwritev)(fd, data, count, offset) : REAL(writev)(fd, data, count);
  if (ours) {
    if (done > 0) note((struct record){WRITE, 0, found.st_ino, offset, done, 0, 0}, NULL, NULL, data, count);
    leave();
  }
  return done;
}

ssize_t write(int fd, const void *data, size_t size) {
  struct stat found;
  if (!is_ours(fd, &found)) return REAL(write)(fd, data, size);
  struct iovec part = {(void *)data, size};
  return written(fd, &part, 1, 0, 0);
}
ssize_t writev(int fd, const struct iovec *data, int count) { return written(fd, data, count, 0, 0); }
static ssize_t placed(int fd, const void *data, size_t size, off_t offset) {
  struct iovec part = {(void *)data, size};
  return written(fd, &part, 1, offset, 1);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return placed(fd, data, size, offset); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return placed(fd, data, size, offset); }
ssize_t pwritev(int fd, const struct iovec *data, int count, off_t offset) { return written(fd, data, count, offset, 1); }
ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t offset) { return written(fd, data, count, offset, 1); }

static int sized(int fd, struct stat *before, int ours, int done) {
  struct stat after;
  if (ours && done == 0 && fstat(fd, &after) == 0 && after.st_size != before->st_size)
    note((struct record){SIZE, 0, after.st_ino, 0, after.st_size, 0, 0}, NULL, NULL, NULL, 0);
  if (ours) leave();
  return done;
}

#define RESIZE(name, parameters, call) \
  int name parameters { \
    struct stat before; \
    int ours = is_ours(fd, &before); \
    if (ours) { enter(); fstat(fd, &before); } \
    return sized(fd, &before, ours, call); \
  }
RESIZE(ftruncate, (int fd, off_t size), REAL(ftruncate)(fd, size))
RESIZE(ftruncate64, (int fd, off64_t size), REAL(ftruncate64)(fd, size))
RESIZE(posix_fallocate, (int fd, off_t from, off_t size), REAL(posix_fallocate)(fd, from, size))
RESIZE(posix_fallocate64, (int fd, off64_t from, off64_t size), REAL(posix_fallocate64)(fd, from, size))

static int allocated(int fd, int how, off_t from, off_t size) {
  struct stat before;
  int ours = is_ours(fd, &before);
  if (ours) { enter(); fstat(fd, &before); }
  int done = REAL(fallocate)(fd, how, from, size);
  if (ours && done == 0 && (how & ~FALLOC_FL_KEEP_SIZE))
    note((struct record){UNKNOWN, 0, before.st_ino, 0, 0, 0, 0}, "fallocate", NULL, NULL, 0);
  return sized(fd, &before, ours, done);
}
int fallocate(int fd, int how, off_t from, off_t size) { return allocated(fd, how, from, size); }
int fallocate64(int fd, int how, off64_t from, off64_t size) { return allocated(fd, how, from, size); }

static int cut_to(const char *path, off_t size) {
  int fd = REAL(open)(path, O_WRONLY | O_CLOEXEC), done = fd < 0 ? -1 : ftruncate(fd, size), error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return done;
}
int truncate(const char *path, off_t size) { return cut_to(path, size); }
int truncate64(const char *path, off64_t size) { return cut_to(path, size); }

/* Copies inside the kernel: "not here", for which every caller has another way. */
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t size, unsigned how) {
  struct stat found;
  if (!is_ours(to, &found)) return REAL(copy_file_range)(from, at, to, there, size, how);
  errno = EXDEV;
  return -1;
}
ssize_t sendfile(int to, int from, off_t *at, size_t size) {
  struct stat found;
  if (!is_ours(to, &found)) return REAL(sendfile)(to, from, at, size);
  errno = ENOTSOCK;
  return -1;
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) { return sendfile(to, from, at, size); }

/* --- names ---------------------------------------------------------------------------------------------------------- */

/* A folder that comes from elsewhere or goes there is more than one record could tell. */
static int renamed(int from, const char *old, int to, const char *new, unsigned how) {
  char old_whole[PATH_MAX], new_whole[PATH_MAX];
  if (!folder_length) return REAL(renameat2)(from, old, to, new, how);
  enter();
  char *old_name = place(from, old, old_whole), *new_name = place(to, new, new_whole);
  int done = REAL(renameat2)(from, old, to, new, how);
  if (done == 0 && old_name && new_name && !(how & RENAME_EXCHANGE))
    note((struct record){RENAME, 0, 0, 0, 0, 0, 0}, old_name, new_name, NULL, 0);
  else if (done == 0 && (old_name || new_name))
    note((struct record){UNKNOWN, 0, 0, 0, 0, 0, 0}, "rename", old_name ? old_name : new_name, NULL, 0);
  leave();
  return done;
}
int rename(const char *old, const char *new) { return renamed(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return renamed(from, old, to, new, 0); }
int renameat2(int from, const char *old, int to, const char *new, unsigned how) { return renamed(from, old, to, new, how); }

static int linked(int from, const char *old, int to, const char *new, int how) {
  char whole[PATH_MAX];
  struct stat found;
  if (!folder_length) return REAL(linkat)(from, old, to, new, how);
  enter();
  char *name = place(to, new, whole);
  int done = REAL(linkat)(from, old, to, new, how);
  if (done == 0 && name && fstatat(to, new, &found, AT_SYMLINK_NOFOLLOW) == 0)
    note((struct record){LINK, 0, found.st_ino, 0, 0, 0, 0}, name, NULL, NULL, 0);
  leave();
  return done;
}
int link(const char *old, const char *new) { return linked(AT_FDCWD, old, AT_FDCWD, new, 0); }
int linkat(int from, const char *old, int to, const char *new, int how) { return linked(from, old, to, new, how); }

static int pointed(const char *target, int at, const char *path) {
  char whole[PATH_MAX];
  if (!folder_length) return REAL(symlinkat)(target, at, path);
  enter();
  char *name = place(at, path, whole);
  int done = REAL(symlinkat)(target, at, path);
  if (done == 0 && name) note((struct record){SYMLINK, 0, 0, 0, 0, 0, 0}, name, target, NULL, 0);
  leave();
  return done;
}
int symlink(const char *target, const char *path) { return pointed(target, AT_FDCWD, path); }
int symlinkat(const char *target, int at, const char *path) { return pointed(target, at, path); }

static int removed(int at, const char *path, int how) {
  char whole[PATH_MAX];
  if (!folder_length) return REAL(unlinkat)(at, path, how);
  enter();
  char *name = place(at, path, whole);
  int done = REAL(unlinkat)(at, path, how);
  if (done == 0 && name) note((struct record){REMOVE, 0, 0, 0, 0, 0, 0}, name, NULL, NULL, 0);
  leave();
  return done;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int how) { return removed(at, path, how); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }

static int made(int at, const char *path, mode_t mode) {
  char whole[PATH_MAX];
  if (!folder_length) return REAL(mkdirat)(at, path, mode);
  enter();
  char *name = place(at, path, whole);
  int done = REAL(mkdirat)(at, path, mode);
  if (done == 0 && name) note((struct record){FOLDER, mode, 0, 0, 0, 0, 0}, name, NULL, NULL, 0);
  leave();
  return done;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return made(at, path, mode); }

/* --- what is made to last ------------------------------------------------------------------------------------------- */

static int lasting(int fd, int (*call)(int)) {
  char path[PATH_MAX];
  struct stat found;
  char *name = folder_length && fstat(fd, &found) == 0 ? below(fd, path) : NULL;
  if (name == NULL || !(S_ISREG(found.st_mode) || S_ISDIR(found.st_mode))) return call(fd);
  enter();
  if (S_ISDIR(found.st_mode)) note((struct record){SYNC_FOLDER, 0, 0, 0, 0, 0, 0}, name, NULL, NULL, 0);
  else note((struct record){SYNC, 0, found.st_ino, 0, 0, 0, 0}, NULL, NULL, NULL, 0);
  leave();
  return 0;
}
int fsync(int fd) { return lasting(fd, REAL(fsync)); }
int fdatasync(int fd) { return lasting(fd, REAL(fdatasync)); }

static void all_lasting(void) {
  if (!folder_length) return;
  enter();
  note((struct record){SYNC_ALL, 0, 0, 0, 0, 0, 0}, NULL, NULL, NULL, 0);
  leave();
}
void sync(void) { REAL(sync)(); all_lasting(); }
int syncfs(int fd) { all_lasting(); return REAL(syncfs)(fd); }
