#ifndef CHEXGEN_CTURBOJPEG_H
#define CHEXGEN_CTURBOJPEG_H
#include <turbojpeg.h>
#endif
