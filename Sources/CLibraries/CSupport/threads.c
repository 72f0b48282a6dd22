#include "cx_threads.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_int thread_count;

// libgomp is loaded already wherever oneDNN is linked; clang would bring a second pool (libomp) beside it.
static void (*gomp_parallel)(void (*)(void *), void *, unsigned, unsigned);
static int (*omp_thread_number)(void);
static void (*omp_set_threads)(int);
static int (*omp_active)(void);
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static void load_gomp(void) {
    void *library = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!library) return;
    *(void **)&omp_thread_number = dlsym(library, "omp_get_thread_num");
    *(void **)&omp_set_threads = dlsym(library, "omp_set_num_threads");
    *(void **)&omp_active = dlsym(library, "omp_in_parallel");
    *(void **)&gomp_parallel = dlsym(library, "GOMP_parallel");
    if (!omp_thread_number || !omp_set_threads || !omp_active) gomp_parallel = NULL;
}

void cx_set_threads(int count) {
    pthread_once(&loaded, load_gomp);
    if (count < 1) count = 1;
    atomic_store(&thread_count, count);
    if (omp_set_threads) omp_set_threads(count);
}

int cx_threads(void) {
    int count = atomic_load(&thread_count);
    if (count > 0) return count;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

void cx_calm_threads(char *const *arguments) {
    int is_set = 1;
    if (!getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY")) is_set = setenv("GOMP_SPINCOUNT", "20000", 1) != 0;
    if (!getenv("OPENBLAS_THREAD_TIMEOUT")) is_set = setenv("OPENBLAS_THREAD_TIMEOUT", "14", 1) != 0 && is_set;
    if (!is_set) execv("/proc/self/exe", arguments);
}

struct region {
    void (*body)(void *, int);
    void *context;
    int wanted;
    atomic_int next;
};

// libgomp may give fewer threads than were asked for, so indexes are handed out rather than taken from the thread.
static void run_region(void *opaque) {
    struct region *region = opaque;
    for (;;) {
        int index = atomic_fetch_add(&region->next, 1);
        if (index >= region->wanted) return;
        region->body(region->context, index);
    }
}

void cx_parallel(int units, void (*body)(void *, int), void *context) {
    pthread_once(&loaded, load_gomp);
    struct region region = {body, context, units, 0};
    int threads = cx_threads() < units ? cx_threads() : units;
    if (threads > 1 && gomp_parallel && !omp_active())
        gomp_parallel(run_region, &region, (unsigned)threads, 0);
    else
        run_region(&region);
}
