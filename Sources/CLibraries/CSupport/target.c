#include "cx_target.h"

// Package.swift gives the kernels the same.
#define TEXT(name) #name
#define TEXT_OF(name) TEXT(name)

const char *cx_kernel_target(void) { return TEXT_OF(CHEXGEN_MARCH); }
