#ifndef CHEXGEN_CYAML_H
#define CHEXGEN_CYAML_H
#include <yaml.h>
#endif
