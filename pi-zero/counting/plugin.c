/* A plugin of QEMU's user emulation (its plugin API 1, QEMU 6 to 8) that counts the instructions a program has executed,
   of all its threads. The kernel's are not among them. The count can be read while the program runs: it lies in a file
   that is mapped into memory.

   Arguments: counts=FILE, which gets them and must exist with room for a struct counts
              marks=NAME, to note the count whenever the program writes to a file of that name
              blocks=FILE, where each executed piece of code is listed at the end, with its address

   What it uses is declared here, since Debian ships no header: QEMU's documentation, "QEMU TCG Plugins". */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define MARKS 14

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { ADD_U64 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *sum, uint64_t addend);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id, void (*called)(plugin_id, unsigned, int64_t, uint64_t, uint64_t,
    uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *data);

PUBLIC int qemu_plugin_version = 1;

/* The file: little-endian, as counting/program.py reads it. */
struct counts {
    uint64_t executed;
    uint64_t marks;
    uint64_t at_mark[MARKS];
};

struct block {
    struct block *before;
    uint64_t address;
    uint64_t executed;
};

static struct counts *counts;
static struct block *blocks;
static const char *marked, *blocks_file;

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

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t descriptor, uint64_t a2, uint64_t a3, uint64_t a4,
    uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    char link[64], path[4096], *name;
    ssize_t length;
    (void)id, (void)cpu, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
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
    if (marked)
        qemu_plugin_register_vcpu_syscall_cb(id, called);
    if (blocks_file)
        qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
