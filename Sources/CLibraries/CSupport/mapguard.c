// A mapped file that another process cuts gives SIGBUS where it is read. The handler puts a page of zeros there and
// requests a stop, so that the run ends with an error rather than a signal.
#include "cx_mapguard.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cx_stop.h"

enum { GUARDS = 4096 };
static struct {
    atomic_uintptr_t start, end;
    char *path;
} guards[GUARDS];
// The first file that was found cut since the last request was forgotten: 0 none, 1 being written, 2 written.
static atomic_int naming;
static char changed_path[4096];
static struct sigaction before;
static uintptr_t page_size;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_bus_error(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    uintptr_t address = (uintptr_t)info->si_addr;
    for (int i = 0; i < GUARDS; i++) {
        if (address < atomic_load(&guards[i].start) || address >= atomic_load(&guards[i].end)) continue;
        void *page = (void *)(address & ~(page_size - 1));
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
        if (mmap(page, page_size, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) break;
        int known = atomic_load(&naming);
        if (cx_stop_requested() != CX_STOP_FILE_CHANGED && known != 1 &&
            atomic_compare_exchange_strong(&naming, &known, 1)) {
            size_t length = 0;
            while (guards[i].path[length] && length + 1 < sizeof changed_path) {
                changed_path[length] = guards[i].path[length];
                length++;
            }
            changed_path[length] = 0;
            atomic_store(&naming, 2);
        }
        cx_request_stop(CX_STOP_FILE_CHANGED);
        return;
    }
    // Not ours: the instruction runs again under the action that was there before.
    sigaction(SIGBUS, &before, NULL);
}

static void install(void) {
    page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    struct sigaction action = {0};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &before);
}

bool cx_guard_mapping(const void *start, size_t length, const char *path) {
    static pthread_once_t installed = PTHREAD_ONCE_INIT;
    pthread_once(&installed, install);
    char *copy = strdup(path);
    if (!copy) return false;
    bool found = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < GUARDS && !found; i++) {
        if (atomic_load(&guards[i].end) != 0) continue;
        // The end is set last and cleared first: an entry is in use where it is not 0.
        guards[i].path = copy;
        atomic_store(&guards[i].start, (uintptr_t)start);
        atomic_store(&guards[i].end, (uintptr_t)start + length);
        found = true;
    }
    pthread_mutex_unlock(&lock);
    if (!found) free(copy);
    return found;
}

void cx_unguard_mapping(const void *start) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < GUARDS; i++) {
        if (atomic_load(&guards[i].end) == 0 || atomic_load(&guards[i].start) != (uintptr_t)start) continue;
        atomic_store(&guards[i].end, 0);
        free(guards[i].path);
        guards[i].path = NULL;
        break;
    }
    pthread_mutex_unlock(&lock);
}

const char *cx_changed_file(void) {
    return cx_stop_requested() == CX_STOP_FILE_CHANGED && atomic_load(&naming) == 2 ? changed_path : "";
}
