// SwiftPM wants a source file beside the header.
#include "COneDNN.h"
