#ifndef CHEXGEN_CLUA_H
#define CHEXGEN_CLUA_H
#include <lua5.4/lua.h>
#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>
#endif
