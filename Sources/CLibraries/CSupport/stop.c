#include "cx_stop.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_NANOSECONDS = 50000000 };

static atomic_int stop_reason;
static atomic_llong asked_at;    // nanoseconds of the monotonic clock
static atomic_llong changed_at;  // when a piece of work last began or ended
static atomic_int working;
static atomic_bool is_watched;
static sem_t asked;
static int64_t grace;
static pthread_mutex_t note_lock = PTHREAD_MUTEX_INITIALIZER;
static char *note;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

bool cx_request_stop(int reason) {
    int none = CX_STOP_NONE;
    if (atomic_load(&stop_reason) != none) return false;
    // Before the reason, so that whoever sees the reason sees a time that belongs to it.
    atomic_store(&asked_at, now());
    if (!atomic_compare_exchange_strong(&stop_reason, &none, reason)) return false;
    if (atomic_load(&is_watched)) sem_post(&asked);
    return true;
}

int cx_stop_requested(void) { return atomic_load_explicit(&stop_reason, memory_order_relaxed); }
void cx_clear_stop(void) { atomic_store(&stop_reason, CX_STOP_NONE); }

const char *cx_stop_text(int reason) {
    switch (reason) {
    case CX_STOP_INTERRUPT: return "stopped: interrupted";
    case CX_STOP_TIME_LIMIT: return "stopped: time limit";
    case CX_STOP_INSTRUCTION_LIMIT: return "stopped: instruction limit";
    case CX_STOP_MEMORY_LIMIT: return "stopped: memory limit";
    case CX_STOP_FILE_CHANGED: return "stopped: a file was cut short while it was in use";
    default: return "stopped";
    }
}

void cx_work_begin(void) {
    atomic_store(&changed_at, now());
    atomic_fetch_add(&working, 1);
}

void cx_work_end(void) {
    atomic_store(&changed_at, now());
    atomic_fetch_sub(&working, 1);
}

void cx_backstop_note(const char *text) {
    char *copy = text ? strdup(text) : NULL;
    pthread_mutex_lock(&note_lock);
    free(note);
    note = copy;
    pthread_mutex_unlock(&note_lock);
}

static void print_line(const char *text) {
    // A standard error that cannot be written takes nothing from the exit status.
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    if (written >= 0) written = write(STDERR_FILENO, "\n", 1);
    (void)written;
}

static void end_process(int reason) {
    print_line(cx_stop_text(reason));
    if (pthread_mutex_trylock(&note_lock) == 0 && note) print_line(note);
    _exit(reason == CX_STOP_INTERRUPT ? 130 : 1);
}

static void *watch(void *unused) {
    (void)unused;
    const struct timespec pause = {0, LOOK_NANOSECONDS};
    for (;;) {
        while (sem_wait(&asked) != 0 && errno == EINTR) {}
        int reason;
        while ((reason = cx_stop_requested()) != CX_STOP_NONE) {
            int64_t since = atomic_load(&asked_at), change = atomic_load(&changed_at);
            if (change > since) since = change;
            if (atomic_load(&working) > 0 && now() - since >= grace) end_process(reason);
            nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

bool cx_start_backstop(double seconds) {
    grace = (int64_t)(seconds * 1e9);
    if (atomic_load(&is_watched)) return true;
    if (sem_init(&asked, 0, 0) != 0) return false;
    // Signals are for the threads that work.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_t thread;
    bool started = pthread_create(&thread, NULL, watch, NULL) == 0;
    if (started) pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    atomic_store(&is_watched, started);
    if (started && cx_stop_requested() != CX_STOP_NONE) sem_post(&asked);
    return started;
}
