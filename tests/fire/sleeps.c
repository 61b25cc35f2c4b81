/* A sleep until some instant of a clock is the kernel's business. libfaketime 0.9.10 reckons such an instant from a
   start of its own, and answers EINVAL to one that lies before that; that is how Python sleeps. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left) {
    return syscall(SYS_clock_nanosleep, clock, flags, until, left) == 0 ? 0 : errno;
}
