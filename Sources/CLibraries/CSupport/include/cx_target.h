#ifndef CHEXGEN_TARGET_H
#define CHEXGEN_TARGET_H

/// The processors that kernels were compiled for, as -march names them: native is the one that built the program.
const char *cx_kernel_target(void);
#endif
