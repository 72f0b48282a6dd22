#ifndef CHEXGEN_MAPGUARD_H
#define CHEXGEN_MAPGUARD_H
#include <stdbool.h>
#include <stddef.h>

/// Watches a mapping of a file: where the file is cut while it is mapped, reading beyond its new end gives zeros and
/// requests a stop (CX_STOP_FILE_CHANGED) instead of killing the process. Returns whether there was room to watch it.
/// The path is copied.
bool cx_guard_mapping(const void *start, size_t length, const char *path);
/// Forgets a mapping; call it before munmap.
void cx_unguard_mapping(const void *start);
/// The path of the file that was found cut and for which a stop is requested, or an empty text.
const char *cx_changed_file(void);
#endif
