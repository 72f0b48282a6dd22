#ifndef CHEXGEN_CLINEEDIT_H
#define CHEXGEN_CLINEEDIT_H
#include <stddef.h>
#include <stdio.h>
#include <editline/readline.h>
#endif
