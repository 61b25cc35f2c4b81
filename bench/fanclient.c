// fanclient: follows one event stream over many connections at once, in one thread, and measures what arrives.
//
//   cc -O2 -o fanclient fanclient.c
//   fanclient PORT CONNECTIONS WARM_SECONDS SECONDS [MARK] < request
//
// The request on stdin (with its key, if the server wants one) is sent as it is on every connection to 127.0.0.1:PORT.
// Prints `up` once every connection has been answered. Counting starts WARM_SECONDS after the first event and lasts
// SECONDS; order is checked from the first event on. Then prints one line of JSON:
//
//   deliveries, seconds, p50_ms, p99_ms   events counted, from the first to the last of them; delay since their stamp
//   gaps, doubles                         numbers left out, numbers seen again, over all connections
//   closed                                connections that the server ended
//   bytes, writes, write_deliveries       received; HTTP chunks on connection 0, and the events in them
//
// Every event carries the stamp  "T":"<19 digits: CLOCK_MONOTONIC in ns> <10 digits: number, from 0>"
// With a MARK, of up to 15 bytes, every event carries  MARK<8 digits: number, from 0>  instead, and no delay is known.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_MARK_BYTES = 15,
    MOST_STAMP_BYTES = MOST_MARK_BYTES + 19 + 1 + 10 + 1,
    READ_BYTES = 1 << 18,
    MAX_READY = 512,
    PATIENCE_SECONDS = 60,
};

// What is looked for: its mark, where the number begins behind it and how many digits that has.
static const char *mark_text = "\"T\":\"";
static long mark_bytes = 5, number_at = 20, number_digits = 10;
static long stamp_bytes = 5 + 19 + 1 + 10 + 1;  // with the byte that ends it: what follows may be old bytes

typedef struct {
    int fd, answered, kept;
    char rest[MOST_STAMP_BYTES];  // the end of the last read, which may be the beginning of a stamp
    long number;             // of the last event, -1 before the first
    long stride;             // bytes between the last two stamps
} Connection;

static long long deliveries, gaps, doubles, closed, bytes, line_ends, write_deliveries;
static long long first_event_ns, first_ns, last_ns, counting_from_ns, counting_to_ns;
static double warm_seconds, seconds;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

// --- delays: a histogram in steps of 10 us up to a second, of 1 ms beyond ---

enum { FINE = 100000, STEPS = FINE + 60000 };
static long long delays[STEPS];

static void note_delay(long long ns) {
    long long us = ns > 0 ? ns / 1000 : 0;
    long long step = us < 1000000 ? us / 10 : FINE + (us - 1000000) / 1000;
    delays[step < STEPS ? step : STEPS - 1]++;
}

static double delay_ms(double share) {
    long long wanted = (long long)(share * (double)deliveries), seen = 0;
    for (long step = 0; step < STEPS; step++) {
        seen += delays[step];
        if (seen > wanted)
            return step < FINE ? step / 100.0 : 1000.0 + (step - FINE);
    }
    return 0;
}

// --- what a connection receives ---

static void note_event(Connection *connection, const char *stamp, long long now, int counted, int is_first) {
    char digits[11] = {0};
    memcpy(digits, stamp + mark_bytes + number_at, number_digits);
    long number = strtol(digits, NULL, 10);
    if (connection->number >= 0 && number <= connection->number)
        doubles++;
    else if (connection->number >= 0)
        gaps += number - connection->number - 1;
    connection->number = number;
    if (!counted)
        return;
    if (!deliveries++)
        first_ns = now;
    last_ns = now;
    write_deliveries += is_first;
    if (number_at)
        note_delay(now - strtoll(stamp + mark_bytes, NULL, 10));
}

// The next stamp's mark. Events are much alike, so it is looked for first where the last stride leads; had that passed
// over an event, its number would be missed.
static char *find_mark(const Connection *connection, char *at, char *end) {
    char *guess = at + connection->stride;
    if (connection->stride && end - guess >= mark_bytes && !memcmp(guess, mark_text, mark_bytes))
        return guess;
    return memmem(at, end - at, mark_text, mark_bytes);
}

// Find the stamps in `rest` + what was read. `data` has MOST_STAMP_BYTES of room in front of it.
static void scan(Connection *connection, char *data, long length, long long now, int counted, int is_first) {
    char *at = data - connection->kept, *end = data + length, *mark;
    memcpy(at, connection->rest, connection->kept);
    while ((mark = find_mark(connection, at, end)) && end - mark >= stamp_bytes) {
        connection->stride = mark - at;
        if (!first_event_ns) {
            first_event_ns = now;
            counting_from_ns = now + (long long)(warm_seconds * 1e9);
            counting_to_ns = counting_from_ns + (long long)(seconds * 1e9);
        }
        note_event(connection, mark, now, counted, is_first);
        at = mark + stamp_bytes;
    }
    if (!mark && end - at >= mark_bytes)
        at = end - (mark_bytes - 1);
    else if (mark)
        at = mark;
    connection->kept = end - at;
    memcpy(connection->rest, at, connection->kept);
}

// Only the framing of HTTP chunks has line ends with \r, two for each chunk: the payload is JSON in one line.
static long count_line_ends(const char *data, long length) {
    long found = 0;
    for (const char *end = data + length; (data = memchr(data, '\r', end - data)); data++)
        found++;
    return found;
}

static void take(Connection *connection, int is_first, int poll) {
    static char room[MOST_STAMP_BYTES + READ_BYTES];
    char *data = room + MOST_STAMP_BYTES;
    long length = read(connection->fd, data, READ_BYTES);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        closed++;
        epoll_ctl(poll, EPOLL_CTL_DEL, connection->fd, NULL);
        return;
    }
    long long now = now_ns();
    int counted = first_event_ns && now >= counting_from_ns;
    connection->answered = 1;
    if (counted) {
        bytes += length;
        if (is_first)
            line_ends += count_line_ends(data, length);
    }
    scan(connection, data, length, now, counted, is_first);
}

// --- connecting ---

static int dial(int port, const char *request, long length) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (write(fd, request, length) != length)
        die("write");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static Connection *dial_all(int poll, int port, int count, const char *request, long length) {
    Connection *connections = calloc(count, sizeof *connections);
    for (int i = 0; i < count; i++) {
        connections[i] = (Connection){.fd = dial(port, request, length), .number = -1};
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event);
    }
    return connections;
}

static int all_answered(const Connection *connections, int count) {
    for (int i = 0; i < count; i++)
        if (!connections[i].answered)
            return 0;
    return 1;
}

static void report(void) {
    printf("{\"deliveries\":%lld,\"seconds\":%.6f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"gaps\":%lld,\"doubles\":%lld,"
           "\"closed\":%lld,\"bytes\":%lld,\"writes\":%lld,\"write_deliveries\":%lld}\n",
           deliveries, (last_ns - first_ns) / 1e9, delay_ms(0.5), delay_ms(0.99), gaps, doubles, closed, bytes,
           line_ends / 2, write_deliveries);
}

int main(int argument_count, char **given) {
    static char request[65536];
    if (argument_count < 5 || argument_count > 6 || (argument_count == 6 && strlen(given[5]) > MOST_MARK_BYTES)) {
        fprintf(stderr, "usage: fanclient PORT CONNECTIONS WARM_SECONDS SECONDS [MARK] < request\n");
        return 2;
    }
    if (argument_count == 6) {
        mark_text = given[5], mark_bytes = strlen(mark_text), number_at = 0, number_digits = 8;
        stamp_bytes = mark_bytes + number_digits + 1;
    }
    int port = atoi(given[1]), count = atoi(given[2]), up = 0;
    warm_seconds = atof(given[3]);
    seconds = atof(given[4]);
    long length = fread(request, 1, sizeof request, stdin);

    int poll = epoll_create1(0);
    Connection *connections = dial_all(poll, port, count, request, length);
    long long give_up_ns = now_ns() + PATIENCE_SECONDS * 1000000000LL;
    struct epoll_event ready[MAX_READY];
    while (now_ns() < (first_event_ns ? counting_to_ns : give_up_ns) && closed < count) {
        int found = epoll_wait(poll, ready, MAX_READY, 50);
        for (int i = 0; i < found; i++)
            take(&connections[ready[i].data.u32], ready[i].data.u32 == 0, poll);
        if (!up && (up = all_answered(connections, count))) {
            puts("up");
            fflush(stdout);
        }
    }
    report();
    return 0;
}
