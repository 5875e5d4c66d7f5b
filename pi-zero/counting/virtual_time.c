/* Lets a program under QEMU's user emulation live through a day in seconds. Whenever all of its threads wait, and nothing
   that they wait for has happened, the clock is set forward to the end of that wait. So the program itself runs through
   the day, with each of its timers; what it asks of a server takes the time that it takes.

   For this the library is loaded twice: as a plugin, which sees each system call before it is made, and by LD_PRELOAD,
   where its clock_gettime() takes the place of the one that QEMU asks. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "plugin.h"

#define THREADS 16
#define SECOND 1000000000LL
/* How long a thread waits until it looks again whether all others do. */
#define STEP_MS 1

/* System calls of 32-bit ARM. */
enum { FUTEX = 240, CONNECT = 283, PPOLL = 336, FUTEX_TIME64 = 422 };
/* Other calls that may wait for a time: select, nanosleep, poll, epoll_wait and what has come after them. */
static const int64_t UNKNOWN_WAITS[] = { 142, 162, 168, 252, 265, 335, 346, 407, 413, 414, 441 };
enum { FUTEX_WAIT = 0, FUTEX_WAIT_BITSET = 9, FUTEX_OPERATION = 15 };

struct guest_time {
    int32_t seconds, nanoseconds;
};

/* What a thread waits for without an end: that `*word` is no longer `value`. NULL if it does not. */
struct thread {
    int lives;
    const uint32_t *volatile word;
    volatile uint32_t value;
};

static struct thread threads[THREADS];
static volatile int64_t ahead;
static int64_t begun;
static struct day day;
static int (*real_clock)(clockid_t, struct timespec *);

static int64_t nanoseconds(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec; }

PUBLIC int clock_gettime(clockid_t clock, struct timespec *time)
{
    int64_t now;
    int failed;
    if (!real_clock)
        real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    failed = real_clock(clock, time);
    if (failed || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME))
        return failed;
    now = nanoseconds(time) + ahead;
    time->tv_sec = now / SECOND;
    time->tv_nsec = now % SECOND;
    return 0;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return nanoseconds(&time);
}

static void *host(uint64_t address) { return (void *)(day.base + address); }

static int all_others_wait(unsigned cpu)
{
    unsigned i;
    for (i = 0; i < THREADS; i++)
        if (i != cpu && threads[i].lives && !(threads[i].word && *threads[i].word == threads[i].value))
            return 0;
    return 1;
}

/* Sets the clock forward by `wait`, or ends the day. */
static int pass(int64_t wait)
{
    if (!begun) {
        begun = now();
        counts->begun = 1;
        while (!counts->go)
            usleep(STEP_MS * 1000);
        counts->executed = 0;
        /* The one that ends this wait. */
        counts->wake_ups = 1;
    }
    if (now() + wait >= begun + day.lasts) {
        counts->executed_in_day = counts->executed;
        counts->wake_ups_in_day = counts->wake_ups;
        counts->over = 1;
        return 0;
    }
    ahead += wait;
    return 1;
}

static void waits_for_descriptors(unsigned cpu, uint64_t list, uint64_t many, uint64_t limit)
{
    struct guest_time *time = host(limit);
    struct pollfd *sources = host(list);
    int64_t wait = limit ? time->seconds * SECOND + time->nanoseconds : -1, end = now() + wait;
    if (wait == 0 || poll(sources, many, 0) > 0)
        return;
    __atomic_add_fetch(&counts->wake_ups, 1, __ATOMIC_RELAXED);
    while (wait > 0 && !counts->over) {
        int64_t left = end - now();
        /* In this order: what a thread has left behind before it waits is seen after it does. */
        if (left <= 0 || (all_others_wait(cpu) && poll(sources, many, 0) == 0 && pass(left))) {
            time->seconds = time->nanoseconds = 0;
            return;
        }
        if (poll(sources, many, STEP_MS) != 0)
            return;
    }
}

/* A wait that is not understood would be neither counted nor passed. */
static void refuse_unknown_waits(int64_t number)
{
    size_t i;
    for (i = 0; begun && i < sizeof UNKNOWN_WAITS / sizeof *UNKNOWN_WAITS; i++)
        if (number == UNKNOWN_WAITS[i]) {
            fprintf(stderr, "counting: the program waits by system call %d, which virtual_time.c does not know\n", (int)number);
            abort();
        }
}

static int is_away(void)
{
    int64_t since = now() - begun;
    return begun && day.away && since % day.away_every < day.away;
}

void time_before_call(unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    struct thread *own = &threads[cpu % THREADS];
    int operation = a2 & FUTEX_OPERATION;
    struct sockaddr_in *address;
    refuse_unknown_waits(number);
    switch (number) {
    case PPOLL:
        waits_for_descriptors(cpu, a1, a2, a3);
        break;
    case FUTEX:
    case FUTEX_TIME64:
        if (!a4 && (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET)) {
            own->value = a3;
            own->word = host(a1);
        }
        break;
    case CONNECT:
        address = host(a2);
        if (address->sin_family == AF_INET && is_away())
            address->sin_port = htons(day.closed);
        break;
    }
}

void time_after_call(unsigned cpu, int64_t number, int64_t result)
{
    struct thread *own = &threads[cpu % THREADS];
    if (number != FUTEX && number != FUTEX_TIME64)
        return;
    if (own->word && result == 0)
        __atomic_add_fetch(&counts->wake_ups, 1, __ATOMIC_RELAXED);
    own->word = NULL;
}

void time_of_thread(unsigned cpu, int lives)
{
    threads[cpu % THREADS].word = NULL;
    threads[cpu % THREADS].lives = lives;
}

void time_begins(const struct day *of) { day = *of; }
