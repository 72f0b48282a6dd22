#include "COneDNN.h"

#include <dlfcn.h>
#include <pthread.h>

// The thread count that oneDNN reads is libgomp's, which keeps one for every thread of a parallel region.
static void (*omp_set_threads)(int);
static int (*omp_max_threads)(void);
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static void load_gomp(void) {
    void *library = dlopen("libgomp.so.1", RTLD_NOW | RTLD_GLOBAL);
    if (!library) return;
    *(void **)&omp_set_threads = dlsym(library, "omp_set_num_threads");
    *(void **)&omp_max_threads = dlsym(library, "omp_get_max_threads");
}

int cx_dnn_set_threads(int count) {
    pthread_once(&loaded, load_gomp);
    if (!omp_set_threads || !omp_max_threads) return 1;
    int before = omp_max_threads();
    if (before != count) omp_set_threads(count);
    return before;
}
