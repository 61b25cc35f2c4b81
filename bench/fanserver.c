// fanserver: the limit that the hub's fan-out is compared with. One thread writes the same event frames to every
// subscriber, with nothing behind them: no log, no keys, no HTTP beyond one status line.
//
//   cc -O2 -o fanserver fanserver.c
//   fanserver FRAME_BYTES FRAMES_PER_WRITE
//
// Prints the port it listens on. Whoever connects and sends a request is a subscriber. A line on stdin starts the flood;
// the end of stdin ends the program. Frames look like the hub's and are padded to FRAME_BYTES. FRAMES_PER_WRITE of them
// are a page: made once, shared by all, and at most one page goes into one write. A ring keeps the newest pages; each
// subscriber has a place in it, one whose socket is full is passed over until it has room, and the next page is made once
// the slowest has taken the oldest. Every frame carries the stamp that fanclient.c reads:
//   "T":"<19 digits: CLOCK_MONOTONIC in ns> <10 digits: number of the frame, from 0>"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 65536, MAX_READY = 256, SMALLEST_FRAME = 128, RING_PAGES = 8 };

typedef struct {
    int fd, full;
    long page;    // the one it is at, counted from the first page ever
    size_t sent;  // bytes of that page
} Subscriber;

static Subscriber subscribers[MAX_FILES];
static int subscriber_count, place_of[MAX_FILES];  // by file descriptor; -1: has not asked yet
static char *ring;
static size_t page_bytes;
static int frame_bytes, frames_per_page;
static long pages_made;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// --- connections ---

static int listen_on_free_port(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0)
        die("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void watch(int poll, int fd, unsigned what) {
    struct epoll_event event = {.events = what, .data.fd = fd};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static void welcome(int poll, int listener) {
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd < 0)
        return;
    if (fd >= MAX_FILES) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    place_of[fd] = -1;
    watch(poll, fd, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void forget(int fd) {
    int place = place_of[fd];
    if (place >= 0) {
        subscribers[place] = subscribers[--subscriber_count];
        place_of[subscribers[place].fd] = place;
    }
    close(fd);
}

// A request came in, or its sender has gone.
static void listen_to(int fd) {
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 1000\n\n";
    char request[4096];
    if (read(fd, request, sizeof request) <= 0) {
        forget(fd);
    } else if (place_of[fd] < 0 && write(fd, head, sizeof head - 1) == sizeof head - 1) {
        place_of[fd] = subscriber_count;
        subscribers[subscriber_count++] = (Subscriber){.fd = fd, .page = pages_made};
    }
}

// --- the flood ---

// One frame of exactly `frame_bytes` bytes; dots fill what is left.
static void print_frame(char *at, long number) {
    static const char end[] = "\"}}\n\n";
    int head = sprintf(at, "id: %ld\nevent: text-delta\ndata: {\"seq\":%ld,\"body\":{\"T\":\"%019lld %010ld\",\"delta\":\"",
                       number + 1, number + 1, now_ns(), number);
    int tail = sizeof end - 1;
    memset(at + head, '.', frame_bytes - head - tail);
    memcpy(at + frame_bytes - tail, end, tail);
}

static void make_page(void) {
    char *page = ring + pages_made % RING_PAGES * page_bytes;
    for (int i = 0; i < frames_per_page; i++)
        print_frame(page + (size_t)i * frame_bytes, pages_made * frames_per_page + i);
    pages_made++;
}

// Write what is left of the subscriber's page.
static void serve(Subscriber *subscriber) {
    const char *page = ring + subscriber->page % RING_PAGES * page_bytes;
    ssize_t sent = send(subscriber->fd, page + subscriber->sent, page_bytes - subscriber->sent, MSG_NOSIGNAL);
    if (sent < 0)
        subscriber->full = 1;  // or gone; epoll reports either
    else if ((subscriber->sent += sent) == page_bytes)
        subscriber->page++, subscriber->sent = 0;
}

// One write to everybody who wants one and has room. Whether there was anything to do.
static int flood_once(void) {
    long slowest = pages_made;
    int busy = 0;
    for (int i = 0; i < subscriber_count; i++) {
        Subscriber *subscriber = &subscribers[i];
        if (!subscriber->full && subscriber->page < pages_made) {
            serve(subscriber);
            busy = 1;
        }
        if (subscriber->page < slowest)
            slowest = subscriber->page;
    }
    if (pages_made - slowest == RING_PAGES)
        return busy;
    make_page();
    return 1;
}

static void take_events(int poll, int listener, int timeout_ms, int *flooding) {
    struct epoll_event ready[MAX_READY];
    int found = epoll_wait(poll, ready, MAX_READY, timeout_ms);
    for (int i = 0; i < found; i++) {
        int fd = ready[i].data.fd;
        char line[64];
        if (fd == listener) {
            welcome(poll, listener);
        } else if (fd == STDIN_FILENO) {
            if (read(fd, line, sizeof line) <= 0)
                exit(0);
            *flooding = 1;
        } else {
            if (ready[i].events & EPOLLOUT && place_of[fd] >= 0)
                subscribers[place_of[fd]].full = 0;
            if (ready[i].events & ~EPOLLOUT)
                listen_to(fd);
        }
    }
}

int main(int count, char **given) {
    frame_bytes = count == 3 ? atoi(given[1]) : 0;
    frames_per_page = count == 3 ? atoi(given[2]) : 0;
    if (frame_bytes < SMALLEST_FRAME || frames_per_page < 1) {
        fprintf(stderr, "usage: fanserver FRAME_BYTES FRAMES_PER_WRITE\n");
        return 2;
    }
    page_bytes = (size_t)frames_per_page * frame_bytes;
    ring = malloc(RING_PAGES * page_bytes + SMALLEST_FRAME);
    int poll = epoll_create1(0), listener = listen_on_free_port(), flooding = 0, busy = 0;
    watch(poll, listener, EPOLLIN);
    watch(poll, STDIN_FILENO, EPOLLIN);
    for (;;) {
        take_events(poll, listener, busy ? 0 : -1, &flooding);
        busy = flooding && flood_once();
    }
}
