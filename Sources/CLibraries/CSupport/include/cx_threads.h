#ifndef CHEXGEN_THREADS_H
#define CHEXGEN_THREADS_H

/// Sets how many threads a parallel region uses (libgomp's pool, the one that oneDNN uses too).
void cx_set_threads(int count);
int cx_threads(void);

/// Lets the idle threads of libgomp and OpenBLAS sleep soon, where the user has not said how long they spin: the two pools
/// take turns here, and each would take cores from the other. Both libraries read this when they are loaded, so the process
/// starts once more, with the same arguments, unless all is set; where that fails it goes on as it is.
void cx_calm_threads(char *const *arguments);

/// Runs body(context, index) for index 0 ..< units, on cx_threads() threads where libgomp is present, else one by one.
void cx_parallel(int units, void (*body)(void *context, int index), void *context);
#endif
