#ifndef CHEXGEN_CSQLITE_H
#define CHEXGEN_CSQLITE_H
#include <sqlite3.h>
#endif
