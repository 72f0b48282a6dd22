#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

// The count hook never fires inside a C function of Lua's library, and native work may forget to look. So a thread
// keeps the time: it makes the request to stop when the time limit has passed, and ends the process when a script that
// was asked to stop does not get anywhere any more. What a run has recorded is on the disk by then.

enum {
    LOOK_MILLISECONDS = 100,
    GRACE_SECONDS = 5,          // inside one C function of Lua's library
    NATIVE_GRACE_SECONDS = 60,  // inside one Swift function, which may be writing a file
};

static void end_process(int reason) {
    const char *text = cxl_stop_text(reason);
    char line[128];
    int length = snprintf(line, sizeof line, "%s\n", text);
    if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0) _exit(1);
    _exit(reason == CX_STOP_INTERRUPT ? 130 : 1);
}

static void *watch(void *opaque) {
    cx_lua *lua = opaque;
    struct cxl_watchdog *dog = &lua->watchdog;
    double moved_at = 0;
    unsigned long last = 0;
    bool stopping = false;
    pthread_mutex_lock(&dog->mutex);
    while (!dog->quit) {
        if (!dog->active) {
            stopping = false;
            pthread_cond_wait(&dog->wake, &dog->mutex);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MILLISECONDS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&dog->wake, &dog->mutex, &until);
        if (dog->quit || !dog->active) continue;

        double now = cxl_now();
        double deadline = atomic_load(&dog->deadline);
        if (deadline > 0 && now >= deadline) cx_request_stop(CX_STOP_TIME_LIMIT);
        int reason = cx_stop_requested();
        unsigned long ticks = atomic_load(&dog->ticks);
        if (!reason) {
            stopping = false;
        } else if (!stopping || ticks != last) {
            stopping = true;
            last = ticks;
            moved_at = now;
        } else if (now - moved_at >= (atomic_load(&dog->in_swift) ? NATIVE_GRACE_SECONDS : GRACE_SECONDS)) {
            end_process(reason);
        }
    }
    pthread_mutex_unlock(&dog->mutex);
    return NULL;
}

static void start(cx_lua *lua) {
    struct cxl_watchdog *dog = &lua->watchdog;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&dog->mutex, NULL);
    pthread_cond_init(&dog->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    // Signals are for the thread that runs the script.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    dog->started = pthread_create(&dog->thread, NULL, watch, lua) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!dog->started) {
        pthread_cond_destroy(&dog->wake);
        pthread_mutex_destroy(&dog->mutex);
    }
}

void cxl_watch_begin(cx_lua *lua) {
    struct cxl_watchdog *dog = &lua->watchdog;
    if (!dog->started) start(lua);
    if (!dog->started) return;  // the hook still keeps the limits
    pthread_mutex_lock(&dog->mutex);
    dog->active = true;
    pthread_cond_signal(&dog->wake);
    pthread_mutex_unlock(&dog->mutex);
}

void cxl_watch_end(cx_lua *lua) {
    struct cxl_watchdog *dog = &lua->watchdog;
    if (!dog->started) return;
    pthread_mutex_lock(&dog->mutex);
    dog->active = false;
    pthread_mutex_unlock(&dog->mutex);
}

void cxl_watch_quit(cx_lua *lua) {
    struct cxl_watchdog *dog = &lua->watchdog;
    if (!dog->started) return;
    pthread_mutex_lock(&dog->mutex);
    dog->quit = true;
    pthread_cond_signal(&dog->wake);
    pthread_mutex_unlock(&dog->mutex);
    pthread_join(dog->thread, NULL);
    pthread_cond_destroy(&dog->wake);
    pthread_mutex_destroy(&dog->mutex);
    dog->started = false;
}
