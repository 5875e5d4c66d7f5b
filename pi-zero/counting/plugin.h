/* What the parts of the plugin share. */

#ifndef PLUGIN_H
#define PLUGIN_H

#include <stdint.h>

#define PUBLIC __attribute__((visibility("default")))
#define MARKS 14

/* The file: little-endian, as counting/program.py reads it. */
struct counts {
    uint64_t executed;
    uint64_t marks;
    uint64_t at_mark[MARKS];
    /* Set when the program first waits for the day to pass; it goes on when the other side has set `go`. */
    uint64_t begun;
    volatile uint64_t go;
    /* How often a thread went on after it had waited, since `go`. */
    uint64_t wake_ups;
    /* Set when the day is over, with what had been counted by then. */
    uint64_t over;
    uint64_t executed_in_day;
    uint64_t wake_ups_in_day;
};

extern struct counts *counts;

/* Times in nanoseconds. */
struct day {
    /* 0 for a program that lives in real time. */
    int64_t lasts;
    /* For so long, at the beginning of each `away_every`, connections go to the port `closed`, which refuses them. */
    int64_t away, away_every;
    uint16_t closed;
    /* Where the program's address 0 is. */
    uint64_t base;
};

void time_begins(const struct day *day);
void time_of_thread(unsigned cpu, int lives);
void time_before_call(unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
void time_after_call(unsigned cpu, int64_t number, int64_t result);

#endif
