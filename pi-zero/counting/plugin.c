/* A plugin of QEMU's user emulation (its plugin API 1, QEMU 6 to 8) that counts the instructions a program has executed,
   of all its threads. The kernel's are not among them. The count can be read while the program runs: it lies in a file
   that is mapped into memory.

   Arguments: counts=FILE, which gets them and must exist with room for a struct counts
              marks=NAME, to note the count whenever the program writes to a file of that name
              blocks=FILE, where each executed piece of code is listed at the end, with its address
              base=NUMBER, where the program's address 0 is (QEMU's -B), and
              day=SECONDS, for a program that lives through so much in virtual time (virtual_time.c), where
              away=SECONDS is for how long it cannot connect, at the beginning of each
              away_every=SECONDS, since its connections go to the port
              closed=NUMBER

   What it uses is declared here, since Debian ships no header: QEMU's documentation, "QEMU TCG Plugins". */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plugin.h"

#define SECOND 1000000000LL

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { ADD_U64 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *sum, uint64_t addend);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id, void (*called)(plugin_id, unsigned, int64_t, uint64_t, uint64_t,
    uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_vcpu_syscall_ret_cb(plugin_id id, void (*returned)(plugin_id, unsigned, int64_t, int64_t));
void qemu_plugin_register_vcpu_init_cb(plugin_id id, void (*began)(plugin_id, unsigned));
void qemu_plugin_register_vcpu_exit_cb(plugin_id id, void (*exited)(plugin_id, unsigned));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *data);

PUBLIC int qemu_plugin_version = 1;

struct block {
    struct block *before;
    uint64_t address;
    uint64_t executed;
};

struct counts *counts;
static struct block *blocks;
static const char *marked, *blocks_file;
static struct day day;

static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
    size_t instructions = qemu_plugin_tb_n_insns(block);
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &counts->executed, instructions);
    if (blocks_file) {
        /* One for each translation: the same code may be translated more than once. */
        struct block *one = calloc(1, sizeof *one);
        if (!one)
            abort();
        one->address = qemu_plugin_tb_vaddr(block);
        one->before = blocks;
        blocks = one;
        qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &one->executed, instructions);
    }
}

static void mark(int64_t number, uint64_t descriptor)
{
    char link[64], path[4096], *name;
    ssize_t length;
    if (number != 4) /* write, of 32-bit ARM */
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", (int)descriptor);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return;
    path[length] = 0;
    name = strrchr(path, '/');
    if (name && !strcmp(name + 1, marked) && counts->marks < MARKS)
        counts->at_mark[counts->marks++] = counts->executed;
}

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
    uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    (void)id, (void)a5, (void)a6, (void)a7, (void)a8;
    if (marked)
        mark(number, a1);
    if (day.lasts)
        time_before_call(cpu, number, a1, a2, a3, a4);
}

static void returned(plugin_id id, unsigned cpu, int64_t number, int64_t result)
{
    (void)id;
    time_after_call(cpu, number, result);
}

static void began(plugin_id id, unsigned cpu)
{
    (void)id;
    time_of_thread(cpu, 1);
}

static void exited(plugin_id id, unsigned cpu)
{
    (void)id;
    time_of_thread(cpu, 0);
}

static void ended(plugin_id id, void *data)
{
    FILE *out = fopen(blocks_file, "w");
    const struct block *one;
    (void)id, (void)data;
    if (!out)
        return;
    for (one = blocks; one; one = one->before)
        if (one->executed)
            fprintf(out, "%llx %llu\n", (unsigned long long)one->address, (unsigned long long)one->executed);
    fclose(out);
}

PUBLIC int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    const char *file = NULL;
    int i, descriptor;
    (void)info;
    for (i = 0; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value && !strncmp(argv[i], "counts=", 7))
            file = value + 1;
        else if (value && !strncmp(argv[i], "marks=", 6))
            marked = value + 1;
        else if (value && !strncmp(argv[i], "blocks=", 7))
            blocks_file = value + 1;
        else if (value && !strncmp(argv[i], "base=", 5))
            day.base = strtoull(value + 1, NULL, 0);
        else if (value && !strncmp(argv[i], "day=", 4))
            day.lasts = atoll(value + 1) * SECOND;
        else if (value && !strncmp(argv[i], "away=", 5))
            day.away = atoll(value + 1) * SECOND;
        else if (value && !strncmp(argv[i], "away_every=", 11))
            day.away_every = atoll(value + 1) * SECOND;
        else if (value && !strncmp(argv[i], "closed=", 7))
            day.closed = (uint16_t)atoi(value + 1);
        else {
            fprintf(stderr, "counting: there is no argument %s\n", argv[i]);
            return -1;
        }
    }
    descriptor = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
    counts = descriptor < 0 ? MAP_FAILED : mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (counts == MAP_FAILED) {
        perror("counting: the file of the counts");
        return -1;
    }
    close(descriptor);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    if (marked || day.lasts)
        qemu_plugin_register_vcpu_syscall_cb(id, called);
    if (day.lasts) {
        time_begins(&day);
        qemu_plugin_register_vcpu_syscall_ret_cb(id, returned);
        qemu_plugin_register_vcpu_init_cb(id, began);
        qemu_plugin_register_vcpu_exit_cb(id, exited);
    }
    if (blocks_file)
        qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
