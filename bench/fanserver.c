// fanserver: the limit that the hub's fan-out is compared with. One thread writes the same event frames to every
// subscriber, with nothing behind them: no log, no keys, no HTTP beyond one status line.
//
//   cc -O2 -o fanserver fanserver.c
//   fanserver FRAME_BYTES FRAMES_PER_WRITE
//
// Prints the port it listens on. Whoever connects and sends a request is a subscriber. A line on stdin starts the flood;
// the end of stdin ends the program. Frames look like the hub's and are padded to FRAME_BYTES; each write to a
// subscriber carries FRAMES_PER_WRITE of them, made once and shared by all. Every frame carries the stamp that
// fanclient.c reads:  "T":"<19 digits: CLOCK_MONOTONIC in ns> <10 digits: number of the frame, from 0>"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SUBSCRIBERS = 65536, MAX_EVENTS = 256, SMALLEST_FRAME = 128 };

static int subscribers[MAX_SUBSCRIBERS];
static int subscriber_count;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

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

static void watch(int poll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static void welcome(int poll, int listener) {
    int fd = accept(listener, NULL, NULL), on = 1;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(poll, fd);
}

static void forget(int fd) {
    for (int i = 0; i < subscriber_count; i++)
        if (subscribers[i] == fd)
            subscribers[i] = subscribers[--subscriber_count];
    close(fd);
}

// A request came in, or its sender has gone.
static void serve(int fd) {
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nretry: 1000\n\n";
    char request[4096];
    if (read(fd, request, sizeof request) <= 0 || subscriber_count == MAX_SUBSCRIBERS)
        forget(fd);
    else if (write(fd, head, sizeof head - 1) == sizeof head - 1)
        subscribers[subscriber_count++] = fd;
}

// One frame of exactly `size` bytes; dots fill what is left.
static void print_frame(char *at, int size, long number) {
    static const char end[] = "\"}}\n\n";
    int head = sprintf(at, "id: %ld\nevent: text-delta\ndata: {\"seq\":%ld,\"body\":{\"T\":\"%019lld %010ld\",\"delta\":\"",
                       number + 1, number + 1, now_ns(), number);
    int tail = sizeof end - 1;
    memset(at + head, '.', size - head - tail);
    memcpy(at + size - tail, end, tail);
}

static void send_all(int fd, const char *bytes, size_t left) {
    while (left > 0) {
        ssize_t sent = send(fd, bytes, left, MSG_NOSIGNAL);
        if (sent <= 0)
            return;  // gone; epoll reports it
        bytes += sent;
        left -= sent;
    }
}

static void flood_once(char *page, int frame_bytes, int frames) {
    static long number;
    for (int i = 0; i < frames; i++)
        print_frame(page + (size_t)i * frame_bytes, frame_bytes, number++);
    for (int i = 0; i < subscriber_count; i++)
        send_all(subscribers[i], page, (size_t)frames * frame_bytes);
}

int main(int count, char **given) {
    int frame_bytes = count == 3 ? atoi(given[1]) : 0, frames = count == 3 ? atoi(given[2]) : 0;
    if (frame_bytes < SMALLEST_FRAME || frames < 1) {
        fprintf(stderr, "usage: fanserver FRAME_BYTES FRAMES_PER_WRITE\n");
        return 2;
    }
    char *page = malloc((size_t)frames * frame_bytes + SMALLEST_FRAME);
    int poll = epoll_create1(0), listener = listen_on_free_port(), flooding = 0;
    struct epoll_event ready[MAX_EVENTS];
    watch(poll, listener);
    watch(poll, STDIN_FILENO);
    for (;;) {
        int found = epoll_wait(poll, ready, MAX_EVENTS, flooding ? 0 : -1);
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                welcome(poll, listener);
            } else if (fd == STDIN_FILENO) {
                char line[64];
                if (read(fd, line, sizeof line) <= 0)
                    return 0;
                flooding = 1;
            } else {
                serve(fd);
            }
        }
        if (flooding)
            flood_once(page, frame_bytes, frames);
    }
}
