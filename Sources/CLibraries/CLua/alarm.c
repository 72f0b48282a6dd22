#include <signal.h>
#include <time.h>

#include "internal.h"

// The count hook never fires inside a C function of Lua's library, and native work does not know the time limit. So a thread
// makes the request to stop when the time has come; what does not heed it is for the backstop of the process.

static struct timespec moment(double seconds) {
    struct timespec moment = {.tv_sec = (time_t)seconds};
    moment.tv_nsec = (long)((seconds - (double)moment.tv_sec) * 1e9);
    return moment;
}

static void *watch(void *opaque) {
    cx_lua *lua = opaque;
    struct cxl_alarm *alarm = &lua->alarm;
    pthread_mutex_lock(&alarm->mutex);
    while (!alarm->quit) {
        double deadline = atomic_load(&alarm->deadline);
        if (!alarm->active || deadline == 0) {
            pthread_cond_wait(&alarm->wake, &alarm->mutex);
        } else if (cxl_now() < deadline) {
            struct timespec until = moment(deadline);
            pthread_cond_timedwait(&alarm->wake, &alarm->mutex, &until);
        } else {
            cx_request_stop(CX_STOP_TIME_LIMIT);
            pthread_cond_wait(&alarm->wake, &alarm->mutex);
        }
    }
    pthread_mutex_unlock(&alarm->mutex);
    return NULL;
}

static void start(cx_lua *lua) {
    struct cxl_alarm *alarm = &lua->alarm;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&alarm->mutex, NULL);
    pthread_cond_init(&alarm->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    // Signals are for the thread that runs the script.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    alarm->started = pthread_create(&alarm->thread, NULL, watch, lua) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!alarm->started) {
        pthread_cond_destroy(&alarm->wake);
        pthread_mutex_destroy(&alarm->mutex);
    }
}

/// Changes whether a script runs, or that the thread is to end.
static void tell(cx_lua *lua, bool active, bool quit) {
    struct cxl_alarm *alarm = &lua->alarm;
    pthread_mutex_lock(&alarm->mutex);
    alarm->active = active;
    alarm->quit = quit;
    pthread_cond_signal(&alarm->wake);
    pthread_mutex_unlock(&alarm->mutex);
}

void cxl_alarm_begin(cx_lua *lua) {
    if (lua->limits.seconds <= 0) return;
    if (!lua->alarm.started) start(lua);
    if (lua->alarm.started) tell(lua, true, false);  // without a thread the hook still keeps the limit
}

void cxl_alarm_end(cx_lua *lua) {
    if (lua->alarm.started) tell(lua, false, false);
}

void cxl_alarm_quit(cx_lua *lua) {
    struct cxl_alarm *alarm = &lua->alarm;
    if (!alarm->started) return;
    tell(lua, false, true);
    pthread_join(alarm->thread, NULL);
    pthread_cond_destroy(&alarm->wake);
    pthread_mutex_destroy(&alarm->mutex);
    alarm->started = false;
}
